// Package logbus is an example of a transport with a log. All messages, kept or not, are entries of one list, and each
// session reads it from where it is, as clients of Redis Streams read a stream. Entries are named by the time in
// milliseconds and a number, as there.
//
// # Delivery
//
// A session that is so slow that entries are removed before it has read them ends with ErrSlow.
package logbus

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.Log        = (*Bus)(nil)
	_ transport.LogTrimmer = (*Bus)(nil)
)

// ErrSlow is the final error of a session that is too slow.
var ErrSlow = errors.New("logbus: entries were removed before the session has read them")

// Bus is a bus within one process. All nodes of the process share it.
type Bus struct {
	max int // how many bytes of payloads it holds

	mu       sync.Mutex // guards the fields below
	epoch    string
	entries  []transport.Record
	times    []time.Time // of the entries
	removed  int         // number of entries that were removed
	bytes    int         // of the payloads
	last     transport.Offset
	channels map[string]transport.Bounds
	grown    chan struct{} // closed and replaced when there are new entries
}

// New returns a bus that holds up to max bytes of payloads.
func New(max int) *Bus {
	return &Bus{max: max, epoch: rand.Text(), channels: make(map[string]transport.Bounds), grown: make(chan struct{})}
}

// Limits returns no limits.
func (b *Bus) Limits() transport.Limits { return transport.Limits{} }

// Publish adds messages that are not kept.
func (b *Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	records := make([]transport.Record, len(msgs))
	for i, m := range msgs {
		records[i].Message = m
	}
	return b.Append(ctx, records)
}

// Append adds messages. It holds the lock for all of them, so offsets grow in the order of the entries.
func (b *Bus) Append(ctx context.Context, records []transport.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range records {
		r := &records[i]
		if r.Keep {
			r.Epoch, r.Offset = b.epoch, b.nextOffset()
			bounds := b.boundsLocked(r.Channel)
			r.Previous, bounds.Newest = bounds.Newest, r.Offset
			b.channels[r.Channel] = bounds
		}
		entry := *r
		entry.Payload = bytes.Clone(r.Payload)
		b.entries, b.times = append(b.entries, entry), append(b.times, time.Now())
		b.bytes += len(entry.Payload)
	}
	close(b.grown)
	b.grown = make(chan struct{})
	for b.bytes > b.max && len(b.entries) > len(records) {
		b.removeOldest()
	}
	return nil
}

// nextOffset returns the time in milliseconds and a number. If the clock was set back, it goes on from the last one.
func (b *Bus) nextOffset() transport.Offset {
	if now := uint64(time.Now().UnixMilli()); now > b.last.Major {
		b.last = transport.Offset{Major: now}
	} else {
		b.last.Minor++
	}
	return b.last
}

func (b *Bus) removeOldest() {
	if r := b.entries[0]; r.Keep {
		bounds := b.boundsLocked(r.Channel)
		bounds.Trimmed = r.Offset
		b.channels[r.Channel] = bounds
	}
	b.bytes -= len(b.entries[0].Payload)
	b.entries[0] = transport.Record{}
	b.entries, b.times = b.entries[1:], b.times[1:]
	b.removed++
}

// Bounds returns which part of a channel's log exists.
func (b *Bus) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.boundsLocked(channel), ctx.Err()
}

func (b *Bus) boundsLocked(channel string) transport.Bounds {
	bounds := b.channels[channel]
	bounds.Epoch = b.epoch
	return bounds
}

// TrimLog removes what exceeds keep.
func (b *Bus) TrimLog(ctx context.Context, keep transport.Retention) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.entries) > 0 {
		old := keep.MaxAge > 0 && time.Since(b.times[0]) > keep.MaxAge
		if large := keep.MaxBytes > 0 && int64(b.bytes) > keep.MaxBytes; !old && !large {
			break
		}
		b.removeOldest()
	}
	return nil
}
