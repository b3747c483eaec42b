package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var sessionsContentChecks = []check[*sessionsChecker]{
	{"ScopesAndKeysAreLiteral", "storage.SavedSession.Scope",
		"Scopes, keys and owners are text of up to 255 bytes, compared byte by byte. Clients choose namespaces and " +
			"send keys: a name that is pasted, folded or cut gives one client the session of another.",
		scopesAndKeysAreLiteral},
	{"ManySessionsAreSaved", "storage.Sessions.SaveSessions",
		"SaveSessions saves any number of sessions in one call. If one is there twice, the last counts. Nodes save " +
			"the changes of a moment together.", manySessionsAreSaved},
	{"SessionsAreUsedConcurrently", "storage.Sessions",
		"All methods may be called at the same time, by many goroutines and nodes.", sessionsAreUsedConcurrently},
}

var sessionsContextChecks = []check[*sessionsChecker]{
	{"EndedContextChangesNothing", "storage.Sessions",
		"A call whose context has ended starts nothing, and returns the context's error.", endedContextChangesNothing},
	{"StalledSessionsEnd", "storage.Sessions",
		"Every method returns soon after its context has ended, also while the server does not answer, with the " +
			"context's error, and works as before afterwards.", stalledSessionsEnd},
}

func scopesAndKeysAreLiteral(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	var all []storage.SavedSession
	seen := make(map[[2]string]bool)
	add := func(scope, key, owner string) {
		if name := [2]string{scope, key}; !seen[name] {
			seen[name] = true
			all = append(all, storage.SavedSession{Scope: c.scope(scope), Key: key, Owner: owner,
				State: fmt.Append(nil, "state ", len(all))})
		}
	}
	for _, pair := range distinctNames {
		add(pair[0], pair[1], pair[0])
		add(pair[1], pair[0], pair[1])
		add("names "+pair[0], pair[0], pair[1])
		add("names "+pair[0], pair[1], pair[0])
	}
	long := sizedText(255)
	room := 255 - len(c.scope(""))
	add(long[:room], long, long)
	add(long[:room-1], long[:254]+"x", long[:254])
	add(long[:room-1]+"x", "€"+long[:252], "€"+long[:252])
	add("", "", "")
	c.save(one, all...)
	for _, want := range all {
		c.expectTake(two, "SaveSessions with unusual names", want.Owner, want)
	}
}

func manySessionsAreSaved(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	c.save(one)
	n := c.scale(5000, 50_000)
	var all []storage.SavedSession
	for i := range n {
		all = append(all, c.saved("s", fmt.Sprint("key ", i), fmt.Sprint("owner ", i%3), i%5 == 0))
	}
	for i := range 100 { // again, with other states
		again := all[i*n/100]
		again.State = fmt.Append(nil, "again ", i)
		all = append(all, again)
	}
	c.save(one, all...)
	called := fmt.Sprintf("SaveSessions of %d sessions, 100 of them twice", n)
	for i := range 100 {
		c.expectTake(two, called, "two", all[n+i])
		c.expectTake(two, called, "two", all[i*n/100+1])
	}
	var keys []string
	for _, s := range all {
		if s.Owner == "owner 1" {
			keys = append(keys, s.Key)
		}
	}
	c.remove(two, "s", "owner 1", keys...)
	c.expectOwners(one, "RemoveSessions of many", "s", "owner 0", "owner 2", "two")
	c.abandon(two, "s", "owner 0")
	c.abandon(two, "s", "owner 2")
	c.abandon(two, "s", "two")
	c.expectOwners(one, "AbandonSessions of many", "s")
	time.Sleep(maxClockTick)
	c.expire(two, "s", 0)
	c.expectNoSession(one, "ExpireSessions of many", "s", all[n/2+1].Key, "late", time.Hour)
}

