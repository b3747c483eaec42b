package memory

import "errors"

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

// Heal ends what Fail began.
func (h *Hub) Heal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failure = nil
}
