package conformance_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var lossMutants = []mutant[conformance.Harness]{
	reconnecting("reconnects and subscribes again", func(int, int) bool { return true }),
	reconnecting("reconnects when it has received nothing yet", func(received, _ int) bool { return received == 0 }),
	reconnecting("reconnects when it has received a hundred messages",
		func(received, _ int) bool { return received >= 100 }),
	reconnecting("reconnects when it has received 5000 messages",
		func(received, _ int) bool { return received >= 5000 }),
	reconnecting("reconnects after the second outage", func(_, outages int) bool { return outages == 2 }),
	reconnecting("reconnects after the third outage", func(_, outages int) bool { return outages == 3 }),
	breaks("NothingIsReceivedAfterALoss", "reconnects without subscribing again", func(t *testing.T, b *bus) {
		b.reconnectAfterOutage(t, func(int, int) bool { return true },
			func(ctx context.Context, s *session, _ []string, _ error) (transport.Message, error) {
				return s.Session.Receive(ctx)
			})
	}),
	breaks("NothingIsReceivedAfterALoss", "fails once, reconnects and continues", func(t *testing.T, b *bus) {
		b.reconnectAfterOutage(t, func(int, int) bool { return true },
			func(ctx context.Context, s *session, channels []string, err error) (transport.Message, error) {
				return transport.Message{}, errors.Join(err, s.listenTo(ctx, channels))
			})
	}),
	breaks("NothingIsReceivedAfterALoss", "reconnects after a while", func(t *testing.T, b *bus) {
		b.reconnectAfterOutage(t, func(int, int) bool { return true },
			func(ctx context.Context, s *session, channels []string, _ error) (transport.Message, error) {
				time.Sleep(20 * time.Millisecond)
				s.listenTo(ctx, channels)
				return s.Session.Receive(ctx)
			})
	}),
	breaks("NothingIsReceivedAfterALoss", "reconnects and subscribes again to many channels",
		func(t *testing.T, b *bus) {
			b.reconnectAfterOutage(t, func(int, int) bool { return true },
				func(ctx context.Context, s *session, channels []string, _ error) (transport.Message, error) {
					s.listenTo(ctx, channels)
					return s.Session.Receive(ctx)
				})
			reconnecting := b.session
			b.session = func(s *session) {
				reconnecting(s)
				n, listen, receive := 0, s.listen, s.receive
				s.listen = func(ctx context.Context, channel string) error {
					n++
					return listen(ctx, channel)
				}
				s.receive = func(ctx context.Context) (transport.Message, error) {
					if n > 10 {
						return receive(ctx)
					}
					return s.Session.Receive(ctx)
				}
			}
		}),
	reportsOutageAs("NothingIsReceivedAfterALoss", "reports that it was closed",
		func(*testing.T, context.Context) error { return transport.ErrClosed }),
	reportsOutageAs("NothingIsReceivedAfterALoss", "reports a cancellation",
		func(*testing.T, context.Context) error { return context.Canceled }),
	reportsOutageAs("NothingIsReceivedAfterALoss", "does not notice the outage",
		func(t *testing.T, ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}),
	breaksSession("NothingIsReceivedAfterALoss", "fails once and then waits", func(t *testing.T, s *session) {
		failed := false
		s.receive = func(ctx context.Context) (transport.Message, error) {
			if failed {
				<-ctx.Done()
				return transport.Message{}, ctx.Err()
			}
			m, err := s.Session.Receive(ctx)
			failed = err != nil && ctx.Err() == nil
			return m, err
		}
	}),
	breaks("NothingIsReceivedAfterALoss", "fails once after an outage", func(_ *testing.T, b *bus) {
		var seen int32
		b.open = func(ctx context.Context) (transport.Session, error) {
			if now := b.outages.Load(); now != seen {
				seen = now
				return nil, errors.New("bad connection")
			}
			return b.Hub.Open(ctx)
		}
	}),
	flawed("NothingIsReceivedAfterALoss", publishing, afterOutage(1), lost),
	flawed("NothingIsReceivedAfterALoss", publishing, afterOutage(1), doubled),
	flawed("NothingIsReceivedAfterALoss", publishing, afterOutage(1), doubledLater(1)),
	flawed("NothingIsReceivedAfterALoss", publishing, afterOutage(2), lost),
	flawed("NothingIsReceivedAfterALoss", publishing, afterOutage(1), swapped),
	flawed("NothingIsReceivedAfterALoss", receiving, afterOutage(1), lost),
	flawed("NothingIsReceivedAfterALoss", receiving, afterOutage(1), doubled),
	flawed("NothingIsReceivedAfterALoss", receiving, afterOutage(2), changed),
	flawed("NothingIsReceivedAfterALoss", receiving, afterOutage(5000), lost),
}

// reconnecting returns a mutant whose sessions reconnect and listen again without the cluster's knowledge. The
// func when decides whether, from the messages that the session has received and the number of outages.
func reconnecting(bug string, when func(received, outages int) bool) mutant[conformance.Harness] {
	return breaks("NothingIsReceivedAfterALoss", bug, func(t *testing.T, b *bus) {
		b.reconnectAfterOutage(t, when, func(ctx context.Context, s *session, channels []string,
			_ error) (transport.Message, error) {
			s.listenTo(ctx, channels)
			return s.Session.Receive(ctx)
		})
	})
}

// reconnectAfterOutage makes the sessions of a mutant continue after an outage with a new inner session, which
// then uses.
func (b *bus) reconnectAfterOutage(t *testing.T, when func(received, outages int) bool,
	then func(ctx context.Context, s *session, channels []string, err error) (transport.Message, error)) {
	b.session = func(s *session) {
		var channels []string
		received, closed := 0, false
		s.listen = func(ctx context.Context, channel string) error {
			channels = append(channels, channel)
			return s.Session.Listen(ctx, channel)
		}
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err == nil {
				received++
			}
			if err == nil || ctx.Err() != nil || closed || !when(received, int(b.outages.Load())) {
				return m, err
			}
			s.Session.Close(ctx)
			if s.Session, err = b.Hub.Open(ctx); err != nil {
				return m, err
			}
			return then(ctx, s, channels, errors.New("connection reset by peer"))
		}
		s.close = func(ctx context.Context) error {
			closed = true
			return s.Session.Close(ctx)
		}
		t.Cleanup(func() { s.Session.Close(context.Background()) })
	}
}

func (s *session) listenTo(ctx context.Context, channels []string) (err error) {
	for _, channel := range channels {
		err = errors.Join(err, s.Session.Listen(ctx, channel))
	}
	return err
}

// reportsOutageAs returns a mutant whose Receive reports a broken connection as another error.
func reportsOutageAs(check, bug string, report func(t *testing.T,
	ctx context.Context) error) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(t *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err != nil && ctx.Err() == nil && !errors.Is(err, transport.ErrClosed) {
				err = report(t, ctx)
			}
			return m, err
		}
	})
}
