package natsdriver

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

// What a call of Replay or Latest returns unless the caller sets a lower limit.
const (
	defaultReadRecords = 4096
	maxReadBytes       = 1 << 20
)

// readLimit returns a limit with the defaults.
func readLimit(limit transport.ReadLimit) transport.ReadLimit {
	if limit.Records <= 0 || limit.Records > defaultReadRecords {
		limit.Records = defaultReadRecords
	}
	if limit.Bytes <= 0 || limit.Bytes > maxReadBytes {
		limit.Bytes = maxReadBytes
	}
	return limit
}

// Replay implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher. A replica of
// the stream returns the messages, and after that its leader says whether they are all.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	limit = readLimit(limit)
	epoch, err := d.currentEpoch(ctx)
	if err != nil {
		return nil, err
	}
	var records []transport.Record
	if after.Epoch == epoch {
		if records, err = d.readAfter(ctx, epoch, channel, after.Offset, limit); err != nil {
			return nil, err
		}
	}
	h, err := d.leaderHead(ctx, channel)
	if err != nil {
		return nil, err
	}
	if err := d.checkPosition(ctx, channel, after, h); err != nil {
		return nil, err
	}
	if len(records) > 0 || after.Offset.Major >= h.newest {
		return records, nil
	}
	return d.readFromLeader(ctx, epoch, channel, after.Offset, limit) // the replica lags behind
}

// checkPosition returns a *transport.PositionError if messages of a channel after a position are missing. The position
// may be older than what was trimmed, if it is that of the latest message before.
func (d *Driver) checkPosition(ctx context.Context, channel string, after transport.Position, h logHead) error {
	newest := transport.Offset{Major: h.newest}
	follows := after.Epoch == h.epoch && after.Offset.Compare(newest) <= 0
	if follows && after.Offset.Major < h.trimmed && after.Offset != newest {
		subject := d.entrySubject(h.epoch, channel)
		at := directRequest{Sequence: max(after.Offset.Major, 1)}
		if after.Offset.Major == 0 {
			at.Next = subject
		}
		answers, err := d.query(ctx, question(streamAPI+"MSG.GET."+d.config.Stream, at),
			question(streamAPI+"MSG.GET."+d.config.Stream, directRequest{Sequence: entryAfter(after.Offset), Next: subject}))
		if err != nil {
			return err
		}
		here, there, err := decodeStored(answers[0])
		next, more, err2 := decodeStored(answers[1])
		if err := errors.Join(err, err2); err != nil {
			return explainNobody(err)
		}
		follows = after.Offset.Minor == 0 && (!more || next.Sequence > h.trimmed) &&
			(after.Offset.Major == 0 || there && here.Subject == subject)
	}
	if follows {
		return nil
	}
	bounds, err := d.bounds(ctx, channel, h)
	if err == nil {
		err = bounds.CheckPosition(channel, after)
	}
	if err == nil {
		err = &transport.PositionError{Channel: channel, Position: after, Bounds: bounds, Err: transport.ErrTrimmed}
	}
	return err
}

// readAfter returns messages after an offset as a replica has them.
func (d *Driver) readAfter(
	ctx context.Context, epoch, channel string, after transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	all, err := d.direct(ctx, directRequest{Sequence: entryAfter(after), Next: d.entrySubject(epoch, channel),
		Batch: limit.Records, MaxBytes: limit.Bytes})
	if err != nil {
		if errors.Is(err, errNobody) { // the stream is gone, or has no replica
			_, err = d.examine(ctx)
		}
		return nil, err
	}
	c := collector{after: after, limit: limit}
	for _, f := range all {
		records, err := decodeEntry(channel, epoch, f.sequence, c.after.Major, &f.Message)
		if err != nil {
			return nil, err
		}
		if !c.add(records) {
			break
		}
	}
	return c.records, nil
}

// readFromLeader is readAfter for one entry, as the leader has it.
func (d *Driver) readFromLeader(
	ctx context.Context, epoch, channel string, after transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	answers, err := d.query(ctx, question(streamAPI+"MSG.GET."+d.config.Stream, directRequest{
		Sequence: entryAfter(after), Next: d.entrySubject(epoch, channel)}))
	if err != nil {
		return nil, err
	}
	m, ok, err := decodeStored(answers[0])
	if err != nil || !ok {
		return nil, err
	}
	records, err := decodeEntry(channel, epoch, m.Sequence, after.Major,
		&server.Message{Header: m.Header, Payload: m.Data})
	c := collector{after: after, limit: limit}
	c.add(records)
	return c.records, err
}

// collector collects kept messages after an offset.
type collector struct {
	after   transport.Offset
	limit   transport.ReadLimit
	records []transport.Record
	bytes   int
}

// add adds messages, and reports whether there is room for more.
func (c *collector) add(records []transport.Record) bool {
	for _, r := range records {
		if !r.Keep || r.Offset.Compare(c.after) <= 0 {
			continue
		}
		c.bytes += len(r.Payload)
		if len(c.records) > 0 && (len(c.records) >= c.limit.Records || c.bytes > c.limit.Bytes) {
			return false
		}
		r.Previous, c.after = c.after, r.Offset
		c.records = append(c.records, r)
	}
	return true
}
