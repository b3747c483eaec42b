package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// newRosters returns two buses as rosters. It skips the check if they are none.
func (c *busChecker) newRosters() (one, two transport.Roster) {
	c.Helper()
	one, ok := c.newBus().(transport.Roster)
	if !ok {
		c.Skip("the bus does not implement transport.Roster")
	}
	return one, c.newBus().(transport.Roster)
}

// enter enters a name that only this check uses. The entry is closed at the end of the check.
func (c *busChecker) enter(r transport.Roster, name string) (e transport.Entry) {
	c.Helper()
	name = c.channel(name)
	called := "Enter " + quote(name)
	c.must(called, func(ctx context.Context) error {
		entered, err := r.Enter(ctx, name)
		if err == nil && entered != nil {
			c.closeAtEnd(entered.Close) // even if Enter returns too late for the check
		}
		e = entered
		return err
	})
	if info := e.Info(); info.ID == "" || info.Name == "" || !info.Marked || info != e.Info() {
		c.fail(called+", Info", "always the same ID and name, and the mark", "%+v, then %+v", info, e.Info())
	}
	return e
}

// entries returns the entries whose names start with prefix, which is used as it is.
func (c *busChecker) entries(r transport.Roster, called, prefix string) (infos []transport.EntryInfo) {
	c.Helper()
	c.must(called+", Entries "+quote(prefix), func(ctx context.Context) (err error) {
		infos, err = r.Entries(ctx, prefix)
		return err
	})
	return infos
}

// expectEntries fails the check unless Entries returns exactly the given entries, in any order.
func (c *busChecker) expectEntries(r transport.Roster, called, prefix string, want ...transport.Entry) {
	c.Helper()
	infos := make([]transport.EntryInfo, len(want))
	for i, e := range want {
		infos[i] = e.Info()
	}
	c.expectInfos(r, called, prefix, infos)
}

func (c *busChecker) expectInfos(r transport.Roster, called, prefix string, want []transport.EntryInfo) {
	c.Helper()
	if got := c.entries(r, called, prefix); !sameEntries(got, want) {
		c.fail(called+", Entries "+quote(prefix), showEntries(want), "%s", showEntries(got))
	}
}

// sameEntries tells whether a and b have the same elements, in any order.
func sameEntries(a, b []transport.EntryInfo) bool {
	order := func(a, b transport.EntryInfo) int { return strings.Compare(a.ID+"\x00"+a.Name, b.ID+"\x00"+b.Name) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

func showEntries(infos []transport.EntryInfo) string {
	if len(infos) == 0 {
		return "no entries"
	}
	var all []string
	for _, i := range infos {
		all = append(all, fmt.Sprintf("%s with ID %s (marked: %t)", quote(i.Name), quote(i.ID), i.Marked))
	}
	return strings.Join(all, ", ")
}

// expectEventually fails the check unless Entries returns want before the patience has passed.
func (c *busChecker) expectEventually(r transport.Roster, called, prefix string, want []transport.EntryInfo) {
	c.Helper()
	for start := time.Now(); time.Since(start) < c.patience; time.Sleep(5 * time.Millisecond) {
		if sameEntries(c.entries(r, called, prefix), want) {
			return
		}
	}
	c.expectInfos(r, fmt.Sprintf("%s, wait %v", called, c.patience), prefix, want)
}
