package memory

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// FailLog makes every Append that keeps a message fail until Heal is called, as if the disk of a real bus were full.
// The error wraps err and transport.ErrNotSent: nothing is kept or sent. A nil err means ErrOutage.
func (h *Hub) FailLog(err error) {
	if err == nil {
		err = ErrOutage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logFailure = err
}

// checkLog returns the error of FailLog if records are to be kept.
func (h *Hub) checkLog(records []transport.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logFailure != nil && slices.ContainsFunc(records, func(r transport.Record) bool { return r.Keep }) {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, h.logFailure)
	}
	return nil
}

// Lose calls a function for each delivery of a kept message to a session. If it returns true, the session does not
// receive the message, and continues: it has a hole, which a real bus would have if it had a fault. The sessions of the
// hub are numbered from 1 in the order in which they were opened. The function must not call the hub. Nil ends it.
func (h *Hub) Lose(lose func(session int, r transport.Record) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lose = lose
}

// NewEpoch removes all kept messages and begins a new epoch, as if the log of a real bus had been created again.
// Sessions stay open.
func (h *Hub) NewEpoch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = newHubLog(h.log.capacity)
}

// Trim removes the kept messages of a channel up to and including an offset.
func (h *Hub) Trim(channel string, upTo transport.Offset) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.log.channels[channel]; c != nil {
		h.log.trim(c, upTo.Major)
	}
}

// TrimAll removes all kept messages. The epoch stays.
func (h *Hub) TrimAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.trimAge(time.Now().Add(time.Hour))
}
