package memory

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.Log          = (*Hub)(nil)
	_ transport.LogTrimmer   = (*Hub)(nil)
	_ transport.LogInspector = (*Hub)(nil)
)

// The defaults of a transport.ReadLimit.
const (
	defaultReadRecords = 1000
	defaultReadBytes   = 4 << 20
)

// Append implements transport.Appender. A kept message is kept and put into all buffers in one step: if ctx ends while
// Append waits for room in a buffer, the message is neither kept nor delivered.
func (h *Hub) Append(ctx context.Context, records []transport.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := h.waitForHeal(ctx, nil); err != nil {
		return err
	}
	if err := h.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-h.slot }()
	if err := h.checkLog(records); err != nil {
		return err
	}
	for i := range records {
		if i%1024 == 1023 && ctx.Err() != nil {
			return ctx.Err()
		}
		r := &records[i]
		if err := h.check(r.Message); err != nil {
			return &transport.RejectedError{Accepted: i, Err: err}
		}
		if !r.Keep {
			if err := h.publish(ctx, r.Message); err != nil {
				return err
			}
			continue
		}
		if err := h.keep(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps r and puts it into the buffers of all sessions that listen. The caller holds h.slot.
func (h *Hub) keep(ctx context.Context, r *transport.Record) error {
	payload := bytes.Clone(r.Payload)
	sessions, err := h.listenersOf(r.Channel)
	if err != nil {
		return err
	}
	for {
		for _, s := range sessions {
			if err := s.waitForRoom(ctx, len(payload)); err != nil {
				return err
			}
		}
		h.mu.Lock()
		if h.failure != nil {
			defer h.mu.Unlock()
			return h.failure
		}
		// A session that began to listen in the meantime must receive whatever is kept from now on.
		if current := h.listeners[r.Channel]; !slices.Equal(current, sessions) {
			sessions = current
			h.mu.Unlock()
			continue
		}
		at := h.log.add(r.Channel, payload, time.Now())
		lose := h.lose
		h.mu.Unlock()
		r.Epoch, r.Offset, r.Previous = at.epoch, at.offset, at.previous
		for _, s := range sessions {
			if lose == nil || !lose(s.number, *r) {
				s.tryPut(transport.Message{Channel: r.Channel, Payload: bytes.Clone(payload)}, at)
			}
		}
		return h.publishToPrefixes(ctx, r.Message)
	}
}

// OpenLog implements transport.Log.
func (h *Hub) OpenLog(ctx context.Context) (transport.LogSession, error) {
	s, err := h.open(ctx, true)
	if err != nil {
		return nil, err
	}
	return &logSession{s}, nil
}

// Bounds implements transport.Log.
func (h *Hub) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	unlock, err := h.lockLog(ctx)
	if err != nil {
		return transport.Bounds{}, err
	}
	defer unlock()
	return h.log.bounds(channel), nil
}

// Replay implements transport.Log. By default it returns up to 1,000 messages and 4 MiB.
func (h *Hub) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	unlock, err := h.lockLog(ctx)
	if err != nil {
		return nil, err
	}
	err = h.log.bounds(channel).CheckPosition(channel, after)
	var records []transport.Record
	if err == nil {
		records = h.log.after(channel, after.Offset, limit)
	}
	unlock()
	return own(records), err
}

// Latest implements transport.Log. By default it returns up to 1,000 messages and 4 MiB.
func (h *Hub) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	unlock, err := h.lockLog(ctx)
	if err != nil {
		return nil, err
	}
	records := h.log.before(channel, before, limit)
	unlock()
	return own(records), nil
}

// own gives the caller payloads of its own. Kept payloads are never modified, so this needs no lock.
func own(records []transport.Record) []transport.Record {
	for i := range records {
		records[i].Payload = bytes.Clone(records[i].Payload)
	}
	return records
}

// TrimLog implements transport.LogTrimmer. It removes exactly what exceeds keep; a zero field sets no limit. It counts
// 128 bytes for each message besides its payload.
func (h *Hub) TrimLog(ctx context.Context, keep transport.Retention) error {
	unlock, err := h.lockLog(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if keep.MaxAge > 0 {
		h.log.trimAge(time.Now().Add(-keep.MaxAge))
	}
	if keep.MaxBytes > 0 {
		h.log.trimBytes(keep.MaxBytes, 0)
	}
	return nil
}

// InspectLog implements transport.LogInspector.
func (h *Hub) InspectLog(ctx context.Context, prefix string) (transport.LogInfo, error) {
	unlock, err := h.lockLog(ctx)
	if err != nil {
		return transport.LogInfo{}, err
	}
	defer unlock()
	info := transport.LogInfo{Epoch: h.log.epoch}
	for name, c := range h.log.channels {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		info.Channels = append(info.Channels, transport.ChannelInfo{
			Channel: name, Bounds: h.log.bounds(name), Records: int64(c.records.len()),
		})
	}
	slices.SortFunc(info.Channels, func(a, b transport.ChannelInfo) int {
		return strings.Compare(a.Channel, b.Channel)
	})
	info.Bytes = h.log.bytes
	info.Oldest = h.log.oldest()
	return info, nil
}

// lockLog locks h.mu for a call that reads or trims the log, unless the hub simulates an outage.
func (h *Hub) lockLog(ctx context.Context) (unlock func(), err error) {
	if err := h.waitForHeal(ctx, nil); err != nil {
		return nil, err
	}
	h.mu.Lock()
	if h.failure != nil {
		defer h.mu.Unlock()
		return nil, h.failure
	}
	return h.mu.Unlock, nil
}
