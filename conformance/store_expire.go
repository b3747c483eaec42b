package conformance

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var expireChecks = []check[*storeChecker]{
	{"ExpireKeepsYoungBodies", "storage.Store.Expire",
		"Expire removes what was put longer than age ago, and nothing else, whatever the age. Slower nodes are " +
			"still about to read the rest.", expireKeepsYoungBodies},
	{"ExpireRemovesOldBodies", "storage.Store.Expire",
		"Expire removes what was put longer than age ago, and no store finds it any more, including a store that " +
			"has read it before. Otherwise the medium grows forever.", expireRemovesOldBodies},
	{"ExpireGoesByAge", "storage.Store.Expire",
		"Expire removes everything that was put longer than age ago, however much that is, and nothing that is " +
			"younger. Age counts from Put, not from reads, in the unit of the argument.", expireGoesByAge},
	{"ExpireOfEmptyStoreSucceeds", "storage.Store.Expire",
		"Expire of an empty store is no error, and neither is expiring again. All nodes expire, each at its own " +
			"times.", expireOfEmptyStoreSucceeds},
	{"BodiesLiveForTheirTTL", "package storage, Stores with a time to live",
		"A body with a time to live can be read until that time has passed since its Put, and is gone when half " +
			"as much again has passed, whichever store reads it and whatever is put in between.",
		bodiesLiveForTheirTTL},
}

// newExpirable returns a store whose bodies only Expire removes. It skips the check if bodies have a time to
// live.
func (c *storeChecker) newExpirable() storage.Store {
	c.Helper()
	if c.harness.NewShortLived != nil {
		c.Skip("StoreHarness.NewShortLived is set: bodies have a time to live, and Expire may do nothing")
	}
	return c.newStore()
}

func expireKeepsYoungBodies(c *storeChecker) {
	s := c.newStore()
	many := c.affordableCount(42_000, s)
	bodies := numberedBodies("young", max(min(many, 1500), many/4))
	ids := c.putMany(s, bodies)
	// Nothing expires them in the meantime.
	for start := time.Now(); time.Since(start) < time.Duration(c.scale(11,
		300))*maxClockTick; time.Sleep(maxClockTick) {
		c.put(s, "another") // a Put expires nothing either
	}
	const day = 24 * time.Hour
	called := fmt.Sprintf("Put %d bodies", len(bodies))
	look := func(ids, bodies []string) {
		c.Helper()
		for i, body := range c.getMany(s, called, ids) {
			c.report(bodyMismatch(called, ids[i], body, bodies[i]))
		}
	}
	for _, age := range []time.Duration{time.Minute, time.Hour, time.Hour + time.Nanosecond, day, 30 * day, 40 * day,
		365 * day, math.MaxInt64} {
		c.expire(s, age)
		called = fmt.Sprintf("Put %d bodies, Expire %v", len(bodies), age)
		look(ids[len(ids)-100:], bodies[len(ids)-100:])
	}
	look(ids, bodies)
}

// expireUntilGone expires all bodies until id is not found. A body that was put this very instant is not older
// than zero, and the clock may be another machine's.
func (c *storeChecker) expireUntilGone(s storage.Store, id string) {
	c.Helper()
	called := "Put, Expire 0 repeatedly"
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		c.expire(s, 0)
		body := c.getWith(storeReaders(s)[0], called, []string{id})[0]
		if body == nil {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(fmt.Sprintf("%s for %v, Get %s", called, c.patience, quote(id)), "storage.ErrNotFound", "%s",
				showBody(body))
		}
	}
}

func expireRemovesOldBodies(c *storeChecker) {
	one, two := c.newExpirable(), c.newStore()
	bodies := []string{"old", "", sizedBody(1<<16, 0), sizedBody(1<<20, 0)}
	ids := append(c.putWith(storeWriters(one)[0], bodies...),
		c.putWith(fewestRoundTrips(storeWriters(two)), bodies...)...)
	for _, s := range []storage.Store{one, two} {
		for _, r := range storeReaders(s) {
			c.expectWith(r, "Put", ids, append(bodies, bodies...)...)
		}
	}
	c.expireUntilGone(one, ids[0])
	c.expireUntilGone(one, ids[len(ids)-1])
	c.expectNotFound(one, "Put, Get, Expire", ids...)
	c.expectNotFound(two, "Put, Get, Expire in another store", ids...)
	c.expectBody(one, "Put, Expire, Put", c.put(one, "new"), "new")
}

// maxClockTick is the coarsest resolution that the clock of a store may have.
const maxClockTick = 100 * time.Millisecond

