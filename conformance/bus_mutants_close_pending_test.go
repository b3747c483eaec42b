package conformance_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// pendingCallMutants have bugs in closing while another method is in progress.
func pendingCallMutants() (mutants []mutant[conformance.Harness]) {
	for name, final := range map[string]error{
		"an end of file":                  io.EOF,
		"a closed connection":             net.ErrClosed,
		"a cancellation":                  context.Canceled,
		"a timeout":                       context.DeadlineExceeded,
		"its own error":                   errors.New("shutting down"),
		"no error, with an empty message": nil,
	} {
		mutants = append(mutants, breaksSession("CloseEndsPendingCalls", "reports Close as "+name+" in Receive",
			func(_ *testing.T, s *session) {
				s.receive = func(ctx context.Context) (transport.Message, error) {
					m, err := s.Session.Receive(ctx)
					if errors.Is(err, transport.ErrClosed) {
						err = final
					}
					return m, err
				}
			}))
		if final == nil {
			continue
		}
		for _, call := range []string{"Listen", "Unlisten", "ListenAll"} {
			mutants = append(mutants, breaksCall("CloseEndsPendingCalls", call, "reports Close as "+name,
				transport.Limits{},
				func(ctx context.Context, _ *session, _ []string, right func(context.Context) error) error {
					err := right(ctx)
					if errors.Is(err, transport.ErrClosed) {
						err = final
					}
					return err
				}))
		}
	}
	for _, call := range []string{"Listen", "Unlisten", "ListenAll"} {
		mutants = append(mutants, breaksCall("CloseEndsPendingCalls", call,
			"does not end when Close is called and the server does not answer", transport.Limits{},
			func(ctx context.Context, s *session, _ []string, right func(context.Context) error) error {
				err := right(ctx)
				if errors.Is(err, transport.ErrClosed) {
					<-ctx.Done()
				}
				return err
			}))
	}
	return append(mutants,
		breaksSession("CloseEndsPendingCalls", "holds a lock while it receives", func(_ *testing.T, s *session) {
			var mu sync.Mutex
			s.receive = func(ctx context.Context) (transport.Message, error) {
				mu.Lock()
				defer mu.Unlock()
				return s.Session.Receive(ctx)
			}
			s.close = func(ctx context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				return s.Session.Close(ctx)
			}
		}),
		breaksSession("CloseEndsPendingCalls", "does not wake Receive",
			func(t *testing.T, s *session) { s.doesNotWake(t, func(context.Context) bool { return true }) }),
		breaksSession("CloseEndsPendingCalls", "does not wake Receive if its context has ended",
			func(t *testing.T, s *session) {
				s.doesNotWake(t, func(ctx context.Context) bool { return ctx.Err() != nil })
			}),
		breaksSession("CloseEndsPendingCalls", "waits for Receive", func(_ *testing.T, s *session) {
			var busy atomic.Int32
			s.receive = func(ctx context.Context) (transport.Message, error) {
				busy.Add(1)
				defer busy.Add(-1)
				return s.Session.Receive(ctx)
			}
			s.close = func(ctx context.Context) error {
				for busy.Load() > 0 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if err := ctx.Err(); err != nil && busy.Load() > 0 {
					return err
				}
				return s.Session.Close(ctx)
			}
		}))
}

// doesNotWake makes a mutant whose Close does not wake Receive, in the cases that sleeps selects.
func (s *session) doesNotWake(t *testing.T, sleeps func(ctx context.Context) bool) {
	var closed atomic.Bool
	s.receive = func(ctx context.Context) (transport.Message, error) {
		if closed.Load() {
			return transport.Message{}, transport.ErrClosed
		}
		return s.Session.Receive(ctx)
	}
	s.close = func(ctx context.Context) error {
		closed.Store(true)
		if !sleeps(ctx) {
			return s.Session.Close(ctx)
		}
		return nil
	}
	t.Cleanup(func() { s.Session.Close(context.Background()) })
}
