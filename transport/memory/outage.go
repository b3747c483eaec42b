package memory

import (
	"context"
	"errors"
)

// ErrOutage is the error of a simulated outage for which no other was given.
var ErrOutage = errors.New("memory: simulated outage")

// Sever ends all open sessions with err, as when the server of a real bus restarts: what they have buffered is
// received before err, what is published afterwards is lost to them. New sessions can be opened at once,
// unless Fail was called. A nil err stands for ErrOutage.
func (h *Hub) Sever(err error) {
	if err == nil {
		err = ErrOutage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sessions {
		h.endLocked(s, err)
	}
}

// Fail makes Publish and Open fail with err until Heal is called, as when the server of a real bus cannot be
// reached. Open sessions stay: to lose them too, call Sever next. A nil err stands for ErrOutage.
func (h *Hub) Fail(err error) {
	if err == nil {
		err = ErrOutage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = err
}

// Stall makes Publish, Open, and the Listen and Unlisten of sessions wait until their context ends or Heal is called, as when the
// network swallows everything. What is under way already, and what sessions have in their buffers, is not held up.
func (h *Hub) Stall() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stall.Load() == nil {
		moves := make(chan struct{})
		h.stall.Store(&moves)
	}
}

// Heal ends what Fail and Stall began.
func (h *Hub) Heal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = nil
	if moves := h.stall.Swap(nil); moves != nil {
		close(*moves)
	}
}

// stalled waits while the hub is stalled, but not for longer than the session of the caller, if there is one. It fails if ctx has ended.
func (h *Hub) stalled(ctx context.Context, ended <-chan struct{}) error {
	if moves := h.stall.Load(); moves != nil {
		select {
		case <-*moves:
		case <-ended:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
