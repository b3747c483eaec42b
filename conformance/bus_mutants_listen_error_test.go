package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// survivals are what a session does after an error of Listen, Unlisten or ListenAll, instead of ending.
var survivals = []struct {
	name  string
	apply func(s *session)
}{
	{"continues", func(*session) {}},
	{"receives nothing more, without an error", func(s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			<-ctx.Done()
			return transport.Message{}, ctx.Err()
		}
	}},
	{"delivers one more message", func(s *session) {
		n := 0
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if n++; n > 4 || m.Payload != nil && string(m.Payload) == "after the error" {
				s.Session.Close(ctx)
				s.receive = nil
			}
			return m, err
		}
	}},
	{"fails once and continues", func(s *session) {
		s.receive = func(context.Context) (transport.Message, error) {
			s.receive = nil
			return transport.Message{}, errors.New("listening has failed")
		}
	}},
	{"receives no more, but listens", func(s *session) {
		s.receive = func(context.Context) (transport.Message, error) {
			return transport.Message{}, errors.New("listening has failed")
		}
	}},
}

// breaksCall returns a mutant with another Listen, Unlisten or ListenAll. The func call is given the correct
// one.
func breaksCall(check, name, bug string, limits transport.Limits,
	call func(ctx context.Context, s *session, channels []string,
		right func(context.Context) error) error) mutant[conformance.Harness] {
	return breaksLimited(check, name+": "+bug, limits, func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			s.wrapListen(name, func(ctx context.Context, channels []string, right func(context.Context) error) error {
				return call(ctx, s, channels, right)
			})
		}
	})
}

func listenErrorMutants() (mutants []mutant[conformance.Harness]) {
	for _, name := range []string{"Listen", "Unlisten", "ListenAll"} {
		for _, after := range survivals {
			mutants = append(mutants,
				breaksCall("ListenErrorEndsTheSession", name, after.name+" after a context that has ended",
					transport.Limits{},
					func(ctx context.Context, s *session, _ []string, right func(context.Context) error) error {
						if ctx.Err() == nil {
							return right(ctx)
						}
						after.apply(s)
						return ctx.Err()
					}),
				breaksCall("ListenErrorEndsTheSession", name, after.name+" after a name over the limit", textLimits,
					func(ctx context.Context, s *session, channels []string, right func(context.Context) error) error {
						for _, channel := range channels {
							if len(channel) > textLimits.Channel {
								after.apply(s)
								return errTooLarge
							}
						}
						return right(ctx)
					}),
				breaksCall("InterruptedListenEndsTheSession", name,
					after.name+" after an interruption while the medium is stalled", transport.Limits{},
					func(ctx context.Context, s *session, _ []string, right func(context.Context) error) error {
						if ctx.Err() != nil {
							return right(ctx)
						}
						done := make(chan error, 1)
						go func() { done <- right(context.WithoutCancel(ctx)) }()
						select {
						case err := <-done:
							return err
						case <-ctx.Done():
							after.apply(s)
							return ctx.Err()
						}
					}),
				breaksCall("InterruptedListenEndsTheSession", name, after.name+" after an interruption",
					transport.Limits{},
					func(ctx context.Context, s *session, _ []string, right func(context.Context) error) error {
						if err := roundTrip(ctx); err != nil {
							after.apply(s)
							return err
						}
						return right(ctx)
					}))
		}
		mutants = append(mutants,
			breaksCall("ListenErrorEndsTheSession", name, "does not look at the context", transport.Limits{},
				func(ctx context.Context, _ *session, _ []string, right func(context.Context) error) error {
					return right(context.WithoutCancel(ctx))
				}),
			breaksCall("InterruptedListenEndsTheSession", name, "reports an interruption as success",
				transport.Limits{},
				func(ctx context.Context, _ *session, _ []string, right func(context.Context) error) error {
					if roundTrip(ctx) != nil {
						return nil
					}
					return right(ctx)
				}),
			breaksCall("InterruptedListenEndsTheSession", name, "reports an interruption as a timeout",
				transport.Limits{},
				func(ctx context.Context, _ *session, _ []string, right func(context.Context) error) error {
					if roundTrip(ctx) != nil {
						right(ctx)
						return errors.New("i/o timeout")
					}
					return right(ctx)
				}))
	}
	// Listening to a thousand channels one after the other takes too long.
	for _, distance := range []time.Duration{1500 * time.Microsecond, 10 * time.Millisecond} {
		mutants = append(mutants, mutant[conformance.Harness]{"ListenAllTakesOneRoundTrip",
			fmt.Sprintf("waits %v for each channel", distance), func(*testing.T) conformance.Harness {
				h := newBusMedium(transport.Limits{}).harness(func(b *bus) {
					b.session = func(s *session) {
						s.listen = func(ctx context.Context, channel string) error {
							time.Sleep(distance)
							return s.Session.Listen(ctx, channel)
						}
						s.listenAll = s.listenEach
					}
				})
				h.Patience = 3 * time.Second
				return h
			}})
	}
	return mutants
}

// roundTrip takes the time of a round trip, or until ctx ends.
func roundTrip(ctx context.Context) error {
	select {
	case <-time.After(2 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
