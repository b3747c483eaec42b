package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var sessionsPrepareChecks = []check[*sessionsChecker]{
	{"SessionsCanBePreparedAtOnce", "storage.Sessions.PrepareSessions",
		"Many nodes may call PrepareSessions at the same time and again later: it keeps what is there.",
		sessionsCanBePreparedAtOnce},
}

var sessionsTakeChecks = []check[*sessionsChecker]{
	{"SavedSessionsAreTaken", "storage.Sessions.TakeSession",
		"TakeSession returns the session as it was saved last, with the owner before, to any node. A client that " +
			"comes back to another node must be who it was.", savedSessionsAreTaken},
	{"SessionsAreTakenOnce", "storage.Sessions.TakeSession",
		"If several nodes take a session at the same moment, one gets it and the others get ErrNotFound, until its " +
			"new owner has saved it. Otherwise a client exists twice.", sessionsAreTakenOnce},
	{"UnknownSessionsAreNotFound", "storage.Sessions.TakeSession",
		"A session that was never saved, or was removed, is ErrNotFound. Clients may send any id.",
		unknownSessionsAreNotFound},
}

func sessionsCanBePreparedAtOnce(c *sessionsChecker) {
	var all []storage.Sessions
	for range 8 {
		all = append(all, c.newUnprepared())
	}
	called := "PrepareSessions on 16 goroutines"
	c.inParallel(called, 16, func(ctx context.Context, i int) error { return all[i/2].PrepareSessions(ctx) })
	want := c.saved("s", "key", "one", false)
	c.save(all[0], want)
	c.inParallel(called+" again", 16, func(ctx context.Context, i int) error { return all[i/2].PrepareSessions(ctx) })
	c.expectTake(c.newSessions(), called+", SaveSessions, PrepareSessions", "two", want)
}

func savedSessionsAreTaken(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	state := []byte(allBytes())
	want := storage.SavedSession{Scope: c.scope("s"), Key: "key", Owner: "one", State: state}
	c.save(one, want)
	kept := want
	kept.State = []byte(allBytes())
	invertBytes(state) // the store does not retain it
	c.expectTake(two, "SaveSessions, overwrite the State", "two", kept)

	kept.Owner = "two"
	for i, next := range []storage.SavedSession{
		{State: []byte("second")}, {State: []byte("third"), Away: true}, {State: nil}, {State: []byte{}},
		{State: []byte(sizedText(1 << 20)), Away: true}, {State: []byte("last"), Away: false},
	} {
		owner, taker := "two", fmt.Sprint("taker ", i)
		if i > 0 {
			owner = fmt.Sprint("taker ", i-1)
		}
		next.Scope, next.Key, next.Owner = kept.Scope, kept.Key, owner
		before := next
		before.State, before.Away = []byte("overwritten"), false
		c.save(two, before)
		c.save([]storage.Sessions{one, two}[i%2], next)
		c.expectTake(two, "SaveSessions again", taker, next)
	}
	// A node takes its own session: the client has come back to it.
	own := c.saved("s", "own", "one", true)
	c.save(one, own)
	c.expectTake(one, "SaveSessions", "one", own)
	own.Away = false
	c.save(one, own)
	c.expectTake(two, "SaveSessions, TakeSession by the owner, SaveSessions", "two", own)
}

func sessionsAreTakenOnce(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	stores := []storage.Sessions{one, two}
	const takers = 16
	var want []storage.SavedSession
	for i := range c.affordable(30, 500) {
		want = append(want, c.saved("s", fmt.Sprint("key ", i), "before", i%2 == 0))
	}
	c.save(one, want...)
	for i, w := range want {
		var mu sync.Mutex
		var won []string
		start := make(chan struct{})
		go close(start)
		called := fmt.Sprintf("TakeSession on %d goroutines", takers)
		c.inParallel(called, takers, func(ctx context.Context, n int) error {
			<-start
			owner := fmt.Sprint("taker ", n)
			got, err := stores[n%2].TakeSession(ctx, w.Scope, w.Key, owner, time.Hour)
			switch {
			case errors.Is(err, storage.ErrNotFound):
				return nil
			case err != nil:
				return err
			case !sameSession(got, w):
				return fmt.Errorf("another session than %s: %s", showSession(w), showSession(got))
			}
			mu.Lock()
			defer mu.Unlock()
			won = append(won, owner)
			return nil
		})
		if len(won) != 1 {
			c.fail(called, "that one of them gets the session", "%d: %s", len(won), join(won))
		}
		c.expectNoSession(one, called, "s", w.Key, "late", time.Hour)
		c.expectNoSession(two, called, "s", w.Key, won[0], time.Hour)
		if i%4 == 0 {
			w.Owner = won[0]
			c.save(one, w)
			c.expectTake(two, called+", SaveSessions of the new owner", "late", w)
			called += ", SaveSessions of the new owner, TakeSession"
			c.expectNoSession(one, called, "s", w.Key, "later", time.Hour)
		}
	}
}

// affordable returns how often a check that takes about twenty latencies per round repeats it.
func (c *sessionsChecker) affordable(quick, soak int) int {
	n := c.scale(quick, soak)
	if latency := c.latency(); latency > 0 {
		n = min(n, max(5, int(defaultPatience/20/latency)))
	}
	return n
}

func unknownSessionsAreNotFound(c *sessionsChecker) {
	s := c.newSessions()
	c.save(s, c.saved("s", "key", "one", false))
	for _, key := range []string{"", "Key", "key ", " key", "ke", "keys", "%", "_ey", "key\n", sizedText(255)} {
		c.expectNoSession(s, "SaveSessions", "s", key, "two", time.Hour)
	}
	c.expectNoSession(s, "SaveSessions", "other", "key", "two", time.Hour)
	c.remove(s, "s", "one", "key")
	c.expectNoSession(s, "SaveSessions, RemoveSessions", "s", "key", "two", time.Hour)
	c.save(s, c.saved("s", "key", "three", false)) // nobody owns it any more
	c.expectTake(s, "SaveSessions, RemoveSessions, SaveSessions", "two", c.saved("s", "key", "three", false))
}
