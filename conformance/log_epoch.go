package conformance

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logEpochChecks = []check[*logChecker]{
	{"NewEpochIsNoticed", "transport.Log",
		"A log that was created again, or has lost messages, begins a new epoch: Bounds has it, positions of the old " +
			"one are ErrEpoch, and what is received and replayed from then on has it. A client must not continue at " +
			"an offset that now means another message.", newEpochIsNoticed},
}

func newEpochIsNoticed(c *logChecker) {
	if c.harness.NewEpoch == nil {
		c.Skip("LogHarness.NewEpoch is nil: not checked")
	}
	one, two := c.newLog(), c.newLog()
	a, b := c.channel("a"), c.channel("b")
	c.append(one, keep(a, numberedPayloads("old", 5)...)...)
	begin, end := c.begin(two, a), c.end(two, a)
	unused := c.begin(two, b)
	old := c.openLog(two, a)
	c.noteCall("LogHarness.NewEpoch")
	c.harness.NewEpoch(c.TB, one)

	const called = "begin a new epoch"
	c.eventually(called+", Append", func(ctx context.Context) error { return one.Append(ctx, keep(a, "x")) })
	for _, log := range []transport.Log{one, two, c.newLog()} {
		var now transport.Bounds
		c.eventually(called+", Bounds", func(ctx context.Context) (err error) {
			now, err = log.Bounds(ctx, a)
			return err
		})
		if now.Epoch == end.Epoch || !isEpoch(now.Epoch) {
			c.fail(called+", Bounds", "another epoch than "+end.Epoch, "%q", now.Epoch)
		}
		for _, after := range []transport.Position{begin, end, {Epoch: end.Epoch, Offset: now.Newest}} {
			c.expectPositionError(log, a, after, transport.ErrEpoch)
		}
		c.expectPositionError(log, b, unused, transport.ErrEpoch)
	}
	young := c.openLog(two, a)
	latest := c.end(two, a)
	c.append(two, keep(a, "young 1", "young 2")...)
	c.append(one, keep(a, "young 3")...)
	got := c.receive(young, called+", Append", 3)
	c.expectPayloads(called+", Append, ReceiveRecord", got, numberedFrom1("young", 3))
	c.expectChain(called+", Append, ReceiveRecord", a, latest, got)
	c.expectSame(called+", Append, Replay", c.replay(two, a, latest, transport.ReadLimit{}), got)
	// The old session ends, or returns messages with the new epoch.
	for start := time.Now(); time.Since(start) < c.patience; {
		var r transport.Record
		err := c.call(called+", ReceiveRecord of an old session", func(ctx context.Context) (err error) {
			r, err = old.ReceiveRecord(ctx)
			return err
		})
		if err != nil && !isContextError(err) || r.Position() == got[2].Position() {
			return
		}
		if string(r.Payload) == "young 3" {
			break
		}
	}
	c.fail(called+", Append, ReceiveRecord of an old session", "the messages of the new epoch, or an error", "neither")
}

func numberedFrom1(prefix string, n int) []string { return numberedPayloads(prefix, n+1)[1:] }
