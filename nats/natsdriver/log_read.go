package natsdriver

import (
	"context"
	"errors"

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

// maxTopUp is how many entries Replay reads from the leader, one by one, if the replica has not all of them yet.
const maxTopUp = 64

// Replay implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher. A replica of
// the stream returns the messages, and after that its leader says whether they are all.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	epoch, err := d.currentEpoch(ctx)
	if err != nil {
		return nil, err
	}
	c := collector{after: after.Offset, limit: readLimit(limit)}
	if after.Epoch == epoch {
		if err = d.readAfter(ctx, epoch, channel, &c); err != nil {
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
	for n := 0; !c.full && c.after.Major < h.newest && n < maxTopUp; n++ { // the replica lags behind
		m, ok, err := d.nextFromLeader(ctx, d.config.Stream, d.entrySubject(epoch, channel), entryAfter(c.after))
		if err != nil || !ok {
			return c.records, err
		}
		records, err := decodeEntry(channel, epoch, m.sequence, c.after.Major, &m.Message)
		if err != nil {
			return nil, err
		}
		c.add(records)
	}
	return c.records, nil
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
			question(streamAPI+"MSG.GET."+d.config.Stream,
				directRequest{Sequence: entryAfter(after.Offset), Next: subject}))
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

// readAfter collects messages as a replica has them.
func (d *Driver) readAfter(ctx context.Context, epoch, channel string, c *collector) error {
	all, err := d.direct(ctx, directRequest{Sequence: entryAfter(c.after), Next: d.entrySubject(epoch, channel),
		Batch: c.limit.Records, MaxBytes: c.limit.Bytes})
	if errors.Is(err, errNobody) { // the stream is gone, or has no replica
		_, err = d.examine(ctx)
		return err
	}
	for i := range all {
		records, err := decodeEntry(channel, epoch, all[i].sequence, c.after.Major, &all[i].Message)
		if err != nil {
			return err
		}
		c.add(records)
		if c.full {
			break
		}
	}
	c.full = c.full || len(all) > 0 && all[len(all)-1].pending > 0
	return err
}

// collector collects kept messages after an offset.
type collector struct {
	after   transport.Offset
	limit   transport.ReadLimit
	records []transport.Record
	bytes   int
	full    bool // there is no room for more
}

// add adds messages.
func (c *collector) add(records []transport.Record) {
	for _, r := range records {
		if !r.Keep || r.Offset.Compare(c.after) <= 0 {
			continue
		}
		c.bytes += len(r.Payload)
		if len(c.records) > 0 && (len(c.records) >= c.limit.Records || c.bytes > c.limit.Bytes) {
			c.full = true
			return
		}
		r.Previous, c.after = c.after, r.Offset
		c.records = append(c.records, r)
	}
}
