package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var rosterChecks = []check[*busChecker]{
	{"EntriesAreShown", "transport.Roster.Enter",
		"When Enter has returned, Entries of every bus returns the entry as its Info describes it, once, and " +
			"only for prefixes of its name. Nobody waits for the answer of a node that is not counted, and all wait " +
			"in vain for one that is counted twice.", entriesAreShown},
	{"EntryNamesAreData", "transport.Roster.Entries",
		"Any name without NUL that is not empty can be entered, and the prefix is compared with the names " +
			"literally, whatever the characters. Clients choose the names of namespaces, which are parts of the " +
			"names.", entryNamesAreData},
	{"BadEntryNamesAreRefused", "transport.Roster.Enter",
		"A name that is empty, not valid UTF-8 or contains NUL is an error, and nothing is entered. A node that " +
			"is shown under another name than it believes is not found by the others.", badEntryNamesAreRefused},
	{"EqualEntriesAreDistinct", "transport.EntryInfo.ID",
		"Entries with equal names are different ones with different IDs, and closing one leaves the others. All " +
			"nodes of a cluster have the same name: their number is the number of answers to wait for.",
		equalEntriesAreDistinct},
	{"EntryIDsAreNotReused", "transport.EntryInfo.ID",
		"The ID of a closed entry never appears again. A node that has gone would be taken for one that has come.",
		entryIDsAreNotReused},
	{"ForeignEntriesAreNotMarked", "transport.EntryInfo.Marked",
		"Entries also returns the connections of other programs, and only those of this library are marked. " +
			"Whoever counts the nodes of another adapter must not count its own kind, and the reverse.",
		foreignEntriesAreNotMarked},
	{"RosterIsSafeForConcurrentUse", "transport.Roster",
		"Many goroutines may enter, list and close at the same time: an entry is shown exactly from its Enter to " +
			"its Close, and with its mark. Namespaces come and go while others count.", rosterIsSafeForConcurrentUse},
}

func entriesAreShown(c *busChecker) {
	one, two := c.newRosters()
	c.expectEntries(one, "before Enter", c.channel(""))
	var all []transport.Entry
	for i := range c.affordableRounds(4, 3, c.scale(30, 200)) {
		name := fmt.Sprintf("%d.", i)
		e := c.enter([]transport.Roster{one, two}[i%2], name)
		all = append(all, e)
		if e.Info().Name != c.channel(name) {
			c.fail("Enter "+quote(c.channel(name)), "that name: it is short and printable ASCII", "%s",
				quote(e.Info().Name))
		}
		called := fmt.Sprintf("Enter %d names", i+1)
		for _, r := range []transport.Roster{one, two} {
			c.expectEntries(r, called, c.channel(name), e)
			c.expectEntries(r, called, e.Info().Name, e)
		}
		c.expectEntries(two, called, c.channel(""), all...)
		c.expectEntries(one, called, c.channel(name)+"x")
		c.expectEntries(one, called, c.channel("")[1:])
	}
	every := c.entries(one, "Enter", "")
	for _, e := range all {
		if !slices.Contains(every, e.Info()) {
			c.fail("Enter, Entries without a prefix", "among others "+showEntries([]transport.EntryInfo{e.Info()}),
				"%s", showEntries(every))
		}
	}
}

// oddNames are parts of names that have a meaning in patterns, statements or terminals.
var oddNames = []string{
	"a", "ab", "axb", "A%b", "a%b", "a_b", `a\b`, `a\%b`, `a\_b`, "a*b", "a?b", "a[b]", "a.b", "a^b", "a$b", "a'b",
	`a"b`, `a\'b`, "a''b", "a b", "a;b", "a--b", "a,b", "a{b}", "a$1b", "a#/#", "a\nb", "a\x01b", "é", "日本", "😀",
	" a", "a ",
}

func entryNamesAreData(c *busChecker) {
	one, two := c.newRosters()
	names := slices.Clone(oddNames)
	for _, n := range []int{30, 63, 64, 65, 255, 1000} {
		names = append(names, strings.Repeat("x", n-len(c.channel(""))), strings.Repeat("é", n/2))
	}
	var all []transport.EntryInfo
	for _, name := range names {
		all = append(all, c.enter(one, name).Info())
	}
	called := "Enter names with special characters"
	c.expectInfos(two, called, c.channel(""), all)
	prefixes := make(map[string]bool)
	for _, info := range all {
		for i := range info.Name {
			if i > len(c.channel("")) && i < len(c.channel(""))+4 {
				prefixes[info.Name[:i]] = true
			}
		}
		prefixes[info.Name] = true
	}
	for prefix := range prefixes {
		var want []transport.EntryInfo
		for _, info := range all {
			if strings.HasPrefix(info.Name, prefix) {
				want = append(want, info)
			}
		}
		c.expectInfos(two, called, prefix, want)
	}
	for _, pattern := range []string{"%" + c.channelPrefix, "_" + c.channelPrefix[1:], "*" + c.channelPrefix,
		strings.Repeat("_", len(c.channelPrefix)), "." + c.channelPrefix[1:], c.channelPrefix[1:],
		c.channel(strings.Repeat("y", 500))} {
		for _, info := range c.entries(two, called, pattern) {
			if slices.Contains(all, info) {
				c.fail(called+", Entries "+quote(pattern), "none of them: their names do not start like that", "%s",
					showEntries([]transport.EntryInfo{info}))
			}
		}
	}
}

