package conformance

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var sessionsAwayChecks = []check[*sessionsChecker]{
	{"AwayClientsAreFoundForAWhile", "storage.Sessions.TakeSession",
		"A client that was away for longer than maxAway is ErrNotFound. It is away from the first save with Away on. " +
			"One that is connected is found whatever maxAway is.", awayClientsAreFoundForAWhile},
	{"ExpireRemovesAwayClients", "storage.Sessions.ExpireSessions",
		"ExpireSessions removes the sessions of clients that were away for longer than maxAway, and no others.",
		expireRemovesAwayClients},
}

// sessionGap is a time that a clock of 100 ms resolution can tell from half of it.
const sessionGap = 400 * time.Millisecond

func awayClientsAreFoundForAWhile(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	for _, key := range []string{"away", "still away", "back", "connected"} {
		c.save(one, c.saved("s", key, "one", key != "connected"))
	}
	time.Sleep(sessionGap)
	c.save(one, c.saved("s", "still away", "one", true))
	c.save(one, c.saved("s", "back", "one", false))
	const called = "SaveSessions with Away, wait"
	c.expectNoSession(two, called, "s", "away", "two", sessionGap/2)
	c.expectNoSession(two, called+", SaveSessions with Away again", "s", "still away", "two", sessionGap/2)
	c.expectNoSession(two, called, "s", "away", "two", 0)
	for _, key := range []string{"back", "connected"} {
		if got := c.take(two, "s", key, "two", 0); !sameSession(got, c.saved("s", key, "one", false)) {
			c.fail(called+", TakeSession", showSession(c.saved("s", key, "one", false)), "%s", showSession(got))
		}
	}
	for _, key := range []string{"away", "still away"} { // it was not found, but it was not removed either
		c.expectTake(two, called, "two", c.saved("s", key, "one", true))
	}
	c.save(one, c.saved("s", "longest", "one", true))
	c.take(two, "s", "longest", "two", math.MaxInt64)

	// Away counts from the last time that it was switched on.
	const again = called + ", SaveSessions without Away, SaveSessions with Away"
	c.goesByTime(again, func(gap time.Duration) (young time.Time) {
		c.save(one, c.saved("s", "again", "one", true))
		time.Sleep(gap)
		c.save(one, c.saved("s", "again", "one", false))
		young = time.Now()
		c.save(one, c.saved("s", "again", "one", true))
		return young
	}, func(gap time.Duration) error {
		_, err := c.tryTake(two, "s", "again", "one", gap/2)
		return err
	})
}

// goesByTime calls prepare and find until find has found what prepare has made young. It fails the check if it is not
// found although it was younger than half of the gap. A busy machine may be too slow for the first gaps.
func (c *sessionsChecker) goesByTime(
	called string, prepare func(gap time.Duration) (young time.Time), find func(gap time.Duration) error,
) {
	c.Helper()
	for gap := sessionGap; ; gap *= 4 {
		young := prepare(gap)
		err := find(gap)
		switch {
		case err == nil:
			return
		case !errors.Is(err, storage.ErrNotFound):
			c.fail(called, "the session", "the error %q", err)
		case time.Since(young) < gap/2-maxClockTick:
			c.fail(called, fmt.Sprintf("a client that is away for less than %v", gap/2), "the error %q", err)
		case gap > c.patience:
			c.Skip("not checked: the calls take longer than ", gap/2)
		}
	}
}

func expireRemovesAwayClients(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	old, connected := c.saved("s", "old", "one", true), c.saved("s", "connected", "one", false)
	elsewhere := c.saved("s2", "old", "one", true)
	c.save(one, old, connected, elsewhere, c.saved("s", "taken", "one", true))
	c.take(two, "s", "taken", "two", time.Hour)
	c.expire(two, "s", time.Hour)
	c.expire(two, "s", math.MaxInt64)
	time.Sleep(sessionGap)
	c.goesByTime("SaveSessions with Away, ExpireSessions of older ones", func(gap time.Duration) (young time.Time) {
		time.Sleep(gap - sessionGap)
		young = time.Now()
		c.save(one, c.saved("s", "young", "one", true))
		c.expire(two, "s", gap/2)
		return young
	}, func(time.Duration) error {
		_, err := c.tryTake(two, "s", "young", "one", time.Hour)
		return err
	})
	const called = "SaveSessions, wait, ExpireSessions"
	c.expectNoSession(one, called, "s", "old", "two", time.Hour)
	c.expectTake(one, called, "two", connected)
	c.expectTake(one, called+" of another scope", "two", elsewhere)
	taken := c.saved("s", "taken", "two", false)
	c.save(two, taken)
	c.expectTake(one, "TakeSession, wait, ExpireSessions, SaveSessions of the new owner", "one", taken)
	c.expire(one, "unknown", 0)
}
