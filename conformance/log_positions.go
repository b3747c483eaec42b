package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var logPositionChecks = []check[*logChecker]{
	{"FuturePositionIsAnError", "transport.ErrFuture",
		"Replay after an offset that the log has not reached is a *PositionError with ErrFuture. A client may send " +
			"any position: a reader that waits there would miss what comes.", futurePositionIsAnError},
	{"OtherEpochIsAnError", "transport.ErrEpoch",
		"Replay after a position of another epoch is a *PositionError with ErrEpoch, whatever the offset. Offsets of " +
			"different epochs say nothing about each other.", otherEpochIsAnError},
}

// expectPositionError fails the check unless Replay after a position returns a *transport.PositionError.
func (c *logChecker) expectPositionError(log transport.Log, channel string, after transport.Position, want error) {
	c.Helper()
	called := "Replay of " + quote(channel) + " after " + showPosition(after)
	var records []transport.Record
	err := c.call(called, func(ctx context.Context) (err error) {
		records, err = log.Replay(ctx, channel, after, transport.ReadLimit{})
		return err
	})
	wanted := fmt.Sprintf("a *transport.PositionError with the error %q", want)
	var e *transport.PositionError
	switch {
	case err == nil:
		c.fail(called, wanted, "no error, and %s", countRecords(len(records)))
	case !errors.As(err, &e) || !errors.Is(err, want):
		c.fail(called, wanted, "the error %q", err)
	case e.Channel != channel || e.Position != after:
		c.fail(called, "its channel and position in the error", "%s, %s", quote(e.Channel), showPosition(e.Position))
	case e.Bounds.CheckPosition(channel, after) == nil || !errors.Is(e.Bounds.CheckPosition(channel, after), want):
		c.fail(called, "Bounds in the error that explain it", "%+v", e.Bounds)
	case len(records) > 0:
		c.fail(called, "no messages beside the error", "%s", countRecords(len(records)))
	}
}

func futurePositionIsAnError(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	for _, payloads := range [][]string{nil, {"1"}, {"2", "3"}} {
		if payloads != nil {
			c.append(one, keep(a, payloads...)...)
		}
		end := c.end(two, a)
		for _, later := range []transport.Offset{
			{Major: end.Offset.Major, Minor: end.Offset.Minor + 1}, {Major: end.Offset.Major + 1},
			{Major: end.Offset.Major + 1_000_000}, {Major: 1 << 62}, {Major: 1<<64 - 1, Minor: 1<<64 - 1},
		} {
			after := transport.Position{Epoch: end.Epoch, Offset: later}
			c.expectPositionError(two, a, after, transport.ErrFuture)
		}
		c.expectPayloads("Replay after the latest message", c.replay(two, a, end, transport.ReadLimit{}), nil)
	}
}

func otherEpochIsAnError(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	c.append(one, keep(a, "1", "2", "3")...)
	begin, end := c.begin(two, a), c.end(two, a)
	for _, epoch := range []string{
		"", "otherEpoch", end.Epoch + "x", end.Epoch[1:], end.Epoch[:len(end.Epoch)-1], swapCase(end.Epoch), "' OR 1=1",
		"0", "\x00",
	} {
		if epoch == end.Epoch {
			continue
		}
		for _, offset := range []transport.Offset{{}, begin.Offset, end.Offset, {Major: 1}, {Major: 1 << 62}} {
			c.expectPositionError(two, a, transport.Position{Epoch: epoch, Offset: offset}, transport.ErrEpoch)
		}
	}
	unused := transport.Position{Epoch: "otherEpoch"}
	c.expectPositionError(two, c.channel("unused"), unused, transport.ErrEpoch)
}

// swapCase returns s with upper-case letters in place of lower-case ones, and the reverse.
func swapCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}
