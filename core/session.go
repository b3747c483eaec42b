package core

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// run receives from session, and from those that replace it, until ctx ends.
func (l *listener) run(ctx context.Context, session transport.Session) {
	l.goOn(ctx, session, l.setUp(), l.minWait)
}

// goOn is run from the middle of a session, which began at some time. If code of the application's, such as Trace.Received, ends the
// goroutine, another one goes on.
func (l *listener) goOn(ctx context.Context, session transport.Session, began time.Time, wait time.Duration) {
	returned := false
	defer func() {
		if returned {
			l.refuse()
			return
		}
		l.spawn(func() { l.goOn(ctx, session, began, wait) })
	}()
	for {
		err := l.serve(ctx, session)
		heard, complete := l.setDown()
		if ctx.Err() == nil {
			l.lost(err) // before closing, which takes its time when nobody answers
		}
		l.close(ctx, session)
		if heard.Sub(began) > l.maxWait {
			wait = l.minWait // it has worked for a while: this is a new trouble
		}
		if session, wait = l.reopen(ctx, wait); session == nil {
			returned = true
			return
		}
		began = l.setUp()
		l.recovered(&GapError{Since: complete, Deaf: began.Sub(complete), Err: err})
	}
}

// setUp notes that there is a session that listens to everything, and returns since when.
func (l *listener) setUp() time.Time {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.heard, l.complete = true, now, now
	return now
}

// setDown notes that there is no session that works. It returns when the last one proved that it works, and until when
// everything has arrived.
func (l *listener) setDown() (heard, complete time.Time) {
	var silent []*change // nothing arrives on their channels: the next session will not listen to them
	l.mu.Lock()
	l.up = false
	l.forget()
	for channel, c := range l.changes {
		if !c.on {
			delete(l.changes, channel)
			silent = append(silent, c)
		}
	}
	heard, complete = l.heard, l.complete
	l.mu.Unlock()
	for _, c := range silent {
		c.finish(nil)
	}
	return heard, complete
}

// forget leaves the channels of a session that has ended to the next one. The caller holds mu.
func (l *listener) forget() {
	for channel := range l.channels {
		if l.changes[channel] == nil {
			l.changes[channel] = &change{on: true}
		}
	}
	clear(l.channels)
}

// reopen opens a session that listens to every channel. It tries until ctx ends and then returns nil. The first attempt
// comes after wait; how long the next one would have waited is returned too.
func (l *listener) reopen(ctx context.Context, wait time.Duration) (transport.Session, time.Duration) {
	for {
		select {
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		case <-ctx.Done():
			return nil, 0
		}
		wait = min(2*wait, l.maxWait)
		session, err := l.open(ctx)
		if err == nil {
			return session, wait
		}
		if ctx.Err() == nil {
			l.failed(err)
		}
	}
}

// open opens a session and listens to all channels. What arrives meanwhile is handed on.
func (l *listener) open(ctx context.Context) (transport.Session, error) {
	session, err := l.connect(ctx)
	if err != nil {
		return nil, &OpError{Op: "open session", Err: err}
	}
	if err := l.answer(ctx, session); err != nil {
		l.close(ctx, session)
		l.mu.Lock()
		l.forget()
		l.mu.Unlock()
		return nil, err
	}
	return session, nil
}

func (l *listener) connect(ctx context.Context) (transport.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return openSession(ctx, l.bus)
}

// close ends a session, also after ctx has ended.
func (l *listener) close(ctx context.Context, session transport.Session) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
	defer cancel()
	_ = rarely(func() error { return session.Close(bounded) }) // the session is given up: there is nothing to do about it
}
