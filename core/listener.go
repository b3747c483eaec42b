package core

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// listener owns the receiving session: it receives, listens to what is asked for, and opens another session when this one
// ends.
type listener struct {
	bus              transport.Bus
	timeout          time.Duration // bounds opening, listening and closing
	minWait, maxWait time.Duration
	deliver          func(m transport.Message, at time.Time)
	lost             func(err error)
	recovered        func(gap *GapError)
	failed           func(err error)

	mu        sync.Mutex // guards all below
	channels  map[string]struct{}
	requests  []listenRequest
	interrupt context.CancelCauseFunc // ends the Receive under way, nil when there is none
	up        bool
	over      bool      // run has ended
	heard     time.Time // when the session last proved that it works
	expected  time.Time // when the first message since heard was published that will come back
}

// listenRequest asks the receiving goroutine to listen to a channel, or no longer to.
type listenRequest struct {
	channel string
	on      bool
	done    chan error
}

// finish tells who waits what came of it, once.
func (r listenRequest) finish(err error) {
	select {
	case r.done <- err:
	default:
	}
}

var errRequested = errors.New("a request to listen waits")

// listen returns once messages on channel are sure to arrive. While the session is broken it waits until ctx ends.
func (l *listener) listen(ctx context.Context, channel string) error {
	r, _ := l.ask(channel, true)
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if !l.withdraw(r) {
			l.ask(channel, false) // it is being carried out, and then taken back
		}
		return ctx.Err()
	}
}

// unlisten returns once no more messages of channel arrive: at once while the session is broken. It is never withdrawn,
// so that no LISTEN is left behind.
func (l *listener) unlisten(ctx context.Context, channel string) error {
	r, up := l.ask(channel, false)
	if !up {
		return nil
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask leaves a request to the receiving goroutine and tells whether there is a working session.
func (l *listener) ask(channel string, on bool) (r listenRequest, up bool) {
	r = listenRequest{channel: channel, on: on, done: make(chan error, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		r.finish(ErrClosed)
		return r, false
	}
	l.requests = append(l.requests, r)
	if l.interrupt != nil {
		l.interrupt(errRequested)
	}
	return r, l.up
}

// withdraw takes a request back, unless it is being carried out.
func (l *listener) withdraw(r listenRequest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.requests, r)
	if i < 0 {
		return false
	}
	l.requests = slices.Delete(l.requests, i, i+1)
	return true
}

// expects notes that a message which will come back is handed to the bus.
func (l *listener) expects(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.expected.After(l.heard) {
		l.expected = at
	}
}

// expectsNot takes back what expects has noted at that time.
func (l *listener) expectsNot(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.expected.Equal(at) {
		l.expected = time.Time{}
	}
}

// giveUp ends the session if nothing has come, not even the node's own, since a message was handed to the bus before limit.
func (l *listener) giveUp(limit time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up && l.interrupt != nil && len(l.channels) > 0 && l.expected.After(l.heard) && l.expected.Before(limit) {
		l.interrupt(ErrSilent)
	}
}

// heardUntil returns when the session last proved that it works, zero when there is none.
func (l *listener) heardUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		return time.Time{}
	}
	return l.heard
}

// answer carries out the requests that wait. Its error is the session's.
func (l *listener) answer(ctx context.Context, session transport.Session) error {
	for {
		l.mu.Lock()
		if len(l.requests) == 0 {
			l.mu.Unlock()
			return nil
		}
		r := l.requests[0]
		l.requests = l.requests[1:]
		l.mu.Unlock()

		bounded, cancel := context.WithTimeout(ctx, l.timeout)
		var err error
		if r.on {
			err = session.Listen(bounded, r.channel)
		} else {
			err = session.Unlisten(bounded, r.channel)
		}
		cancel()
		l.mu.Lock()
		if !r.on {
			delete(l.channels, r.channel)
		} else if err == nil {
			l.channels[r.channel] = struct{}{}
			l.heard = time.Now()
		}
		l.mu.Unlock()
		r.finish(err)
		if err != nil {
			return &OpError{Op: "listen", Channel: r.channel, Err: err}
		}
	}
}

// refuse ends the requests that nobody will answer, and those to come.
func (l *listener) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, r := range l.requests {
		r.finish(ErrClosed)
	}
	l.requests = nil
}
