package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// lives is a body with a time to live.
type lives struct {
	id, body    string
	asked, kept time.Time // before and after its Put
}

// bodiesLiveTheirTime puts bodies of which some are read all the time, and another one when they have lived for nine tenths of theirs. If the
// machine was so slow that reading has proven nothing, the time is doubled.
func bodiesLiveTheirTime(c *storeCase) {
	if c.harness.NewShortLived == nil {
		c.Skip("StoreHarness.NewShortLived is nil: no time to live is known")
	}
	for ttl := 2 * time.Second; !c.liveFor(ttl); ttl *= 2 {
	}
}

// liveFor tells whether something is proven.
func (c *storeCase) liveFor(ttl time.Duration) bool {
	c.Helper()
	one, two := c.prepared(c.harness.NewShortLived(c.TB, ttl)), c.prepared(c.harness.NewShortLived(c.TB, ttl))
	keep := func(w storeWriter, body string) lives {
		asked := time.Now()
		return lives{c.write(w, body)[0], body, asked, time.Now()}
	}
	var read, unread []lives
	for _, w := range storeWriters(one) {
		read = append(read, keep(w, "read"), keep(w, sizedBody(1<<16, 0)))
		unread = append(unread, keep(w, "not read"))
	}
	called := fmt.Sprintf("Put with a time to live of %v", ttl)
	var again bool // somebody has read in the second half
	check := func(b lives) {
		for _, r := range append(storeReaders(one), storeReaders(two)...) {
			started := time.Now()
			body := c.find(r, called, []string{b.id})[0]
			if time.Since(b.asked) < ttl-clockTick {
				c.report(mismatch(fmt.Sprintf("%s, %s after %v", called, r.called, started.Sub(b.asked)), b.id, body, b.body))
			}
			again = again || body != nil && started.Sub(b.kept) > ttl/2+ttl/8
		}
	}
	until := func(t time.Time, bodies ...lives) {
		for time.Now().Before(t) {
			for _, b := range bodies {
				check(b)
			}
			time.Sleep(min(ttl/64, max(0, time.Until(t))))
		}
	}
	until(read[0].asked.Add(ttl*9/10), read...)
	c.expire(one, time.Minute) // removes nothing early
	late := keep(quickest(storeWriters(one)), "late")
	last := unread[len(unread)-1].kept
	until(last.Add(ttl+ttl/2), append(read, late)...)
	if slow := time.Now().After(last.Add(ttl*3/2 + ttl/16)); !again || slow && ttl < 8*time.Second { // so late, a body that lived too long may be gone too
		return false
	}
	c.goneAfter(one, called+", read several times, Put another, wait half as long again", read)
	c.goneAfter(two, called+", Put another, wait half as long again", unread)
	until(late.asked.Add(ttl), late)
	ids := []string{late.id}
	for _, b := range append(read, unread...) {
		ids = append(ids, b.id)
	}
	if id := c.put(one, "read"); slices.Contains(ids, id) {
		c.fail(called+", wait until the body has expired, Put", "an id that was not given before", "%s again", quote(id))
	}
	return true
}

func (c *storeCase) goneAfter(s storage.Store, called string, bodies []lives) {
	c.Helper()
	for _, b := range bodies {
		c.wantNotFound(s, called, b.id)
	}
}
