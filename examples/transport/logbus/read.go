package logbus

import (
	"bytes"
	"context"
	"slices"

	"github.com/backplane-go/backplane/transport"
)

// Replay checks the position and reads under one lock, so that nothing can be removed in between.
func (b *Bus) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.boundsLocked(channel).CheckPosition(channel, after); err != nil {
		return nil, err
	}
	return read(b.entries, channel, limit, func(r transport.Record) bool {
		return r.Offset.Compare(after.Offset) > 0
	}), nil
}

// Latest reads backwards.
func (b *Bus) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	backwards := slices.Clone(b.entries)
	slices.Reverse(backwards)
	records := read(backwards, channel, limit, func(r transport.Record) bool {
		return before.IsZero() || r.Offset.Compare(before) < 0
	})
	slices.Reverse(records)
	return records, nil
}

// read returns the kept entries of a channel that are wanted: up to a limit, but at least one.
func read(
	entries []transport.Record, channel string, limit transport.ReadLimit, wanted func(r transport.Record) bool,
) (records []transport.Record) {
	size := 0
	for _, r := range entries {
		if !r.Keep || r.Channel != channel || !wanted(r) {
			continue
		}
		size += len(r.Payload)
		full := len(records) == max(limit.Records, 0) && limit.Records > 0 || limit.Bytes > 0 && size > limit.Bytes
		if full && len(records) > 0 {
			break
		}
		r.Payload = bytes.Clone(r.Payload)
		records = append(records, r)
	}
	return records
}
