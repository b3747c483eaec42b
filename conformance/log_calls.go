package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

// keep returns messages to be kept on a channel, whose full name is given.
func keep(channel string, payloads ...string) []transport.Record {
	return recordsOf(channel, true, payloads)
}

// skip returns messages that are not to be kept.
func skip(channel string, payloads ...string) []transport.Record {
	return recordsOf(channel, false, payloads)
}

func recordsOf(channel string, keep bool, payloads []string) []transport.Record {
	records := make([]transport.Record, len(payloads))
	for i, p := range payloads {
		records[i] = transport.Record{Message: transport.Message{Channel: channel, Payload: []byte(p)}, Keep: keep}
	}
	return records
}

func numberedPayloads(prefix string, n int) []string {
	payloads := make([]string, n)
	for i := range payloads {
		payloads[i] = fmt.Sprint(prefix, " ", i)
	}
	return payloads
}

func payloadsOf(records []transport.Record) []string {
	payloads := make([]string, len(records))
	for i, r := range records {
		payloads[i] = string(r.Payload)
	}
	return payloads
}

func showRecord(r transport.Record) string {
	if !r.Keep {
		return showMessage(r.Message) + " (not kept)"
	}
	return fmt.Sprintf("%s (offset %s after %s of epoch %q)", showMessage(r.Message), r.Offset, r.Previous, r.Epoch)
}

func showPosition(p transport.Position) string {
	return fmt.Sprintf("offset %s of epoch %q", p.Offset, p.Epoch)
}

// append appends all records in one call. It fails the check if that fails.
func (c *logChecker) append(a transport.Appender, records ...transport.Record) {
	c.Helper()
	called := "Append " + countRecords(len(records))
	if len(records) == 1 {
		called = "Append " + showMessage(records[0].Message)
	}
	c.must(called, func(ctx context.Context) error { return a.Append(ctx, records) })
}

func (c *logChecker) appendEach(a transport.Appender, records ...transport.Record) {
	c.Helper()
	for i := range records {
		c.append(a, records[i:i+1]...)
	}
}

// openLog opens a session that listens to channels. It is closed at the end of the check.
func (c *logChecker) openLog(log transport.Log, channels ...string) transport.LogSession {
	c.Helper()
	var s transport.LogSession
	c.must("OpenLog", func(ctx context.Context) error {
		opened, err := log.OpenLog(ctx)
		if err == nil && opened != nil {
			c.closeAtEnd(opened.Close)
		}
		s = opened
		return err
	})
	c.listen(s, channels...)
	return s
}

func (c *logChecker) listen(s transport.Session, channels ...string) {
	c.Helper()
	for _, name := range channels {
		c.must("Listen "+quote(name), func(ctx context.Context) error { return s.Listen(ctx, name) })
	}
}

// receive returns the next n records. It fails the check if they do not arrive.
func (c *logChecker) receive(s transport.LogSession, called string, n int) []transport.Record {
	c.Helper()
	records := make([]transport.Record, 0, n)
	for i := range n {
		var r transport.Record
		err := c.call(called+", then ReceiveRecord", func(ctx context.Context) (err error) {
			r, err = s.ReceiveRecord(ctx)
			return err
		})
		nth := fmt.Sprintf("message %d of %d", i+1, n)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.fail(called+", then ReceiveRecord", nth, "no message for %v", c.patience)
		case err != nil:
			c.fail(called+", then ReceiveRecord", nth, "the error %q", err)
		}
		records = append(records, r)
	}
	return records
}

func (c *logChecker) bounds(log transport.Log, channel string) (b transport.Bounds) {
	c.Helper()
	c.must("Bounds of "+quote(channel), func(ctx context.Context) (err error) {
		b, err = log.Bounds(ctx, channel)
		return err
	})
	return b
}

// begin returns the position before everything that a channel's log has.
func (c *logChecker) begin(log transport.Log, channel string) transport.Position {
	c.Helper()
	b := c.bounds(log, channel)
	return transport.Position{Epoch: b.Epoch, Offset: b.Trimmed}
}

// end returns the position after everything that a channel's log has.
func (c *logChecker) end(log transport.Log, channel string) transport.Position {
	c.Helper()
	b := c.bounds(log, channel)
	return transport.Position{Epoch: b.Epoch, Offset: b.Newest}
}

// replay makes one call of Replay, which must succeed and return what follows a position without omission.
func (c *logChecker) replay(
	log transport.Log, channel string, after transport.Position, limit transport.ReadLimit,
) (records []transport.Record) {
	c.Helper()
	called := "Replay of " + quote(channel) + " after " + showPosition(after)
	c.must(called, func(ctx context.Context) (err error) {
		records, err = log.Replay(ctx, channel, after, limit)
		return err
	})
	c.report(pieceProblem(called, channel, after, limit, records))
	return records
}

