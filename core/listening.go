package core

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// A session may have to listen to thousands of channels: all of them after an outage, or those of namespaces that are opened
// together. If it can listen to many in one round trip, it gets one, to see how long a round trip takes, and then more and more, as
// long as that takes little longer. Each round trip has the publish timeout for itself, however many there are, and what arrives
// meanwhile is received in between.
const (
	fewChannels  = 16
	mostChannels = 512
	// breath is how long nothing is received while there are channels to listen to, and how long nothing is listened to while
	// there is something to receive.
	breath = 50 * time.Millisecond
)

// answer carries out all changes that are asked for. Its error is the session's.
func (l *listener) answer(ctx context.Context, session transport.Session) error {
	_, multi := session.(transport.MultiListener)
	most, slow := 1, time.Duration(0)
	for received := time.Now(); ; {
		channels, batch := l.next(most)
		if len(channels) == 0 {
			return nil
		}
		start := time.Now()
		if err := l.carryOut(ctx, session, channels, batch); err != nil {
			return err
		}
		now := time.Now()
		switch took := now.Sub(start); {
		case !multi:
		case slow == 0: // a bus that is far away is slow with one channel too
			most, slow = fewChannels, max(breath, 2*took)
		case took > slow:
			most = max(most/2, 1)
		case took < slow*3/4 && len(channels) == most:
			most = min(2*most, mostChannels)
		}
		if now.Sub(received) > breath {
			if err := l.drain(ctx, session); err != nil {
				return err
			}
			received = time.Now()
		}
	}
}

// next takes the changes that are to be carried out next: up to so many channels to listen to, or one change of another
// kind.
func (l *listener) next(most int) (channels []string, batch []*change) {
	var idle []*change // there is nothing to do for them
	l.mu.Lock()
	for channel, c := range l.changes {
		_, listening := l.channels[channel]
		if c.on == listening {
			delete(l.changes, channel)
			idle = append(idle, c)
			continue
		}
		single := !c.on || c.alone
		if single && len(batch) > 0 {
			continue
		}
		delete(l.changes, channel)
		channels, batch = append(channels, channel), append(batch, c)
		if single || len(batch) == most {
			break
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		c.finish(nil)
	}
	return channels, batch
}

// carryOut listens to channels, or stops listening to the only one, and tells who asked for it.
func (l *listener) carryOut(ctx context.Context, session transport.Session, channels []string, batch []*change) error {
	err := l.exec(ctx, session, channels, batch[0].on)
	l.mu.Lock()
	for _, channel := range channels {
		switch {
		case !batch[0].on:
			delete(l.channels, channel)
		case err == nil:
			l.channels[channel] = struct{}{}
		}
	}
	if err == nil {
		l.heard = time.Now()
	}
	l.mu.Unlock()
	switch {
	case err == nil || !batch[0].on: // the session is over, so nothing arrives any more
		for _, c := range batch {
			c.finish(nil)
		}
	case ctx.Err() != nil:
		for _, c := range batch {
			c.finish(ErrClosed)
		}
	case len(batch) == 1 && batch[0].done != nil:
		batch[0].finish(err)
	default:
		l.putBack(channels, batch)
	}
	if err != nil {
		if len(channels) == 1 {
			return &OpError{Op: "listen", Channel: channels[0], Err: err}
		}
		return &OpError{Op: "listen", Err: err}
	}
	return nil
}

// exec is one round trip.
func (l *listener) exec(ctx context.Context, session transport.Session, channels []string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return rarely(func() error {
		switch {
		case !on:
			return session.Unlisten(ctx, channels[0])
		case len(channels) == 1:
			return session.Listen(ctx, channels[0])
		}
		return session.(transport.MultiListener).ListenAll(ctx, channels...)
	})
}

// putBack leaves what has failed to the next session, each alone, so that a channel which cannot be listened to spoils
// no other.
func (l *listener) putBack(channels []string, batch []*change) {
	var superseded []*change
	l.mu.Lock()
	for i, c := range batch {
		if l.changes[channels[i]] != nil {
			superseded = append(superseded, c)
			continue
		}
		c.alone = true
		l.changes[channels[i]] = c
	}
	l.mu.Unlock()
	for _, c := range superseded {
		c.supersede()
	}
}

// drain hands on what has arrived, without waiting for more.
func (l *listener) drain(ctx context.Context, session transport.Session) error {
	for start := time.Now(); time.Since(start) < breath; {
		soon, cancel := context.WithTimeout(ctx, time.Millisecond)
		m, err := receive(soon, session)
		nothing := soon.Err() != nil
		cancel()
		switch {
		case err == nil:
			now := time.Now()
			l.hears(now)
			l.deliver(m, now)
		case ctx.Err() == nil && nothing:
			return nil
		default:
			return err
		}
	}
	return nil
}
