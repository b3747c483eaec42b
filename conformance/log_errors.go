package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logErrorChecks = []check[*logChecker]{
	{"RejectedMessagesAreNotKept", "transport.Appender.Append",
		"After a *RejectedError exactly the first Accepted messages are kept and delivered, after ErrNotSent none, " +
			"and after any other error those that are kept are delivered. What one client has seen must be what " +
			"another is given later.", rejectedMessagesAreNotKept},
	{"UnwritableLogIsAnError", "transport.Log",
		"If the log cannot be written, Append of a message to be kept is an error, and the message is neither kept " +
			"nor delivered later. Afterwards Append works again.", unwritableLogIsAnError},
	{"UnreachableLogIsAnError", "transport.Log",
		"If the server cannot be reached, all methods fail rather than wait, with an error that is not a context's " +
			"error.", unreachableLogIsAnError},
}

func rejectedMessagesAreNotKept(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a, limits := c.channel("a"), one.Limits()
	var bad []transport.Record
	if limits.Payload > 0 {
		bad = append(bad, keep(a, sizedText(limits.Payload+1))...)
		bad = append(bad, skip(a, sizedText(limits.Payload+1))...)
	}
	if limits.Channel > 0 {
		bad = append(bad, keep(a+strings.Repeat("x", limits.Channel), "x")...)
	}
	if limits.Text {
		bad = append(bad, keep(a, "a\x00b")...)
	}
	if len(bad) == 0 {
		c.Skip("Limits are 0: there is no limit to exceed")
	}
	s := c.openLog(two, a)
	after := c.begin(two, a)
	for i, r := range bad {
		for _, at := range []int{0, 1, 3, 5} {
			sent := keep(a, numberedPayloads(fmt.Sprintf("bad %d at %d, message", i, at), 5)...)
			sent[2].Keep = false
			sent = append(sent[:at:at], append([]transport.Record{r}, sent[at:]...)...)
			called := fmt.Sprintf("Append of 6 messages, of which number %d exceeds Limits", at+1)
			err := c.call(called, func(ctx context.Context) error { return one.Append(ctx, sent) })
			if err == nil {
				c.fail(called, "an error", "no error")
			}
			end := fmt.Sprintf("end of %d at %d", i, at)
			c.append(two, keep(a, end)...)
			var got []transport.Record
			for len(got) == 0 || string(got[len(got)-1].Payload) != end {
				got = append(got, c.receive(s, called+", Append", 1)...)
			}
			got = got[:len(got)-1]
			good := sent[:at:at]
			var rejected *transport.RejectedError
			switch {
			case errors.As(err, &rejected):
				if rejected.Accepted > at {
					c.fail(called, fmt.Sprintf("no more than %d as Accepted", at), "%d", rejected.Accepted)
				}
				c.expectPayloads(called+", ReceiveRecord", got, payloadsOf(good[:rejected.Accepted]))
			case errors.Is(err, transport.ErrNotSent):
				c.expectPayloads(called+", ReceiveRecord", got, nil)
			default:
				c.expectPayloads(called+", ReceiveRecord", got, payloadsOf(good[:min(len(good), len(got))]))
			}
			for n, r := range got {
				if r.Keep != good[n].Keep {
					c.fail(called+", ReceiveRecord", fmt.Sprintf("Keep %v", good[n].Keep), "%s", showRecord(r))
				}
			}
			replayed := c.replayAll(two, a, after, transport.ReadLimit{})
			after = replayed[len(replayed)-1].Position()
			c.expectSame(called+", Replay", replayed[:len(replayed)-1], keptOf(got))
		}
	}
}

func unwritableLogIsAnError(c *logChecker) {
	if c.harness.Unwritable == nil {
		c.Skip("LogHarness.Unwritable is nil: not checked")
	}
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	s := c.openLog(two, a)
	begin := c.begin(one, a)
	c.append(one, keep(a, "before")...)
	c.noteCall("LogHarness.Unwritable")
	repair := c.harness.Unwritable(c.TB, one)
	repaired := false
	c.Cleanup(func() {
		if !repaired {
			repair()
		}
	})
	for _, sent := range [][]transport.Record{
		keep(a, "lost"), append(skip(a, "lost too"), keep(a, "lost 2", "lost 3")...),
	} {
		const called = "Append to a log that cannot be written"
		err := c.call(called, func(ctx context.Context) error { return one.Append(ctx, sent) })
		switch {
		case err == nil:
			c.fail(called, "an error", "no error")
		case isContextError(err):
			c.fail(called, "an error that is not a context's error", "%q", err)
		}
	}
	repair()
	repaired = true
	c.eventually("Append after the log can be written again", func(ctx context.Context) error {
		return one.Append(ctx, keep(a, "after"))
	})
	const called = "Append to a log that cannot be written, repair it, Append"
	replayed := c.replayAll(two, a, begin, transport.ReadLimit{})
	c.expectPayloads(called+", Replay", replayed, []string{"before", "after"})
	var got []transport.Record
	for len(got) == 0 || string(got[len(got)-1].Payload) != "after" {
		r := c.receive(s, called, 1)
		if !r[0].Keep && string(r[0].Payload) == "lost too" { // it need not be kept
			continue
		}
		got = append(got, r...)
	}
	c.expectSame(called+", ReceiveRecord", got, replayed)
}

