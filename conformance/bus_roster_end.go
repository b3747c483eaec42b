package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var rosterEndChecks = []check[*busChecker]{
	{"EntryEndsWithClose", "transport.Entry.Close",
		"When Close of an entry has returned, Entries does not return the entry any more; closing again does " +
			"nothing. If its context had ended, that may take a moment. The others wait for the answer of a node " +
			"that is shown.", entryEndsWithClose},
	{"EntryOutlivesItsContext", "package transport, Contexts",
		"An entry stays when the context of its Enter ends, and an Enter that was interrupted leaves no entry. A " +
			"node that silently is not counted gets no answers, and an entry that nobody owns is counted forever.",
		entryOutlivesItsContext},
	{"SeveredEntryVanishes", "transport.Entry",
		"An entry whose connection has broken is not shown any more, closing it works at once, and its owner can " +
			"enter again. A node that is gone must not be waited for.", severedEntryVanishes},
	{"BusCloseSparesOtherEntries", "transport.Entry.Close",
		"When a bus is closed, its entries either remain or end, they can be closed, and then they are gone. The " +
			"entries of other buses remain.", busCloseSparesOtherEntries},
	{"EntriesLeakNothing", "transport.Entry.Close",
		"Close frees what an entry holds, however the entry has ended, and so does an Enter that fails: no " +
			"goroutine and no connection outlives it. Otherwise a server whose namespaces come and go for weeks runs " +
			"out of memory.", entriesLeakNothing},
}

func entryEndsWithClose(c *busChecker) {
	one, two := c.newRosters()
	for way := range 6 {
		before, e, after := c.enter(one, "b"), c.enter(one, "b"), c.enter(two, "b")
		closes := c.closeVariants(e)[way%3]
		closes("Close an entry")
		rest := []transport.EntryInfo{before.Info(), after.Info()}
		const called = "Close an entry"
		if way%3 == 1 { // with a context that had ended
			c.expectEventually(two, called+" with a context that has ended", c.channel(""), rest)
		}
		for _, r := range []transport.Roster{one, two} {
			c.expectInfos(r, called, c.channel(""), rest)
		}
		for _, again := range c.closeVariants(e) {
			again("Close an entry again")
		}
		c.expectInfos(two, called+" again", c.channel(""), rest)
		c.must(called, before.Close)
		c.must(called, after.Close)
	}
}

func entryOutlivesItsContext(c *busChecker) {
	one, two := c.newRosters()
	var all []transport.EntryInfo
	usual := time.Duration(0)
	for i := range 4 {
		in := c.cancelledAfter(0)
		if i%2 == 1 {
			in = c.deadlineAfter(max(10*usual, 20*time.Millisecond))
		}
		var e transport.Entry
		start := time.Now()
		err := c.guard("Enter", func() (err error) {
			e, err = one.Enter(in.ctx, c.channel("stays"))
			return err
		})
		usual = max(usual, time.Since(start))
		if err == nil {
			c.closeAtEnd(e.Close)
			all = append(all, e.Info())
		}
		if in.want == context.Canceled {
			in.cancel()
		} else {
			c.noteCall("wait until the deadline of Enter has passed")
			<-in.ctx.Done()
		}
		in.checkError("Enter", err)
	}
	if len(all) == 0 {
		c.fail("Enter", "no error", "an error each time")
	}
	const called = "Enter, and its context ends"
	for range 3 {
		c.expectInfos(two, called, c.channel("stays"), all)
		time.Sleep(time.Millisecond) // an entry that ends with its context may take a moment to do so
	}
	for n := range c.affordableRounds(5, 6, c.scale(40, 400)) {
		in := c.interruption(n, usual)
		var e transport.Entry
		err := c.guard("Enter", func() (err error) {
			e, err = one.Enter(in.ctx, c.channel("interrupted"))
			return err
		})
		in.checkError("Enter, and its context ends during the call", err)
		if err == nil {
			c.must("Close an entry", e.Close)
		}
	}
	c.expectEventually(two, "Enter, and its context ends during the call", c.channel("interrupted"), nil)
	c.expectInfos(two, called, c.channel("stays"), all)
}

