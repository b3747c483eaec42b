package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// listener owns the receiving session: it receives, listens to what is asked for, and opens another session when this one
// ends.
type listener struct {
	bus              transport.Bus
	timeout          time.Duration // bounds opening, each round trip of listening, and closing
	minWait, maxWait time.Duration
	patience, doubt  time.Duration // how long the session may be silent when something has to come, and when something may
	deliver          func(m transport.Message, at time.Time)
	lost             func(err error)
	recovered        func(gap *GapError)
	failed           func(err error)
	spawn            func(func()) // starts a goroutine

	mu        sync.Mutex              // guards all below
	channels  map[string]struct{}     // what the session listens to
	changes   map[string]*change      // what is to be changed about that, by channel
	interrupt context.CancelCauseFunc // ends the Receive under way, nil when there is none
	up        bool
	over      bool      // run has ended
	heard     time.Time // when the session last proved that it works
	expected  time.Time // when a message was handed to the bus that comes back; if something was heard since, it means nothing
	due       time.Time // by when something has to be heard then
	complete  time.Time // whatever others had published by then has arrived
}

// change asks the receiving goroutine to listen to a channel, or no longer to.
type change struct {
	on    bool
	alone bool        // it failed together with others: it has to be tried alone
	done  func(error) // told once what came of it, without l.mu; nil if it is asked for by the listener itself
}

func (c *change) finish(err error) {
	if c.done != nil {
		c.done(err)
	}
}

var errRequested = errors.New("a request to listen waits")

// listen returns once messages on channel are sure to arrive. While the session is broken it waits until ctx ends.
func (l *listener) listen(ctx context.Context, channel string) error {
	done := make(chan error, 1)
	l.ask(channel, true, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		l.ask(channel, false, nil)
		return ctx.Err()
	}
}

// unlisten returns once no more messages of channel arrive: at once while the session is broken. It is never withdrawn,
// so that no LISTEN is left behind.
func (l *listener) unlisten(ctx context.Context, channel string) error {
	done := make(chan error, 1)
	if up := l.ask(channel, false, func(err error) { done <- err }); !up {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask leaves a change to the receiving goroutine and tells whether there is a working session. What was asked about the
// channel before, and was not carried out yet, is not wanted any more.
func (l *listener) ask(channel string, on bool, done func(error)) (up bool) {
	asked := &change{on: on, done: done}
	l.mu.Lock()
	over, before := l.over, l.changes[channel]
	if !over {
		l.changes[channel] = asked
		if l.interrupt != nil {
			l.interrupt(errRequested)
		}
	}
	up = l.up
	l.mu.Unlock()
	if over {
		asked.finish(ErrClosed)
		return false
	}
	if before != nil {
		before.supersede()
	}
	return up
}

// supersede ends a change in whose place another one is wanted.
func (c *change) supersede() {
	if c.on {
		c.finish(ErrClosed)
		return
	}
	c.finish(nil) // who listens again has no interest in hearing nothing
}

// expects notes that a message which comes back was handed to the bus at a time, and was taken. What was not taken is never
// expected. Doubtful: the bus did not answer in time, so that the message may never come; but a network on which nothing at all is heard
// for much longer is broken both ways.
func (l *listener) expects(handed time.Time, doubtful bool) {
	due := time.Now().Add(l.patience)
	if doubtful {
		due = handed.Add(l.doubt)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !handed.After(l.heard) {
		return
	}
	if !l.expected.After(l.heard) || due.Before(l.due) {
		l.expected, l.due = handed, due
	}
}

// giveUp ends the session if nothing has come, not even the node's own, in the time that it had for that.
func (l *listener) giveUp(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up && l.interrupt != nil && l.expected.After(l.heard) && now.After(l.due) {
		l.interrupt(ErrSilent)
	}
}

// hears notes that the session works.
func (l *listener) hears(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = now
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

// cameBack notes that a message of the node itself has arrived which was not handed to the bus before queued. Whatever any
// other node had published by then stands before it in the order of the bus, and so it has arrived too, unless that was
// before the session listened.
func (l *listener) cameBack(queued time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up && queued.After(l.complete) && !queued.After(time.Now()) {
		l.complete = queued
	}
}

// refuse ends the requests that nobody will answer, and those to come.
func (l *listener) refuse() {
	l.mu.Lock()
	l.over = true
	changes := l.changes
	l.changes = nil
	l.mu.Unlock()
	for _, c := range changes {
		c.finish(ErrClosed)
	}
}