// ageGaps are the differences between the ages of old and young bodies. A short one suffices for a precise
// clock on a fast machine. Those of more than a second are slightly more than whole seconds, which reveals a
// store that rounds.
var ageGaps = []time.Duration{25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond,
	1100 * time.Millisecond, 2100 * time.Millisecond, 4100 * time.Millisecond, 8100 * time.Millisecond,
	16100 * time.Millisecond}

// expireGoesByAge expires with an age between those of old and young bodies, several times in a row: a store
// with a clock of whole seconds is right by accident in some rounds, but not in all. The gap between old and
// young grows if a coarse clock may explain a mistake, or if the machine was too slow.
func expireGoesByAge(c *storeChecker) {
	s := c.newExpirable()
	many := c.scaledCount(10_500, 105_000, s)
	for i, apart := range ageGaps {
		rounds, n := 4+i/5*2, many
		for rounds > 0 && c.expireBetween(s, n, apart, apart*time.Duration(5-rounds%2*4)/8) {
			rounds--
			n = 20
		}
		if rounds == 0 {
			if c.suite.soak { // the age differs from the limit by a sixteenth
				const long = 4100 * time.Millisecond
				c.expireBetween(s, n, long, long/16)
				c.expireBetween(s, n, long, long*15/16)
			}
			return
		}
	}
	c.Skipf("not checked: Put and Expire take longer than %v", ageGaps[len(ageGaps)-1]/2)
}

// expireBetween puts old and young bodies with a gap between them, lets the young ones wait, and expires with
// the gap as the age. It fails the check after a mistake that no clock explains, and returns false if there was
// another mistake or the machine was too slow.
func (c *storeChecker) expireBetween(s storage.Store, many int, apart, wait time.Duration) (proven bool) {
	c.Helper()
	bodies := numberedBodies("old", many)
	old := c.putMany(s, bodies)
	before := time.Now()
	for _, body := range []string{sizedBody(1<<17, 0), "the last old one"} {
		old, bodies = append(old, c.put(s, body)), append(bodies, body)
	}
	since := time.Now()
	time.Sleep(apart)
	youngest := time.Now()
	young := c.putWith(fewestRoundTrips(storeWriters(s)), numberedBodies("young", 20)...)
	young = append(young, c.put(s, "young 20"))
	for _, r := range storeReaders(s) { // reading must not make them younger
		c.expectWith(r, "Put", old[many:], bodies[many:]...)
	}
	c.getMany(s, "Put", old[max(0, many-200):])
	time.Sleep(max(0, wait-time.Since(youngest)))
	called := fmt.Sprintf("Put %d bodies, wait %v, Put %d others, wait %v, Expire %[2]v", len(old), apart, len(young),
		time.Since(youngest).Round(time.Millisecond))

	late := time.Since(since) > apart+maxClockTick // any clock must remove the old bodies
	var added []string
	expired := make(chan struct{})
	putting := c.runAlongside(func() error {
		for i := range 1000 {
			id, err := s.Put(c.Context(), fmt.Append(nil, "young ", len(young)+i))
			if err != nil {
				return err
			}
			added = append(added, id)
			select {
			case <-expired:
				return nil
			default:
			}
		}
		return nil
	})
	c.expire(s, apart)
	early := time.Since(youngest) < apart-maxClockTick // any clock must keep the young bodies
	slow := time.Since(youngest) >= apart || time.Since(before) >= 2*apart
	close(expired)
	if err := putting(); err != nil {
		c.report(unexpectedError("Put while another goroutine calls Expire", err))
	}
	young = append(young, added...)
	for i, body := range c.getMany(s, called, young) {
		if w := bodyMismatch(called, young[i], body, fmt.Sprint("young ", i)); w != nil {
			if early {
				c.report(w)
			}
			return false
		}
	}
	if left := c.getMany(s, called, old); slices.ContainsFunc(left, func(body []byte) bool { return body != nil }) {
		left = slices.DeleteFunc(left, func(body []byte) bool { return body == nil })
		if late {
			c.fail(called+", Get the old bodies", "storage.ErrNotFound for each", "%d bodies, such as %s", len(left),
				showBody(left[0]))
		}
		return false
	}
	return !slow
}

func expireOfEmptyStoreSucceeds(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	id := c.put(one, "x")
	if c.harness.NewShortLived == nil {
		c.expireUntilGone(one, id)
	}
	for _, s := range []storage.Store{one, two, c.newStore()} {
		c.expire(s, time.Hour)
		if c.harness.NewShortLived == nil {
			c.expire(s, 0)
		}
	}
}