func severedEntryVanishes(c *busChecker) {
	one, two := c.newRosters()
	if c.harness.SeverEntries == nil {
		c.Skip("Harness.SeverEntries is nil: not checked")
	}
	for range 3 {
		e, other := c.enter(one, "severed"), c.enter(one, "severed")
		c.noteCall("Harness.SeverEntries")
		c.harness.SeverEntries(c.TB, one.(transport.Bus))
		c.expectEventually(two, "sever the entries", c.channel(""), nil)
		c.guard("sever the entries, Close an entry", func() error { // without a deadline: it must not wait for one
			if err := e.Close(c.Context()); err != nil {
				c.fail("sever the entries, Close an entry", "no error", "the error %q", err)
			}
			return nil
		})
		again := c.enter(one, "severed")
		if id := again.Info().ID; id == e.Info().ID || id == other.Info().ID {
			c.fail("sever the entries, Enter again", "another ID", "%s again", quote(id))
		}
		c.expectEntries(two, "sever the entries, Enter again", c.channel(""), again)
		c.must("Close an entry", other.Close)
		c.expectEntries(two, "sever the entries, Enter again, Close another severed entry", c.channel(""), again)
		c.must("Close an entry", again.Close)
	}
}

func busCloseSparesOtherEntries(c *busChecker) {
	c.newRosters()
	for way := range 3 {
		bus, other, closes := c.newClosableBus(way)
		one, two := bus.(transport.Roster), other.(transport.Roster)
		e, remains := c.enter(one, "of the bus"), c.enter(two, "of another bus")
		closes("Close the bus")
		c.expectEntries(two, "Close a bus, and", c.channel("of another bus"), remains)
		c.must("Close the bus, Close its entry", e.Close)
		c.expectEventually(two, "Close the bus, Close its entry", c.channel(""),
			[]transport.EntryInfo{remains.Info()})
		var again transport.Entry
		const called = "Close the bus, Enter"
		err := c.call(called, func(ctx context.Context) (err error) {
			again, err = one.Enter(ctx, c.channel("later"))
			return err
		})
		c.allowErrClosed(called, err)
		if err == nil {
			c.closeAtEnd(again.Close)
			c.expectEntries(two, called, c.channel("later"), again)
			c.must(called+", Close the entry", again.Close)
		}
		c.must("Close an entry", remains.Close)
	}
}

func entriesLeakNothing(c *busChecker) {
	one, _ := c.newRosters()
	enter := func(ctx context.Context) (transport.Entry, error) { return one.Enter(ctx, c.channel("leaky")) }
	rounds := func(name string, end func(e transport.Entry)) ending {
		return ending{name, func(n int) {
			for range n {
				var e transport.Entry
				c.must(name, func(ctx context.Context) (err error) {
					e, err = enter(ctx)
					return err
				})
				end(e)
			}
		}}
	}
	endings := []ending{
		rounds("Enter, Close", func(e transport.Entry) { c.must("Enter, Close", e.Close) }),
		rounds("Enter, Close with a context that has ended", func(e transport.Entry) {
			c.call("Enter, Close", func(context.Context) error { return e.Close(c.endedContext()) })
		}),
		{"Enter with a context that ends", func(n int) {
			for i := range n {
				in := c.interruption(i, max(c.latency(), time.Millisecond))
				c.guard("Enter with a context that ends", func() error {
					e, err := enter(in.ctx)
					if err == nil {
						err = e.Close(c.Context())
					}
					return err
				})
				in.cancel()
			}
		}},
		{"Enter a bad name", func(n int) {
			for range n {
				c.call("Enter a bad name", func(ctx context.Context) error {
					if _, err := one.Enter(ctx, c.channel("\x00")); err == nil {
						return errors.New("no error")
					}
					return nil
				})
			}
		}},
	}
	if c.harness.SeverEntries != nil {
		endings = append(endings, rounds("Enter, sever the entries, Close", func(e transport.Entry) {
			c.harness.SeverEntries(c.TB, one.(transport.Bus))
			c.must("Enter, sever the entries, Close", e.Close)
		}))
	}
	c.expectNoLeaks(func() []ending { return endings }, c.affordableRounds(40, 10, c.scale(20, 100)))
}
