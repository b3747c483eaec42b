package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.LogSession    = (*LogSession)(nil)
	_ transport.MultiListener = (*LogSession)(nil)
)

// LogSession is the transport.LogSession of both drivers.
type LogSession struct{ Session }

// OpenLog implements transport.Log.
func (b *Bus) OpenLog(ctx context.Context) (transport.LogSession, error) {
	if b.log.err != nil {
		return nil, b.log.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &LogSession{Session: Session{bus: b, handle: new(Handle), places: newPlaces(b.log.names.Channel())}}
	if err := b.open(ctx, &s.Session); err != nil {
		return nil, err
	}
	name, err := postgres.QuoteChannel(s.places.header)
	if err == nil {
		err = s.endOnError(ctx, func() error {
			if _, err := s.exec(ctx, "LISTEN "+name); err != nil {
				return err
			}
			if err := s.checkLog(ctx); err != nil {
				return err
			}
			return s.synchronize(ctx)
		})
	}
	if err != nil {
		_ = s.Close(ctx)
		return nil, unreachable(ctx, err)
	}
	return s, nil
}

// syncPrefix begins the notifications with which sessions find out what they have received. It is not an epoch.
const syncPrefix = "sync: "

// synchronize returns when everything that was published before has been delivered. The caller holds callMu.
func (s *Session) synchronize(ctx context.Context) error {
	var random [8]byte
	rand.Read(random[:]) // never fails, see its documentation
	p := s.places
	p.sync, p.synced = hex.EncodeToString(random[:]), false
	name, err := postgres.QuoteChannel(p.header)
	if err != nil {
		return err
	}
	if _, err := s.exec(ctx, "NOTIFY "+name+", '"+syncPrefix+p.sync+"'"); err != nil {
		return err
	}
	stop := s.handle.CutOnDone(ctx)
	for !p.synced && s.err == nil && err == nil {
		err = s.conn.Wait(ctx)
	}
	p.sync = ""
	switch uncut := stop(); {
	case !uncut || err != nil && ctx.Err() != nil:
		s.end(errInterrupted)
		return ctx.Err()
	case s.err != nil:
		return s.err
	}
	return err
}

// Listen implements transport.Session.
func (s *LogSession) Listen(ctx context.Context, channel string) error {
	return s.ListenAll(ctx, channel)
}

// ListenAll implements transport.MultiListener.
func (s *LogSession) ListenAll(ctx context.Context, channels ...string) error {
	return s.endOnError(ctx, func() error {
		names, err := quoteChannels(channels)
		if err != nil {
			return err
		}
		s.places.start(channels)
		if err := s.listenAll(ctx, names); err != nil || len(s.places.started) == 0 {
			return err
		}
		return s.synchronize(ctx)
	})
}

// Unlisten implements transport.Session.
func (s *LogSession) Unlisten(ctx context.Context, channel string) error {
	return s.endOnError(ctx, func() error {
		name, err := postgres.QuoteChannel(channel)
		if err == nil {
			_, err = s.exec(ctx, "UNLISTEN "+name)
		}
		s.places.stop(channel)
		return err
	})
}

// ReceiveRecord implements transport.LogSession.
func (s *LogSession) ReceiveRecord(ctx context.Context) (transport.Record, error) {
	s.callMu.Lock()
	defer s.callMu.Unlock()
	m, err := s.receive(ctx)
	if err != nil {
		return transport.Record{}, err
	}
	r := transport.Record{Message: m}
	if at := s.places.taken; at.Epoch != "" {
		r.Keep, r.Epoch, r.Offset = true, at.Epoch, at.Offset
		r.Previous = transport.Offset{Major: at.Offset.Major - 1}
		s.places.received = receivedAt{channel: m.Channel, Position: at}
	}
	return r, nil
}

// start adds channels that the session is about to listen to. The new ones wait for the next synchronization.
func (p *places) start(channels []string) {
	for _, channel := range channels {
		if p.channels[channel] == nil {
			at := &place{starting: true}
			p.channels[channel] = at
			p.started = append(p.started, at)
		}
	}
	p.last = nil
}

// stop removes a channel that the session does not listen to any more.
func (p *places) stop(channel string) {
	delete(p.channels, channel)
	p.last = nil
}
