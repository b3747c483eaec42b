package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// prepareChecks begin with the one that finds nothing prepared.
var prepareChecks = []check[*storeCase]{
	{"ConcurrentPrepare", "Many nodes may call Prepare at the same time. When a cluster is deployed, all of them start at once.", concurrentPrepare},
	{"PrepareIsIdempotent", "Prepare creates what is missing and keeps what is there. Every node calls it each time it starts.", prepareIsIdempotent},
}

var expireChecks = []check[*storeCase]{
	{"ExpireKeepsTheYoung", "Expire removes what was put longer than age ago, and nothing else, whatever the age. Slower nodes are still " +
		"about to read the rest.", expireKeepsTheYoung},
	{"ExpireRemovesTheOld", "Expire removes what was put longer than age ago, and Get then returns ErrNotFound. The store would " +
		"otherwise grow for ever.", expireRemovesTheOld},
	{"ExpireGoesByAge", "Expire tells the old from the young by their age, in the unit it was given.", expireGoesByAge},
	{"ExpireOfNothing", "Expire of an empty store is no error, and neither is expiring again. All nodes expire, each in its own time.", expireOfNothing},
}

var storeUseChecks = []check[*storeCase]{
	{"ConcurrentUse", "A Store is safe for concurrent use: every node of a process uses it, and each fetches several bodies at a time.", concurrentUse},
	{"EndedContextFailsFast", "What waits, ends with its ctx, and does not begin if that has ended before. A server that shuts down must not " +
		"start to wait for a database.", endedStoreContextFailsFast},
}

func prepareIsIdempotent(c *storeCase) {
	s := c.unprepared()
	p, ok := s.(storage.Preparer)
	if !ok {
		c.Skip("the store is no storage.Preparer")
	}
	c.must("Prepare", p.Prepare)
	id := c.put(s, "kept")
	for i := range 2 {
		c.must(fmt.Sprintf("Prepare, call %d", i+2), p.Prepare)
		c.expect(s, "Prepare, Put, Prepare", id, "kept")
	}
	other := c.store()
	c.expect(other, "Prepare, Put, Prepare another store", id, "kept")
}

func concurrentPrepare(c *storeCase) {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	var waits []func() error
	for range 8 {
		p, ok := c.unprepared().(storage.Preparer)
		if !ok {
			c.Skip("the store is no storage.Preparer")
		}
		waits = append(waits, c.meanwhile(func() error { return p.Prepare(ctx) }))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			c.fail("Prepare 8 stores at once", "no error", "the error %q", err)
		}
	}
}

func expireKeepsTheYoung(c *storeCase) {
	s := c.store()
	id := c.put(s, "young")
	for _, age := range []time.Duration{time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, math.MaxInt64} {
		c.expire(s, age)
		c.expect(s, fmt.Sprintf("Put, Expire %v", age), id, "young")
	}
}

// expireUntilGone expires all bodies until id is not found: a body that was put this very instant is no older
// than zero, and the clock is perhaps another machine's.
func (c *storeCase) expireUntilGone(s storage.Store, id string) {
	c.Helper()
	start := time.Now()
	for {
		c.expire(s, 0)
		_, err := c.get(s, id)
		if errors.Is(err, storage.ErrNotFound) {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(fmt.Sprintf("Put, Expire 0, for %v, Get", c.patience), "storage.ErrNotFound", "%v", orNone(err))
		}
		time.Sleep(time.Millisecond)
	}
}

func orNone(err error) string {
	if err == nil {
		return "the body"
	}
	return fmt.Sprintf("the error %q", err)
}

func expireRemovesTheOld(c *storeCase) {
	one, two := c.store(), c.store()
	first, second := c.put(one, "old"), c.put(two, "")
	c.expireUntilGone(one, first)
	c.expireUntilGone(one, second)
	c.wantNotFound(two, "Put, Expire in another store", first)
	id := c.put(one, "new")
	c.expect(one, "Put, Expire, Put", id, "new")
}

// expireGoesByAge puts two bodies some time apart and expires at an age between theirs. If the machine was too
// slow for that, it says nothing, and the time is doubled.
func expireGoesByAge(c *storeCase) {
	s := c.store()
	start := time.Now()
	for apart := 20 * time.Millisecond; time.Since(start) < c.patience; apart *= 2 {
		old := c.put(s, "old")
		time.Sleep(apart)
		put := time.Now()
		young := c.put(s, "young")
		time.Sleep(apart / 4) // old enough for an age in another unit
		c.expire(s, apart)
		if time.Since(put) >= apart {
			continue
		}
		called := fmt.Sprintf("Put, wait %v, Put another, wait %v, Expire %[1]v", apart, apart/4)
		c.expect(s, called, young, "young")
		if _, err := c.get(s, old); !errors.Is(err, storage.ErrNotFound) {
			called += ", Expire a little less" // the store's clock may be a coarse one
			c.expire(s, apart-apart/10)
		}
		c.wantNotFound(s, called, old)
		return
	}
	c.Skipf("nothing proven: it takes longer than %v to Put and to Expire", c.patience/4)
}

func expireOfNothing(c *storeCase) {
	one, two := c.store(), c.store()
	id := c.put(one, "x")
	c.expireUntilGone(one, id)
	for _, s := range []storage.Store{one, two} {
		c.expire(s, 0)
		c.expire(s, time.Hour)
	}
}

func concurrentUse(c *storeCase) {
	one, two := c.store(), c.store()
	var waits []func() error
	for g := range 6 {
		put, get := one, two
		if g%2 == 0 {
			put, get = two, one
		}
		waits = append(waits, c.meanwhile(func() error { return c.useStore(put, get, g) }))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			c.fail("6 goroutines Put, Get and Expire", "no error", "the error %q", err)
		}
	}
}

// useStore puts bodies into one store and gets them from another, while others expire nothing that is young.
func (c *storeCase) useStore(put, get storage.Store, user int) error {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	for i := range 10 {
		want := fmt.Sprint("body ", user, " ", i)
		id, err := put.Put(ctx, []byte(want))
		if err != nil {
			return fmt.Errorf("putting: %w", err)
		}
		if i%4 == 0 {
			if err := put.Expire(ctx, time.Hour); err != nil {
				return fmt.Errorf("expiring: %w", err)
			}
		}
		got, err := get.Get(ctx, id)
		if err != nil {
			return fmt.Errorf("getting: %w", err)
		}
		if string(got) != want {
			return fmt.Errorf("got %s instead of %s", quote(string(got)), quote(want))
		}
	}
	return nil
}

func endedStoreContextFailsFast(c *storeCase) {
	s := c.store()
	id := c.put(s, "kept")
	ctx := ended(c.TB)
	for called, f := range map[string]func() error{
		"Put":    func() error { _, err := s.Put(ctx, []byte("x")); return err },
		"Get":    func() error { _, err := s.Get(ctx, id); return err },
		"Expire": func() error { return s.Expire(ctx, time.Hour) },
	} {
		called += " with a context that has ended"
		switch err := c.watch(called, f); {
		case err == nil:
			c.fail(called, fmt.Sprintf("the error %q", context.Canceled), "no error")
		case !errors.Is(err, context.Canceled):
			c.fail(called, fmt.Sprintf("the error %q", context.Canceled), "the error %q", err)
		}
	}
	c.expect(s, "Put, calls with a context that has ended", id, "kept")
}