// replayAll replays what follows a position, in pieces.
func (c *logChecker) replayAll(
	log transport.Log, channel string, after transport.Position, limit transport.ReadLimit,
) (all []transport.Record) {
	c.Helper()
	for {
		piece := c.replay(log, channel, after, limit)
		if len(piece) == 0 {
			return all
		}
		all = append(all, piece...)
		after = piece[len(piece)-1].Position()
	}
}

func (c *logChecker) latest(
	log transport.Log, channel string, before transport.Offset, limit transport.ReadLimit,
) (records []transport.Record) {
	c.Helper()
	called := fmt.Sprintf("Latest of %s before %s", quote(channel), before)
	c.must(called, func(ctx context.Context) (err error) {
		records, err = log.Latest(ctx, channel, before, limit)
		return err
	})
	c.report(latestProblem(called, channel, before, limit, records))
	return records
}

// pieceProblem says what is wrong with a piece of a channel's log that follows a position.
func pieceProblem(
	called, channel string, after transport.Position, limit transport.ReadLimit, records []transport.Record,
) *problem {
	latest := after.Offset
	for i, r := range records {
		switch {
		case r.Epoch != after.Epoch:
			return &problem{called, fmt.Sprintf("messages of epoch %q", after.Epoch), showRecord(r)}
		case r.Previous != latest:
			return &problem{called, fmt.Sprintf("a message after offset %s, with that as Previous", latest),
				showRecord(r)}
		}
		if p := recordProblem(called, channel, latest, records[i]); p != nil {
			return p
		}
		latest = r.Offset
	}
	return limitProblem(called, limit, records, 0)
}

// latestProblem says what is wrong with a result of Latest.
func latestProblem(
	called, channel string, before transport.Offset, limit transport.ReadLimit, records []transport.Record,
) *problem {
	for i, r := range records {
		after := r.Previous
		if i > 0 && r.Previous != records[i-1].Offset {
			return &problem{called, "messages that follow each other", fmt.Sprintf("%s after %s", showRecord(r),
				showRecord(records[i-1]))}
		}
		if p := recordProblem(called, channel, after, r); p != nil {
			return p
		}
		if !before.IsZero() && r.Offset.Compare(before) >= 0 {
			return &problem{called, "messages before offset " + before.String(), showRecord(r)}
		}
	}
	return limitProblem(called, limit, records, len(records)-1)
}

// recordProblem says what is wrong with a message that must follow an offset of a channel.
func recordProblem(called, channel string, after transport.Offset, r transport.Record) *problem {
	switch {
	case r.Channel != channel:
		return &problem{called, "messages of " + quote(channel), showRecord(r)}
	case !r.Keep:
		return &problem{called, "a message with Keep set", showRecord(r)}
	case r.Offset.Compare(after) <= 0:
		return &problem{called, "a message with an offset after " + after.String(), showRecord(r)}
	}
	return nil
}

// limitProblem says whether records exceed a limit. The one at the index first may be larger.
func limitProblem(called string, limit transport.ReadLimit, records []transport.Record, first int) *problem {
	size, extra := 0, false
	for i, r := range records {
		size += len(r.Payload)
		extra = extra || i != first
	}
	switch {
	case limit.Records > 0 && len(records) > limit.Records:
		return &problem{called, fmt.Sprintf("no more than %s", countRecords(limit.Records)), countRecords(len(records))}
	case limit.Bytes > 0 && size > limit.Bytes && extra:
		return &problem{called, fmt.Sprintf("no more than %d bytes, or a single message", limit.Bytes),
			fmt.Sprintf("%s of %d bytes", countRecords(len(records)), size)}
	}
	return nil
}

// expectPayloads fails the check unless records have these payloads.
func (c *logChecker) expectPayloads(called string, records []transport.Record, want []string) {
	c.Helper()
	for i := range max(len(records), len(want)) {
		switch {
		case i >= len(records):
			c.fail(called, countRecords(len(want)), "%d: %s is missing", len(records), quote(want[i]))
		case i >= len(want):
			c.fail(called, countRecords(len(want)), "%d: also %s", len(records), showRecord(records[i]))
		case string(records[i].Payload) != want[i]:
			c.fail(called, fmt.Sprintf("%s as message %d of %d", quote(want[i]), i+1, len(want)), "%s",
				showRecord(records[i]))
		}
	}
}

// expectChain fails the check unless kept records follow each other after an offset.
func (c *logChecker) expectChain(called, channel string, after transport.Position, records []transport.Record) {
	c.Helper()
	c.report(pieceProblem(called, channel, after, transport.ReadLimit{}, records))
}

func join(payloads []string) string { return strings.Join(payloads, ", ") }
