package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// timedBody is a body with a time to live.
type timedBody struct {
	id, body                string
	putStarted, putReturned time.Time // before and after its Put
}

// bodiesLiveForTheirTTL puts bodies, reads some of them all the time, and puts another one when nine tenths of
// their time to live have passed. If the machine was too slow to tell anything, it doubles the time.
func bodiesLiveForTheirTTL(c *storeChecker) {
	if c.harness.NewShortLived == nil {
		c.Skip("StoreHarness.NewShortLived is nil: the time to live is unknown")
	}
	for ttl := 2 * time.Second; !c.tryTTL(ttl); ttl *= 2 {
	}
}

// tryTTL returns false if the machine was too slow to tell anything.
func (c *storeChecker) tryTTL(ttl time.Duration) bool {
	c.Helper()
	one, two := c.prepare(c.harness.NewShortLived(c.TB, ttl)), c.prepare(c.harness.NewShortLived(c.TB, ttl))
	keep := func(w storeWriter, body string) timedBody {
		asked := time.Now()
		return timedBody{c.putWith(w, body)[0], body, asked, time.Now()}
	}
	var read, unread []timedBody
	for _, w := range storeWriters(one) {
		read = append(read, keep(w, "read"), keep(w, sizedBody(1<<16, 0)))
		unread = append(unread, keep(w, "not read"))
	}
	called := fmt.Sprintf("Put with a time to live of %v", ttl)
	var again bool // a read in the second half succeeded
	check := func(b timedBody) {
		for _, r := range append(storeReaders(one), storeReaders(two)...) {
			started := time.Now()
			body := c.getWith(r, called, []string{b.id})[0]
			if time.Since(b.putStarted) < ttl-maxClockTick {
				c.report(bodyMismatch(fmt.Sprintf("%s, %s after %v", called, r.called, started.Sub(b.putStarted)),
					b.id, body, b.body))
			}
			again = again || body != nil && started.Sub(b.putReturned) > ttl/2+ttl/8
		}
	}
	until := func(t time.Time, bodies ...timedBody) {
		for time.Now().Before(t) {
			for _, b := range bodies {
				check(b)
			}
			time.Sleep(min(ttl/64, max(0, time.Until(t))))
		}
	}
	until(read[0].putStarted.Add(ttl*9/10), read...)
	c.expire(one, time.Minute) // removes nothing early
	late := keep(fewestRoundTrips(storeWriters(one)), "late")
	last := unread[len(unread)-1].putReturned
	until(last.Add(ttl+ttl/2), append(read, late)...)
	// So late, a body that lived too long may be gone too.
	if slow := time.Now().After(last.Add(ttl*3/2 + ttl/16)); !again || slow && ttl < 8*time.Second {
		return false
	}
	c.expectGone(one, called+", read several times, Put another, wait half as long again", read)
	c.expectGone(two, called+", Put another, wait half as long again", unread)
	until(late.putStarted.Add(ttl), late)
	ids := []string{late.id}
	for _, b := range append(read, unread...) {
		ids = append(ids, b.id)
	}
	if id := c.put(one, "read"); slices.Contains(ids, id) {
		c.fail(called+", wait until the body has expired, Put", "a new id", "%s again", quote(id))
	}
	return true
}

// expectGone fails the check if one of the bodies is found.
func (c *storeChecker) expectGone(s storage.Store, called string, bodies []timedBody) {
	c.Helper()
	for _, b := range bodies {
		c.expectNotFound(s, called, b.id)
	}
}
