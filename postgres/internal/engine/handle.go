package engine

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// ConnectTimeout limits the time for opening one of the driver's own connections if neither the connection
// settings nor the caller's context set a shorter limit.
const ConnectTimeout = 10 * time.Second

// KeepAlive makes the operating system detect a dead server within half a minute, even on a connection that
// only listens and so never sends.
var KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

var errDialForbidden = errors.New("postgres: the connection is established, no second one is opened")

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Handle controls one connection of a driver from outside: it closes the connection at any time, checks whether
// it is alive, and reports after an error whether the server can have run the statement.
type Handle struct {
	tracker statementTracker

	mu            sync.Mutex // guards the fields below
	isCut         bool
	dialForbidden bool
	onCut         []func()
	isQuiet       func() (quiet, known bool) // of the connection that was dialed last
}

// ForbidDial makes later dials through the handle fail. It is called when the connection is established. A
// driver that loses the connection and wants to cancel its query over a second one then fails at once instead
// of waiting for a dead server.
func (h *Handle) ForbidDial() {
	h.mu.Lock()
	h.dialForbidden = true
	h.mu.Unlock()
}

// OnCut registers a function that Cut calls. If the handle is cut already, OnCut calls it at once.
func (h *Handle) OnCut(closeConn func()) {
	h.mu.Lock()
	isCut := h.isCut
	if !isCut {
		h.onCut = append(h.onCut, closeConn)
	}
	h.mu.Unlock()
	if isCut {
		closeConn()
	}
}

// Cut closes the connection without notifying the server. Calling it again does nothing.
func (h *Handle) Cut() {
	h.mu.Lock()
	onCut := h.onCut
	h.isCut, h.dialForbidden, h.onCut = true, true, nil
	h.mu.Unlock()
	for _, closeConn := range onCut {
		closeConn()
	}
}

// CutOnDone cuts the handle when ctx ends, unless stop is called before. stop reports whether it prevented the
// cut.
func (h *Handle) CutOnDone(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, h.Cut)
}

// Dial wraps a dial function: the connections that it opens are closed by Cut, use TCP keepalives and are
// tracked.
func (h *Handle) Dial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		h.mu.Lock()
		forbidden := h.dialForbidden
		h.mu.Unlock()
		if forbidden {
			return nil, errDialForbidden
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetKeepAliveConfig(KeepAlive) // without it the connection works until its peer dies
		}
		h.mu.Lock()
		h.isQuiet = quietFunc(conn)
		h.mu.Unlock()
		h.OnCut(func() { _ = conn.Close() })
		return &trackedConn{conn, &h.tracker}, nil
	}
}

// BeginStatement is called before a statement is sent.
func (h *Handle) BeginStatement() { h.tracker.begin() }

// Outcome returns what is known about the statement that failed after BeginStatement. refused reports that the
// server refused it and that the connection is still usable.
func (h *Handle) Outcome(refused bool) Outcome {
	switch {
	case h.tracker.notRun():
		return StatementNotRun
	case refused:
		return StatementRefused
	}
	return OutcomeUnknown
}
