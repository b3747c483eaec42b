package core

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// run receives from session, and from those that replace it, until ctx ends.
func (l *listener) run(ctx context.Context, session transport.Session) {
	defer l.refuse()
	wait := l.minWait
	for {
		began := l.setUp(true)
		err := l.serve(ctx, session)
		heard := l.setUp(false)
		if ctx.Err() == nil {
			l.lost(err) // before closing, which takes its time when nobody answers
		}
		l.close(ctx, session)
		if heard.Sub(began) > l.maxWait {
			wait = l.minWait // it has worked for a while: this is a new trouble
		}
		if session, wait = l.reopen(ctx, wait); session == nil {
			return
		}
		l.setUp(true)
		l.recovered(&GapError{Deaf: time.Since(heard), Err: err})
	}
}

// setUp notes whether there is a working session and returns when there last was a sign of it.
func (l *listener) setUp(up bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
	if up || len(l.channels) == 0 { // without a channel there is nothing to hear
		l.heard = time.Now()
	}
	if up {
		return l.heard
	}
	for _, r := range l.requests {
		if !r.on {
			r.finish(nil) // nothing arrives; the next session will carry it out
		}
	}
	return l.heard
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

func (l *listener) open(ctx context.Context) (transport.Session, error) {
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	session, err := l.bus.Open(bounded)
	if err != nil {
		return nil, &OpError{Op: "open session", Err: err}
	}
	l.mu.Lock()
	channels := make([]string, 0, len(l.channels))
	for channel := range l.channels {
		channels = append(channels, channel)
	}
	l.mu.Unlock()
	for _, channel := range channels {
		if err := session.Listen(bounded, channel); err != nil {
			l.close(ctx, session)
			return nil, &OpError{Op: "listen", Channel: channel, Err: err}
		}
	}
	return session, nil
}

// close ends a session, also after ctx has ended.
func (l *listener) close(ctx context.Context, session transport.Session) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
	defer cancel()
	_ = session.Close(bounded) // the session is given up: there is nothing to do about it
}
