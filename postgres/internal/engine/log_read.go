package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/backplane-go/backplane/transport"
)

// What a call of Replay or Latest returns unless the caller sets a limit.
const (
	defaultReadRecords = 4096
	defaultReadBytes   = 4 << 20
)

// Bounds implements transport.Log.
func (b *Bus) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	if b.log.err != nil {
		return transport.Bounds{}, b.log.err
	}
	return readCurrent(ctx, b, func() (transport.Bounds, error) {
		var epoch string
		var trimmed, newest int64
		found, err := b.pool.QueryRow(ctx, b.log.bounds, []any{channel}, &epoch, &trimmed, &newest)
		switch {
		case err != nil:
		case !found:
			err = b.log.withoutRow()
		case epoch == "":
			err = errNotCurrent
		}
		return newBounds(epoch, trimmed, newest), err
	})
}

func newBounds(epoch string, trimmed, newest int64) transport.Bounds {
	offset := func(n int64) transport.Offset { return transport.Offset{Major: uint64(max(n, 0))} }
	return transport.Bounds{Epoch: epoch, Trimmed: offset(trimmed), Newest: offset(newest)}
}

// Replay implements transport.Log.
func (b *Bus) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	read, err := b.read(ctx, b.log.replay, channel, after.Offset.Major, limit)
	if err != nil {
		return nil, err
	}
	if err := read.bounds.CheckPosition(channel, after); err != nil {
		return nil, err
	}
	var records []transport.Record
	bytes := 0
	next := after.Offset.Major + 1
	for _, row := range read.rows {
		if row.first > next { // rows are missing: somebody has removed them
			if len(records) > 0 {
				break
			}
			return nil, read.gone(channel, after, row.first-1)
		}
		for i := next - row.first; i < uint64(len(row.payloads)); i++ {
			payload := row.payloads[i]
			if bytes += len(payload); read.isFull(len(records), bytes) {
				return records, nil
			}
			records = append(records, read.record(channel, payload, next))
			next++
		}
	}
	if len(records) == 0 && read.bounds.Newest.Major >= next {
		return nil, read.gone(channel, after, read.bounds.Newest.Major)
	}
	return records, nil
}

// Latest implements transport.Log.
func (b *Bus) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	end := uint64(math.MaxInt64)
	switch {
	case before.Minor > 0: // a place between two messages
		end = before.Major + 1
	case before.Major > 0:
		end = before.Major
	}
	read, err := b.read(ctx, b.log.latest, channel, end, limit)
	if err != nil {
		return nil, err
	}
	var records []transport.Record
	bytes := 0
	for _, row := range read.rows {
		after := row.first + uint64(len(row.payloads))
		if len(records) > 0 && after < end {
			break // rows are missing
		}
		for end = min(end, after); end > row.first; end-- {
			payload := row.payloads[end-1-row.first]
			if bytes += len(payload); read.isFull(len(records), bytes) {
				slices.Reverse(records)
				return records, nil
			}
			records = append(records, read.record(channel, payload, end-1))
		}
	}
	slices.Reverse(records)
	return records, nil
}

// logRead is what one query has read.
type logRead struct {
	limit  transport.ReadLimit // with the defaults filled in
	bounds transport.Bounds
	rows   []logRow
}

// logRow is a row of a table of the ring.
type logRow struct {
	first    uint64
	payloads [][]byte
}

func (r *logRead) record(channel string, payload []byte, offset uint64) transport.Record {
	return transport.Record{
		Message: transport.Message{Channel: channel, Payload: payload},
		Keep:    true, Epoch: r.bounds.Epoch,
		Offset: transport.Offset{Major: offset}, Previous: transport.Offset{Major: offset - 1},
	}
}

// isFull reports whether one more record would exceed the limit, given the number of those before it and the bytes of
// all of them.
func (r *logRead) isFull(records, bytes int) bool {
	return records > 0 && (records >= r.limit.Records || bytes > r.limit.Bytes)
}

// gone is the error of a log from which messages up to trimmed are missing, although its bounds do not say so.
func (r *logRead) gone(channel string, after transport.Position, trimmed uint64) error {
	bounds := r.bounds
	bounds.Trimmed = transport.Offset{Major: trimmed}
	return &transport.PositionError{Channel: channel, Position: after, Bounds: bounds, Err: transport.ErrTrimmed}
}

// read runs one of the queries that return the bounds and then rows of the ring.
func (b *Bus) read(
	ctx context.Context, query, channel string, offset uint64, limit transport.ReadLimit,
) (*logRead, error) {
	if b.log.err != nil {
		return nil, b.log.err
	}
	if limit.Records <= 0 {
		limit.Records = defaultReadRecords
	}
	if limit.Bytes <= 0 {
		limit.Bytes = defaultReadBytes
	}
	// The query adds 1 to the offset.
	args := []any{channel, int64(min(offset, math.MaxInt64-1)), int64(limit.Records), int64(limit.Bytes)}
	return readCurrent(ctx, b, func() (*logRead, error) {
		read := &logRead{limit: limit}
		err := b.pool.Rows(ctx, query, args, func(first, n int64, bytes []byte) error {
			if read.bounds.Epoch == "" {
				if len(bytes) == 0 {
					return errNotCurrent
				}
				read.bounds = newBounds(string(bytes), first, n)
				return nil
			}
			payloads, err := splitPayloads(bytes)
			if err == nil && (first < 1 || n != int64(len(payloads))) {
				err = errMalformedRow
			}
			if err != nil {
				return fmt.Errorf("postgres: row %d of %q in the log: %w", first, channel, err)
			}
			read.rows = append(read.rows, logRow{uint64(first), payloads})
			return nil
		})
		if err == nil && read.bounds.Epoch == "" {
			err = b.log.withoutRow()
		}
		return read, err
	})
}

// splitPayloads returns the elements of a text[] in binary format, as array_send writes it. They share a copy of the
// memory.
func splitPayloads(array []byte) ([][]byte, error) {
	const header = 20
	if len(array) < header || binary.BigEndian.Uint32(array) != 1 || binary.BigEndian.Uint32(array[8:]) != oidText {
		return nil, errMalformedRow
	}
	n := binary.BigEndian.Uint32(array[12:])
	rest := append([]byte(nil), array[header:]...)
	if uint64(n)*4 > uint64(len(rest)) {
		return nil, errMalformedRow
	}
	payloads := make([][]byte, 0, n)
	for range n {
		if len(rest) < 4 {
			return nil, errMalformedRow
		}
		size := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(size) > uint64(len(rest)) {
			return nil, errMalformedRow
		}
		payloads = append(payloads, rest[:size:size])
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return nil, errMalformedRow
	}
	return payloads, nil
}
