package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var receiveMutants = slices.Concat([]mutant[conformance.Harness]{
	breaksReceive("ReceiveEndsWithItsContext", "reports the end of its context as a timeout",
		func(ctx context.Context, s *session) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err != nil && ctx.Err() != nil {
				err = errors.New("i/o timeout")
			}
			return m, err
		}),
	breaksReceive("ReceiveEndsWithItsContext", "returns Canceled when the deadline has passed",
		func(ctx context.Context, s *session) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = context.Canceled
			}
			return m, err
		}),
	breaksReceive("ReceiveEndsWithItsContext", "returns an empty message at the deadline",
		func(ctx context.Context, s *session) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if ctx.Err() != nil {
				err = nil
			}
			return m, err
		}),
	breaksReceive("ReceiveEndsWithItsContext", "loses its connection when it is interrupted",
		func(ctx context.Context, s *session) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if ctx.Err() != nil {
				s.Session.Close(ctx)
			}
			return m, err
		}),
	breaksSession("ReceiveEndsWithItsContext", "does not watch its context", func(t *testing.T, s *session) {
		s.receive = func(context.Context) (transport.Message, error) { return s.Session.Receive(t.Context()) }
	}),
	breaksSession("CancelledReceiveLosesNothing", "leaves a reader behind that takes the next message",
		func(_ *testing.T, s *session) {
			interrupted := false
			s.receive = func(ctx context.Context) (transport.Message, error) {
				if interrupted {
					interrupted = false
					s.Session.Receive(ctx)
				}
				m, err := s.Session.Receive(ctx)
				interrupted = ctx.Err() != nil
				return m, err
			}
		}),
	breaksReceive("CancelledReceiveLosesNothing", "drops what arrives as the context ends",
		func(ctx context.Context, s *session) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err == nil {
				time.Sleep(200 * time.Microsecond) // in the middle of reading
				err = ctx.Err()
			}
			return m, err
		}),
	afterInterruptions(100, "closes itself"), afterInterruptions(1000, "closes itself"),
	afterInterruptions(5000, "closes itself"),
	breaksReceive("ReceiveEndsWithItsContext", "leaves a goroutine behind after every tenth interruption",
		func() func(context.Context, *session) (transport.Message, error) {
			var n atomic.Int32
			return func(ctx context.Context, s *session) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if err != nil && n.Add(1)%10 == 0 {
					go func() { time.Sleep(2 * time.Second) }() // longer than the check waits
				}
				return m, err
			}
		}()),
}, partialMutants())

// afterInterruptions returns a mutant whose session breaks at the n-th interruption.
func afterInterruptions(n int, bug string) mutant[conformance.Harness] {
	return withMorePatience(breaksSession("ReceiveEndsWithItsContext",
		fmt.Sprintf("%s after %d interruptions", bug, n), func(_ *testing.T, s *session) {
			interrupted := 0
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if err != nil && ctx.Err() != nil {
					if interrupted++; interrupted == n {
						s.Session.Close(ctx)
					}
				}
				return m, err
			}
		}))
}

// partialRead is the state of a session that reads a message in two pieces, and misbehaves if it is interrupted
// between them.
type partialRead struct {
	m           *transport.Message // its first piece has been read
	again       *transport.Message // to be delivered once more
	interrupted int
}

// partialMisbehaviors are what the session does wrong with the message.
var partialMisbehaviors = map[string]func(p *partialRead){
	"loses it":                    func(p *partialRead) { p.m = nil },
	"loses its first half":        func(p *partialRead) { p.m.Payload = p.m.Payload[len(p.m.Payload)/2:] },
	"loses its second half":       func(p *partialRead) { p.m.Payload = p.m.Payload[:len(p.m.Payload)/2] },
	"reads its first piece twice": func(p *partialRead) { p.m.Payload = slices.Concat(p.m.Payload[:1], p.m.Payload) },
	"delivers it twice":           func(p *partialRead) { p.again = p.m },
}

var partialOccasions = map[string]func(p *partialRead, ctx context.Context) bool{
	"a message":                   func(*partialRead, context.Context) bool { return true },
	"a message of 4 KiB or more":  func(p *partialRead, _ context.Context) bool { return len(p.m.Payload) >= 4<<10 },
	"a message of 64 KiB or more": func(p *partialRead, _ context.Context) bool { return len(p.m.Payload) >= 64<<10 },
	"a small message":             func(p *partialRead, _ context.Context) bool { return len(p.m.Payload) < 100 },
	"every 50th message":          func(p *partialRead, _ context.Context) bool { return p.interrupted%50 == 0 },
	"a message, by a deadline,": func(_ *partialRead, ctx context.Context) bool {
		return errors.Is(ctx.Err(), context.DeadlineExceeded)
	},
	"a message, by a cancellation,": func(_ *partialRead, ctx context.Context) bool {
		return errors.Is(ctx.Err(), context.Canceled)
	},
}

func partialMutants() (all []mutant[conformance.Harness]) {
	for bug, wrong := range partialMisbehaviors {
		for name, when := range partialOccasions {
			all = append(all, withMorePatience(breaksSession("CancelledReceiveLosesNothing",
				"interrupted in the middle of "+name+" "+bug, func(_ *testing.T, s *session) {
					p := new(partialRead)
					s.receive = func(ctx context.Context) (m transport.Message, err error) {
						if p.m == nil && p.again != nil {
							m, p.again = *p.again, nil
							return m, nil
						}
						if p.m == nil {
							m, err := s.Session.Receive(ctx)
							if err != nil {
								return m, err
							}
							p.m = &m
						}
						select {
						case <-time.After(100 * time.Microsecond):
							m, p.m = *p.m, nil
							return m, nil
						case <-ctx.Done():
							if p.interrupted++; when(p, ctx) {
								wrong(p)
							}
							return m, ctx.Err()
						}
					}
				})))
		}
	}
	return all
}
