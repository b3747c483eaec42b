package natsdriver

import (
	"context"
	"math"
	"slices"

	"github.com/backplane-go/backplane/transport"
)

// Latest implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher.
//
// JetStream reads forwards only. So this looks for a sequence from which on there are enough entries, but not many
// more.
func (d *Driver) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	limit = readLimit(limit)
	h, err := d.leaderHead(ctx, channel)
	if err != nil || h.newest <= h.trimmed {
		return nil, err
	}
	if before.IsZero() || before.Major > h.newest {
		before = transport.Offset{Major: h.newest, Minor: math.MaxUint64}
	}
	subject := d.entrySubject(h.epoch, channel)
	after, end := h.trimmed, before.Major
	if before.Minor > 0 {
		end++ // messages of the entry after before.Major may be before it
	}
	if end <= after {
		return nil, nil
	}
	from, err := d.startOf(ctx, subject, after+1, end, limit.Records)
	if err != nil {
		return nil, explainNobody(err)
	}
	records, err := d.readTail(ctx, channel, h, from, end, tail{before: before, limit: limit})
	if err == nil && len(records) == 0 && from > after+1 { // a replica that lags behind has counted wrongly
		records, err = d.readTail(ctx, channel, h, after+1, end, tail{before: before, limit: limit})
	}
	return records, err
}

// readTail returns the last messages of the entries between two sequences.
func (d *Driver) readTail(
	ctx context.Context, channel string, h logHead, next, end uint64, t tail,
) ([]transport.Record, error) {
	for next <= min(end, h.newest) {
		all, err := d.entries(ctx, d.entrySubject(h.epoch, channel), next, h.newest)
		if err != nil || len(all) == 0 {
			return t.records, err
		}
		for i := range all {
			if all[i].sequence > end {
				return t.records, nil
			}
			records, err := decodeEntry(channel, h.epoch, all[i].sequence, t.previous, &all[i].Message)
			if err != nil {
				return nil, err
			}
			t.previous = all[i].sequence
			t.add(records)
		}
		next = t.previous + 1
	}
	return t.records, nil
}

// startOf returns a sequence from which on there are at least n entries up to end, if there are so many from first on,
// and then not more than four times as many, if it finds such a one.
func (d *Driver) startOf(ctx context.Context, subject string, first, end uint64, n int) (uint64, error) {
	following := func(sequence uint64) (int, error) { // how many entries there are from a sequence on
		all, err := d.direct(ctx, directRequest{Sequence: sequence, Next: subject, Batch: 1, MaxBytes: 1})
		if err != nil || len(all) == 0 {
			return 0, err
		}
		return all[0].pending + 1, nil
	}
	beyond, err := following(end + 1)
	if err != nil {
		return 0, err
	}
	for width := uint64(n); width < end-first; width *= 4 {
		from := end - width
		some, err := following(from)
		if err != nil {
			return 0, err
		}
		if some-beyond >= n {
			return from, nil
		}
	}
	return first, nil
}

// tail keeps the last of the messages that are added.
type tail struct {
	before   transport.Offset
	limit    transport.ReadLimit
	previous uint64
	records  []transport.Record
	bytes    int
}

func (t *tail) add(records []transport.Record) {
	for _, r := range records {
		if !r.Keep || r.Offset.Compare(t.before) >= 0 {
			continue
		}
		t.records = append(t.records, r)
		t.bytes += len(r.Payload)
	}
	drop := 0
	for ; len(t.records)-drop > 1 && (len(t.records)-drop > t.limit.Records || t.bytes > t.limit.Bytes); drop++ {
		t.bytes -= len(t.records[drop].Payload)
	}
	t.records = slices.Delete(t.records, 0, drop)
}
