package broker

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/transport"
)

// Listen returns when the broker has confirmed that it will send what is published on channel. See
// transport.Session.
func (s *Session) Listen(ctx context.Context, channel string) error {
	return s.ListenAll(ctx, channel)
}

// ListenAll does what Listen does for several channels, with one call of Config.Subscribe. See
// transport.MultiListener.
func (s *Session) ListenAll(ctx context.Context, channels ...string) error {
	return s.changeSubscriptions(ctx, true, channels)
}

// Unlisten returns when the broker has confirmed that it will send no more messages of channel. See
// transport.Session.
func (s *Session) Unlisten(ctx context.Context, channel string) error {
	return s.UnlistenAll(ctx, channel)
}

// UnlistenAll does what Unlisten does for several channels, with one call of Config.Unsubscribe. See
// transport.MultiUnlistener.
func (s *Session) UnlistenAll(ctx context.Context, channels ...string) error {
	return s.changeSubscriptions(ctx, false, channels)
}

// changeSubscriptions subscribes to channels or unsubscribes from them. It sends only actual changes, because
// some brokers deliver each message twice to a client that has subscribed twice.
func (s *Session) changeSubscriptions(ctx context.Context, listen bool, channels []string) error {
	inner, interrupt := context.WithCancel(ctx)
	defer interrupt()
	channels, err := s.startChange(ctx, interrupt, listen, channels)
	if err != nil || len(channels) == 0 {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.End(ctx.Err()) })
	request := s.config.Unsubscribe
	if listen {
		request = s.config.Subscribe
	}
	confirmations, err := request(inner, channels...)
	if err == nil {
		err = s.awaitConfirmations(confirmations)
	}
	if !stop() && err == nil {
		err = ctx.Err() // its end also ends the session, so this is not a success
	}
	return s.finishChange(ctx, listen, channels, err)
}

// startChange returns the channels whose subscription changes.
func (s *Session) startChange(
	ctx context.Context, interrupt context.CancelFunc, listen bool, channels []string,
) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.finalError()
	case ctx.Err() != nil:
		s.endLocked(ctx.Err())
		return nil, ctx.Err()
	case s.confirmed != s.awaited:
		s.endLocked(errUnexpectedConfirmation)
		return nil, errUnexpectedConfirmation
	}
	var changing []string
	seen := make(map[string]struct{})
	for _, channel := range channels {
		_, listening := s.channels[channel]
		if _, twice := seen[channel]; listening != listen && !twice {
			seen[channel] = struct{}{}
			changing = append(changing, channel)
		}
	}
	if len(changing) > 0 {
		s.interrupt = interrupt
	}
	return changing, nil
}

// awaitConfirmations waits for the given number of confirmations, or until the session ends.
func (s *Session) awaitConfirmations(confirmations int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited += confirmations
	for s.err == nil && s.confirmed < s.awaited {
		s.mu.Unlock()
		<-s.wake
		s.mu.Lock()
	}
	return s.err
}

// finishChange records the changes. Any error ends the session.
func (s *Session) finishChange(ctx context.Context, listen bool, channels []string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = nil
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = ctx.Err() // the session may have ended already, with the error of a connection that Subscribe closed
		}
		s.endLocked(err)
		if s.closed || ctx.Err() == nil {
			return s.finalError()
		}
		return err
	}
	for _, channel := range channels {
		if listen {
			s.channels[channel] = struct{}{}
		} else {
			delete(s.channels, channel)
		}
	}
	return nil
}

// finalError returns the error of a session that has ended.
func (s *Session) finalError() error {
	if s.closed {
		return transport.ErrClosed
	}
	return s.err
}
