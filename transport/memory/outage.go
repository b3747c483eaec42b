package memory

import (
	"context"
	"errors"
)

// ErrOutage is the error of a simulated outage if no other error was given.
var ErrOutage = errors.New("memory: simulated outage")

// Sever ends all open sessions with err, like a restart of a real server. Messages in their buffers are
// received before err; messages that are published later are lost to them. All entries of the roster end, too.
// New sessions and entries can be opened at once, unless Fail was called. A nil err means ErrOutage.
func (h *Hub) Sever(err error) {
	if err == nil {
		err = ErrOutage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sessions {
		h.endLocked(s, err)
	}
	clear(h.entries)
}

// Fail makes Publish, Append, Open, Enter, Entries and the calls that read the log or keep sessions of clients fail
// with err until Heal is called, as if the server of a real bus were unreachable. Open sessions stay open: to end them
// too, call Sever next. A nil err means ErrOutage.
func (h *Hub) Fail(err error) {
	if err == nil {
		err = ErrOutage
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = err
}

// Stall makes Listen, Unlisten and what Fail makes fail wait until their context ends or Heal is called, as if the
// network dropped all packets. Calls in progress and messages in buffers are not affected.
func (h *Hub) Stall() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stall.Load() == nil {
		healed := make(chan struct{})
		h.stall.Store(&healed)
	}
}

// Heal ends the effects of Fail, Stall and FailLog.
func (h *Hub) Heal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure, h.logFailure = nil, nil
	if healed := h.stall.Swap(nil); healed != nil {
		close(*healed)
	}
}

// waitForHeal waits while the hub is stalled, until ctx or the caller's session (if there is one) ends. It
// returns ctx.Err().
func (h *Hub) waitForHeal(ctx context.Context, ended <-chan struct{}) error {
	if healed := h.stall.Load(); healed != nil {
		select {
		case <-*healed:
		case <-ended:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
