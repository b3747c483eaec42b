package core

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// sessionBegins notes that there is a session that listens to all channels.
func (l *listener) sessionBegins() { l.health.begin(time.Now()) }

// sessionEnds notes that there is no session that works. It returns when the last one proved that it works, and until
// when everything has arrived.
func (l *listener) sessionEnds() (heard, complete time.Time) {
	heard, complete = l.health.end() // first: unlisten that finds no session does not wait
	for _, c := range l.subs.sessionEnded() {
		c.finish(nil)
	}
	return heard, complete
}

// reopen opens a session that listens to all channels. It tries until ctx ends, and then returns nil. The first
// attempt comes after wait. reopen also returns how long it would have waited before the next one.
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

// open opens a session, which begins when it listens to all channels. What arrives meanwhile is passed on.
func (l *listener) open(ctx context.Context) (transport.Session, error) {
	session, err := l.connect(ctx)
	if err != nil {
		return nil, &OpError{Op: "open session", Err: err}
	}
	for { // who asks for a channel after the session has begun waits until it listens
		if err := l.changeSubscriptions(ctx, session); err != nil {
			l.close(ctx, session)
			l.subs.leaveToNextSession()
			return nil, err
		}
		if l.subs.ifNonePending(l.sessionBegins) {
			return session, nil
		}
	}
}

func (l *listener) connect(ctx context.Context) (transport.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return openSession(ctx, l.bus, l.log)
}

// close closes a session, also after ctx has ended.
func (l *listener) close(ctx context.Context, session transport.Session) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
	defer cancel()
	_ = callRarely(func() error { return session.Close(bounded) }) // the session is given up, whatever Close returns
}
