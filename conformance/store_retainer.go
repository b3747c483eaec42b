package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var retainerChecks = []check[*storeChecker]{
	{"RetainedBodiesAreKept", "storage.Retainer.PutFor",
		"PutFor does what PutAll does, and no Expire of any node removes the bodies before the given time has " +
			"passed. A message in the log must not lose its body.", retainedBodiesAreKept},
	{"RetainedBodiesExpire", "storage.Retainer.PutFor",
		"When the time given to PutFor has passed, bodies expire as if they had been put then. Otherwise the medium " +
			"grows forever.", retainedBodiesExpire},
}

// requireRetainer returns a store that can keep bodies. It skips the check if the store cannot.
func (c *storeChecker) requireRetainer() storage.Retainer {
	c.Helper()
	s, ok := c.newStore().(storage.Retainer)
	if !ok {
		c.Skip("the store does not implement storage.Retainer")
	}
	return s
}

func (c *storeChecker) putFor(s storage.Retainer, keep time.Duration, bodies ...string) (ids []string) {
	c.Helper()
	called := fmt.Sprintf("PutFor %v of %s", keep, countBodies(bodies))
	c.must(called, func(ctx context.Context) (err error) {
		ids, err = s.PutFor(ctx, asBytes(bodies), keep)
		return err
	})
	if len(ids) != len(bodies) {
		c.fail(called, "an id for each", "%d ids", len(ids))
	}
	for _, id := range ids {
		c.report(invalidID(called, id))
	}
	return ids
}

func (c *storeChecker) expectBodies(s storage.Store, called string, ids, want []string) {
	c.Helper()
	for i, body := range c.getMany(s, called, ids) {
		c.report(bodyMismatch(called, ids[i], body, want[i]))
	}
}

func retainedBodiesAreKept(c *storeChecker) {
	one, two := c.requireRetainer(), c.requireRetainer()
	bodies := append(numberedBodies("kept", 50), "", "equal", "equal", sizedBody(1<<20, 0))
	c.putFor(one, time.Hour)
	var ids, want []string
	for _, keep := range []time.Duration{time.Minute, time.Hour, 40 * 24 * time.Hour} {
		ids = append(ids, c.putFor(one, keep, bodies...)...)
		want = append(want, bodies...)
	}
	seen := make(map[string]bool)
	for _, id := range ids {
		if seen[id] {
			c.fail("PutFor", "a new id for each body", "%s again", quote(id))
		}
		seen[id] = true
	}
	c.expectBodies(two, "PutFor", ids, want)
	usual := c.put(one, "expires")
	for range 3 {
		time.Sleep(maxClockTick)
		c.expire(one, 0)
		c.expire(two, time.Millisecond)
		c.expectBodies(two, "PutFor a minute or more, Expire", ids, want)
	}
	if c.harness.NewShortLived == nil {
		c.expireUntilGone(two, usual)
		c.expectBodies(one, "PutFor a minute or more, Expire", ids, want)
	}
	body := []byte("mine")
	var mine []string
	c.must("PutFor", func(ctx context.Context) (err error) {
		mine, err = one.PutFor(ctx, [][]byte{body}, time.Minute)
		return err
	})
	invertBytes(body)
	c.expectBodies(two, "PutFor, overwrite the body", mine, []string{"mine"})
	err := c.guard("PutFor with a context that has ended", func() error {
		_, err := one.PutFor(endedContext(c.TB), [][]byte{body}, time.Minute)
		return err
	})
	if err == nil || !isContextError(err) {
		c.fail("PutFor with a context that has ended", "the context's error", "%v", err)
	}
}

func retainedBodiesExpire(c *storeChecker) {
	if c.harness.NewShortLived != nil {
		c.Skip("StoreHarness.NewShortLived is set: bodies have a time to live, and Expire may do nothing")
	}
	one, two := c.requireRetainer(), c.requireRetainer()
	const keep = 400 * time.Millisecond
	before := time.Now()
	ids := c.putFor(one, keep, "retained", "retained too")
	none := c.putFor(one, 0, "like Put")
	for first := true; ; first = false {
		called := fmt.Sprintf("PutFor %v, Expire 0", keep)
		c.expire(two, 0)
		bodies := c.getMany(two, called, ids)
		gone := bodies[0] == nil && bodies[1] == nil
		if since := time.Since(before); gone && since < keep-maxClockTick {
			c.fail(called+", Get", "the bodies", "none after %v", since)
		} else if !gone && since > keep+c.patience {
			c.fail(called+" repeatedly, Get", "storage.ErrNotFound", "%s after %v", showBody(bodies[0]), since)
		}
		if gone {
			break
		}
		if first {
			c.expireUntilGone(one, none[0])
		}
		time.Sleep(pause)
	}
	// Their age counts from when the time has passed.
	ids = c.putFor(one, time.Millisecond, "young")
	time.Sleep(maxClockTick)
	c.expire(two, time.Hour)
	c.expectBodies(one, "PutFor 1 ms, wait, Expire an hour", ids, []string{"young"})
	c.expireUntilGone(one, ids[0])
	// By the given time, and not by the time of PutFor.
	long, short := 6*time.Hour, 2*keep
	kept := c.putFor(one, long, "long")
	c.putFor(one, short, "short")
	time.Sleep(short + maxClockTick)
	c.expire(one, 0)
	c.expectBodies(two, "PutFor 6 hours, Expire", kept, []string{"long"})
}
