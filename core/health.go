package core

import (
	"sync"
	"time"
)

// health says whether the session works, as far as what arrives shows.
//
// A connection can be dead and look idle. But this node receives its own messages too: when a message that comes back
// was handed to the bus, something has to arrive within patience. If the bus did not answer in time, the message may
// never come back; but until the bus answers again, a network on which nothing at all arrives for doubt is broken in
// both directions.
type health struct {
	patience, doubt time.Duration

	mu       sync.Mutex // guards all below
	up       bool
	heard    time.Time // when the session last proved that it works
	expected time.Time // when a message that comes back was handed to the bus; void if something was heard since
	due      time.Time // by when something has to be heard then
	began    time.Time // when the session began
	doubted  time.Time // when the session was in use and a message was handed to a bus that has not answered since then
	complete time.Time // everything that others had published by then has arrived

	deaf time.Duration // in all outages that have ended
}

// begin notes that there is a session that listens to all channels.
func (h *health) begin(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.up && !h.complete.IsZero() {
		h.deaf += now.Sub(h.complete)
	}
	h.up, h.began, h.heard, h.complete, h.doubted = true, now, now, now, time.Time{}
}

// beginning returns when the session began.
func (h *health) beginning() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.began
}

// end notes that there is no session that works. It returns when the last one proved that it works, and until when
// everything has arrived.
func (h *health) end() (heard, complete time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up = false
	return h.heard, h.complete
}

// hear notes that the session works.
func (h *health) hear(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = now
}

func (h *health) isUp() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up
}

// deafFor returns for how long this node has been deaf in all outages, and whether it listens. over: it need not listen
// any more.
func (h *health) deafFor(now time.Time, over bool) (deaf time.Duration, listens bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.up && !h.complete.IsZero() && !over {
		return h.deaf + now.Sub(h.complete), false
	}
	return h.deaf, h.up
}

// heardUntil returns when the session last proved that it works, zero when there is none.
func (h *health) heardUntil() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.up {
		return time.Time{}
	}
	return h.heard
}

// expect notes that a message that comes back was handed to the bus, which accepted it. doubtful: the bus did not
// answer in time.
func (h *health) expect(handed, now time.Time, doubtful bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !doubtful:
		h.doubted = time.Time{}
		due := now.Add(h.patience)
		if handed.After(h.heard) && (!h.expected.After(h.heard) || due.Before(h.due)) {
			h.expected, h.due = handed, due
		}
	case h.doubted.IsZero() && handed.After(h.began):
		h.doubted = handed
	}
}

// cameBack notes that a message of this node has arrived that was handed to the bus after queued. The bus delivers in
// one order, so everything that other nodes had published by then has arrived too, unless that was before the session
// listened.
func (h *health) cameBack(queued time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.up && queued.After(h.complete) && !queued.After(time.Now()) {
		h.complete = queued
	}
}

// ifSilent calls giveUp, with the lock held, if what had to arrive has not arrived in time.
func (h *health) ifSilent(now time.Time, giveUp func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	missing := h.expected.After(h.heard) && now.After(h.due)
	quiet := !h.doubted.IsZero() && now.Sub(h.doubted) > h.doubt && now.Sub(h.heard) > h.doubt
	if h.up && (missing || quiet) {
		giveUp()
	}
}

// heardUntil returns when the session last proved that it works, zero when there is none.
func (l *listener) heardUntil() time.Time { return l.health.heardUntil() }

// giveUpIfSilent ends the session if nothing has arrived in the time that it had.
func (l *listener) giveUpIfSilent(now time.Time) {
	l.health.ifSilent(now, func() { l.interruptReceive(ErrSilent) })
}
