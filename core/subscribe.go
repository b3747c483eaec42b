package core

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// A session may have to listen to thousands of channels: all of them after an outage, or those of namespaces that are
// opened together. If the session can listen to many channels in one round trip, the first round trip has one channel
// and shows how long a round trip takes. The next ones have more and more channels, as long as they take little
// longer. Each round trip has the whole publish timeout, and messages that arrive are received in between.
const (
	fewChannels  = 16
	mostChannels = 512
	// breath is how long nothing is received while there are channels to listen to, and how long nothing is listened
	// to while there are messages to receive.
	breath = 50 * time.Millisecond
)

// changeSubscriptions makes all changes that are asked for. It returns the session's error.
func (l *listener) changeSubscriptions(ctx context.Context, session transport.Session) error {
	_, multi := session.(transport.MultiListener)
	mostLeft := 1 // channels in a round trip that stops listening
	if _, multi := session.(transport.MultiUnlistener); multi {
		mostLeft = mostChannels
	}
	most, slow := 1, time.Duration(0)
	for received := time.Now(); ; {
		channels, batch := l.subs.next(most, mostLeft)
		if len(channels) == 0 {
			return nil
		}
		start := time.Now()
		if err := l.makeChanges(ctx, session, channels, batch); err != nil {
			return err
		}
		now := time.Now()
		switch took := now.Sub(start); {
		case !multi, !batch[0].on:
		case slow == 0: // a bus that is far away is slow with one channel too
			most, slow = fewChannels, max(breath, 2*took)
		case took > slow:
			most = max(most/2, 1)
		case took < slow*3/4 && len(channels) == most:
			most = min(2*most, mostChannels)
		}
		if now.Sub(received) > breath {
			if err := l.receiveWaiting(ctx, session); err != nil {
				return err
			}
			received = time.Now()
		}
	}
}

// makeChanges listens to channels, or stops listening to them, and finishes the changes.
func (l *listener) makeChanges(
	ctx context.Context, session transport.Session, channels []string, batch []*change,
) error {
	on := batch[0].on
	err := l.listenOrUnlisten(ctx, session, channels, on)
	if err == nil || !on {
		l.subs.made(channels, on)
	}
	if err == nil {
		l.health.hear(time.Now())
	}
	switch {
	case err == nil || !on: // after an error the session is over, so nothing arrives any more
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
		l.subs.putBack(channels, batch)
	}
	if err != nil {
		if len(channels) == 1 {
			return &OpError{Op: "listen", Channel: channels[0], Err: err}
		}
		return &OpError{Op: "listen", Err: err}
	}
	return nil
}

// listenOrUnlisten makes one round trip.
func (l *listener) listenOrUnlisten(ctx context.Context, session transport.Session, channels []string, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return callRarely(func() error {
		switch {
		case !on && len(channels) == 1:
			return session.Unlisten(ctx, channels[0])
		case !on:
			return session.(transport.MultiUnlistener).UnlistenAll(ctx, channels...)
		case len(channels) == 1:
			return session.Listen(ctx, channels[0])
		}
		return session.(transport.MultiListener).ListenAll(ctx, channels...)
	})
}

// receiveWaiting passes on the messages that have arrived, and does not wait for more.
func (l *listener) receiveWaiting(ctx context.Context, session transport.Session) error {
	var r transport.Record
	for start := time.Now(); time.Since(start) < breath; {
		soon, cancel := context.WithTimeout(ctx, time.Millisecond)
		err := receive(soon, session, &r)
		nothing := soon.Err() != nil
		cancel()
		switch {
		case err == nil:
			now := time.Now()
			l.health.hear(now)
			l.deliver(&r, now)
		case ctx.Err() == nil && nothing:
			return nil
		default:
			return err
		}
	}
	return nil
}