func badEntryNamesAreRefused(c *busChecker) {
	one, two := c.newRosters()
	before := c.enter(two, "before")
	for _, bad := range []string{"", c.channel("a\x00b"), c.channel("\x00"), c.channel("\xff"), c.channel("a\xc3")} {
		called := "Enter " + quote(bad)
		var e transport.Entry
		err := c.call(called, func(ctx context.Context) (err error) {
			e, err = one.Enter(ctx, bad)
			return err
		})
		if err == nil {
			c.closeAtEnd(e.Close)
			c.fail(called, "an error", "no error")
		}
		c.expectEntries(two, called, c.channel(""), before)
		after := c.enter(one, "after")
		c.expectEntries(two, called+", Enter a good name", c.channel(""), before, after)
		c.must("Close an entry", after.Close)
	}
}

func equalEntriesAreDistinct(c *busChecker) {
	one, two := c.newRosters()
	const called = "Enter the same name several times"
	var all []transport.Entry
	for i := range 6 {
		all = append(all, c.enter([]transport.Roster{one, two}[i%2], "same"))
	}
	ids := make(map[string]bool)
	for _, e := range all {
		ids[e.Info().ID] = true
	}
	if len(ids) != len(all) {
		c.fail(called, fmt.Sprint(len(all), " IDs"), "%d", len(ids))
	}
	for _, r := range []transport.Roster{one, two} {
		c.expectEntries(r, called, c.channel("same"), all...)
	}
	for i := 0; len(all) > 0; i++ {
		n := i * 7 % len(all) // neither the first nor the last each time
		c.must("Close an entry", all[n].Close)
		all = slices.Delete(all, n, n+1)
		c.expectEntries(two, called+", Close some of the entries", c.channel("same"), all...)
	}
}

func entryIDsAreNotReused(c *busChecker) {
	one, two := c.newRosters()
	seen := make(map[string]bool)
	steady := c.enter(two, "steady")
	seen[steady.Info().ID] = true
	for i := range c.affordableRounds(3, 5, c.scale(50, 500)) {
		e := c.enter(one, "again")
		called := fmt.Sprintf("Enter, Close, %d times", i+1)
		if id := e.Info().ID; seen[id] {
			c.fail(called, "another ID each time", "%s again", quote(id))
		}
		seen[e.Info().ID] = true
		c.expectEntries(two, called, c.channel(""), steady, e)
		c.must("Close an entry", e.Close)
	}
}

func foreignEntriesAreNotMarked(c *busChecker) {
	one, two := c.newRosters()
	if c.harness.Foreign == nil {
		c.Skip("Harness.Foreign is nil: not checked")
	}
	var own []transport.EntryInfo
	for i := range 4 {
		own = append(own, c.enter([]transport.Roster{one, two}[i%2], "same").Info())
	}
	c.noteCall("Harness.Foreign")
	leave := c.harness.Foreign(c.TB, one.(transport.Bus), c.channel("same"))
	const called = "Enter, and another program enters the same name"
	for _, r := range []transport.Roster{one, two} {
		var foreign []transport.EntryInfo
		all := c.entries(r, called, c.channel("same"))
		for _, info := range all {
			if !slices.Contains(own, info) {
				foreign = append(foreign, info)
			}
		}
		if len(foreign) != 1 || len(all) != len(own)+1 || foreign[0].Marked || foreign[0].Name != c.channel("same") ||
			foreign[0].ID == "" {
			c.fail(called+", Entries", showEntries(own)+", and another one without a mark", "%s", showEntries(all))
		}
	}
	leave()
	c.expectEventually(two, "the other program leaves", c.channel("same"), own)
}

func rosterIsSafeForConcurrentUse(c *busChecker) {
	one, two := c.newRosters()
	steady := c.enter(two, "steady")
	const users = 6
	rounds := c.affordableRounds(6, 3, c.scale(20, 200))
	called := fmt.Sprintf("%d goroutines call Enter, Entries and Close", users)
	start := time.Now()
	c.inParallel(called, users, func(ctx context.Context, i int) error {
		for n := 0; n < 3 || n < rounds && time.Since(start) < c.patience/4; n++ {
			e, err := one.Enter(ctx, c.channel("user"))
			if err != nil {
				return fmt.Errorf("entering: %w", err)
			}
			defer e.Close(ctx)
			if err := c.listed(ctx, one, true, e, steady); err != nil {
				return err
			}
			if err := e.Close(ctx); err != nil {
				return fmt.Errorf("closing: %w", err)
			}
			if err := c.listed(ctx, one, false, e, steady); err != nil {
				return err
			}
		}
		return nil
	})
	c.expectEntries(two, called, c.channel(""), steady)
}

// listed returns an error unless Entries returns e, or does not return it, besides steady, and all with a mark.
func (c *busChecker) listed(ctx context.Context, r transport.Roster, want bool, e, steady transport.Entry) error {
	infos, err := r.Entries(ctx, c.channel(""))
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	ids := make(map[string]int)
	for _, info := range infos {
		ids[info.ID]++
		if !info.Marked || ids[info.ID] > 1 {
			return fmt.Errorf("an entry came without its mark, or twice: %s", showEntries(infos))
		}
	}
	if ids[steady.Info().ID] != 1 || want != (ids[e.Info().ID] == 1) {
		return fmt.Errorf("the entry %s came: %t, wanted: %t; the steady entry %s came: %t", quote(e.Info().ID),
			ids[e.Info().ID] == 1, want, quote(steady.Info().ID), ids[steady.Info().ID] == 1)
	}
	return nil
}