// logCall is a call of a method of a log.
type logCall struct {
	name   string
	writes bool
	call   func(ctx context.Context) error
}

// interruptCalls makes calls while the medium is stalled, one after the other, and fails unless each returns soon after
// its context has ended.
func (c *checker) interruptCalls(calls []logCall) {
	moment := max(2*c.latency(), time.Millisecond)
	for _, call := range calls {
		called := call.name + " while the medium is stalled"
		ctx, cancel := context.WithCancel(c.Context())
		stop := time.AfterFunc(moment, cancel)
		start := time.Now()
		err := c.guard(called, func() error { return call.call(ctx) })
		late := time.Since(start) - moment
		stop.Stop()
		cancel()
		switch {
		case !errors.Is(err, context.Canceled):
			c.fail(called, fmt.Sprintf("the error %q", context.Canceled), "%v", err)
		case late > c.patience/2:
			c.fail(called, "a return soon after its context has ended", "it returned %v later", late)
		}
	}
}

// logCalls returns a call of each method that needs the server. What they append has the given payload.
func (c *logChecker) logCalls(log transport.Log, channel string, after transport.Position, payload string) []logCall {
	calls := []logCall{
		{"Append", true, func(ctx context.Context) error { return log.Append(ctx, keep(channel, payload)) }},
		{"Append of messages that are not kept", true, func(ctx context.Context) error {
			return log.Append(ctx, skip(channel, payload))
		}},
		{"OpenLog", false, func(ctx context.Context) error {
			s, err := log.OpenLog(ctx)
			if err == nil {
				c.closeAtEnd(s.Close)
			}
			return err
		}},
		{"Bounds", false, func(ctx context.Context) error { _, err := log.Bounds(ctx, channel); return err }},
		{"Replay", false, func(ctx context.Context) error {
			_, err := log.Replay(ctx, channel, after, transport.ReadLimit{})
			return err
		}},
		{"Latest", false, func(ctx context.Context) error {
			_, err := log.Latest(ctx, channel, transport.Offset{}, transport.ReadLimit{})
			return err
		}},
	}
	if p, ok := log.(transport.LogPreparer); ok {
		calls = append(calls, logCall{"PrepareLog", false, p.PrepareLog})
	}
	if i, ok := log.(transport.LogInspector); ok {
		calls = append(calls, logCall{"InspectLog", false, func(ctx context.Context) error {
			_, err := i.InspectLog(ctx, channel)
			return err
		}})
	}
	if o, ok := log.(transport.Outbox); ok {
		calls = append(calls, logCall{"MoveOutbox", false, func(ctx context.Context) error {
			_, _, err := o.MoveOutbox(ctx)
			return err
		}})
	}
	if t, ok := log.(transport.LogTrimmer); ok {
		calls = append(calls, logCall{"TrimLog", false, func(ctx context.Context) error {
			return t.TrimLog(ctx, transport.Retention{MaxAge: 1, MaxBytes: 1})
		}})
	}
	return calls
}

func unreachableLogIsAnError(c *logChecker) {
	if c.harness.NoServer == nil {
		c.Skip("LogHarness.NoServer is nil: not checked")
	}
	c.noteCall("LogHarness.NoServer")
	log := c.harness.NoServer(c.TB)
	for _, call := range c.logCalls(log, c.channel("a"), transport.Position{Epoch: "epoch"}, "x") {
		called := call.name + " while the server cannot be reached"
		switch err := c.call(called, call.call); {
		case err == nil:
			c.fail(called, "an error", "no error")
		case isContextError(err):
			c.fail(called, "an error that is not a context's error", "%q", err)
		case errors.As(err, new(*transport.PositionError)):
			c.fail(called, "an error that is not about positions", "%q", err)
		}
	}
}