func sessionsAreUsedConcurrently(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	stores := []storage.Sessions{one, two}
	const clients, nodes = 24, 6
	const least = 5 // rounds, so that all methods are called, even if the server is slow
	most := c.scale(40, 400)
	start := time.Now()
	var mu sync.Mutex
	owned := make(map[string]int) // how often each session was taken
	c.inParallel("all methods on 24 goroutines", clients, func(ctx context.Context, i int) error {
		s := stores[i%2]
		key, owner := fmt.Sprint("key ", i), fmt.Sprint("node ", i%nodes)
		for n := 0; n < least || n < most && time.Since(start) < c.patience/2; n++ {
			var batch []storage.SavedSession // in different orders: they must not wait for each other in a circle
			for j := range clients {
				shared := c.saved("s", fmt.Sprint("shared ", (i*7+j*(1+i%5*2))%clients), owner, n%3 == 0)
				batch = append(batch, shared)
			}
			own := c.saved("s", key, owner, n%2 == 0)
			if err := s.SaveSessions(ctx, append(batch, own)...); err != nil {
				return err
			}
			got, err := s.TakeSession(ctx, own.Scope, key, owner, time.Hour)
			if err != nil || !sameSession(got, own) {
				return fmt.Errorf("TakeSession %s: wanted %s, got %s, %w", key, showSession(own), showSession(got), err)
			}
			switch n % 5 {
			case 1:
				_, err = s.SessionOwners(ctx, own.Scope)
			case 2:
				err = s.ExpireSessions(ctx, own.Scope, time.Hour)
			case 3:
				err = s.RemoveSessions(ctx, own.Scope, owner, key)
			case 4:
				err = s.AbandonSessions(ctx, own.Scope, "nobody")
			}
			if err != nil {
				return err
			}
			mu.Lock()
			owned[key]++
			mu.Unlock()
		}
		return nil
	})
	for i := range clients {
		if n := owned[fmt.Sprint("key ", i)]; n < least {
			c.fail("all methods on 24 goroutines", fmt.Sprintf("at least %d rounds of each", least), "%d", n)
		}
	}
}

// sessionsCalls returns a call of each method. None of them may happen.
func (c *sessionsChecker) sessionsCalls(s storage.Sessions) []logCall {
	scope := c.scope("s")
	changed := c.saved("s", "key", "one", false)
	changed.State = []byte("changed")
	return []logCall{
		{"SaveSessions", true, func(ctx context.Context) error { return s.SaveSessions(ctx, changed) }},
		{"TakeSession", true, func(ctx context.Context) error {
			_, err := s.TakeSession(ctx, scope, "key", "two", time.Hour)
			return err
		}},
		{"TakeSession of an unknown key", false, func(ctx context.Context) error {
			_, err := s.TakeSession(ctx, scope, "unknown", "two", time.Hour)
			return err
		}},
		{"RemoveSessions", true, func(ctx context.Context) error { return s.RemoveSessions(ctx, scope, "one", "key") }},
		{"SessionOwners", false, func(ctx context.Context) error { _, err := s.SessionOwners(ctx, scope); return err }},
		{"AbandonSessions", true, func(ctx context.Context) error { return s.AbandonSessions(ctx, scope, "one") }},
		{"ExpireSessions", true, func(ctx context.Context) error { return s.ExpireSessions(ctx, scope, -1) }},
		{"PrepareSessions", false, s.PrepareSessions},
	}
}

func endedContextChangesNothing(c *sessionsChecker) {
	s := c.newSessions()
	want, away := c.saved("s", "key", "one", false), c.saved("s", "away", "other", true)
	c.save(s, want, away)
	time.Sleep(maxClockTick)
	late, release := context.WithTimeout(c.Context(), -time.Second)
	defer release()
	for _, call := range c.sessionsCalls(s) {
		for _, ctx := range []context.Context{endedContext(c.TB), late} {
			called := call.name + " with a context that has ended"
			if err := c.guard(called, func() error { return call.call(ctx) }); !errors.Is(err, ctx.Err()) {
				c.fail(called, fmt.Sprintf("the error %q", ctx.Err()), "%v", err)
			}
		}
	}
	const called = "calls with contexts that have ended"
	c.expectOwners(s, called, "s", "one")
	c.expectTake(s, called, "two", want)
	c.expectTake(s, called, "two", away)
}

func stalledSessionsEnd(c *sessionsChecker) {
	if c.harness.Stall == nil {
		c.Skip("SessionsHarness.Stall is nil: not checked")
	}
	s := c.newSessions()
	c.save(s, c.saved("s", "key", "one", false), c.saved("s", "kept", "other", false))
	c.noteCall("SessionsHarness.Stall")
	resume := sync.OnceFunc(c.harness.Stall(c.TB, s))
	c.Cleanup(resume)
	c.interruptCalls(c.sessionsCalls(s))
	resume()
	const called = "interrupt calls while the medium is stalled, resume"
	c.eventually(called+", SessionOwners", func(ctx context.Context) error {
		_, err := s.SessionOwners(ctx, c.scope("s"))
		return err
	})
	c.expectTake(s, called, "two", c.saved("s", "kept", "other", false))
}
