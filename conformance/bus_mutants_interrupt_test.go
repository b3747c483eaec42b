package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// interruptState is the state of a bus that misbehaves when a Publish is interrupted.
type interruptState struct {
	publish     publishFunc // Publish of the hub
	held        []transport.Message
	wait        int // sends held after so many further calls of Publish
	closed      bool
	locked      bool
	loses       bool
	interrupted int // number of interruptions
	published   int // number of messages
}

// occasion selects the interruptions after which the bus misbehaves.
type occasion struct {
	name    string
	matches func(b *interruptState, ctx context.Context, msgs []transport.Message) bool
}

var always = occasion{"a Publish", func(*interruptState, context.Context, []transport.Message) bool { return true }}

var occasions = []occasion{
	always,
	{"a batch", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool { return len(msgs) > 1 }},
	{"a batch of more than 1,000", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool {
		return len(msgs) > 1000
	}},
	{"a single message", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool {
		return len(msgs) == 1
	}},
	{"a message of 4 KiB or more", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool {
		return len(msgs[0].Payload) >= 4<<10
	}},
	{"a message of 64 KiB or more", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool {
		return len(msgs[0].Payload) >= 64<<10
	}},
	{"a Publish on several channels", func(_ *interruptState, _ context.Context, msgs []transport.Message) bool {
		return msgs[0].Channel != msgs[len(msgs)-1].Channel
	}},
	{"a Publish after message 100", func(b *interruptState, _ context.Context, _ []transport.Message) bool {
		return b.published > 100
	}},
	{"a Publish after message 5,000", func(b *interruptState, _ context.Context, _ []transport.Message) bool {
		return b.published > 5000
	}},
	{"every 20th Publish", func(b *interruptState, _ context.Context, _ []transport.Message) bool {
		return b.interrupted%20 == 0
	}},
	{"a Publish with a deadline", func(_ *interruptState, ctx context.Context, _ []transport.Message) bool {
		return errors.Is(ctx.Err(), context.DeadlineExceeded)
	}},
	{"a Publish that is cancelled", func(_ *interruptState, ctx context.Context, _ []transport.Message) bool {
		return errors.Is(ctx.Err(), context.Canceled)
	}},
}

// misbehavior is what the bus does then. It returns the error of Publish.
type misbehavior struct {
	name           string
	apply          func(b *interruptState, ctx context.Context, msgs []transport.Message) error
	onAllOccasions bool // combined with all occasions, not only with always
}

func sentLater(n int) func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
	return func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		for _, m := range msgs {
			m.Payload = slices.Clone(m.Payload)
			b.held = append(b.held, m)
		}
		b.wait = n
		return ctx.Err()
	}
}

func sentAfter(d time.Duration) func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
	return func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		kept := slices.Clone(msgs)
		for i := range kept {
			kept[i].Payload = slices.Clone(kept[i].Payload)
		}
		time.AfterFunc(d, func() { b.send(kept...) })
		return ctx.Err()
	}
}

func (b *interruptState) send(msgs ...transport.Message) { b.publish(context.Background(), msgs...) }

var misbehaviors = []misbehavior{
	{"is sent after the next one", sentLater(1), true},
	{"is sent after the tenth that follows", sentLater(10), false},
	{"is sent 5 ms later", sentAfter(5 * time.Millisecond), false},
	{"is sent 50 ms later", sentAfter(50 * time.Millisecond), true},
	{"is sent at once, and again later", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.send(msgs...)
		return sentLater(1)(b, ctx, msgs)
	}, false},
	{"is sent twice", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.send(msgs...)
		b.send(msgs...)
		return ctx.Err()
	}, true},
	{"is sent without its first message", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.send(msgs[1:]...)
		return ctx.Err()
	}, false},
	{"is sent without the one before its last", func(b *interruptState, ctx context.Context,
		msgs []transport.Message) error {
		if n := len(msgs); n > 1 {
			b.send(append(slices.Clone(msgs[:n-2]), msgs[n-1])...)
		}
		return ctx.Err()
	}, false},
	{"is cut in the middle of its last message", func(b *interruptState, ctx context.Context,
		msgs []transport.Message) error {
		cut := slices.Clone(msgs)
		last := &cut[len(cut)-1]
		last.Payload = last.Payload[:len(last.Payload)/2]
		b.send(cut...)
		return ctx.Err()
	}, true},
	{"closes the bus for good", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.closed = true
		return ctx.Err()
	}, true},
	{"leaves a lock behind", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.locked = true
		return ctx.Err()
	}, true},
	{"loses the next one", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.loses = true
		return ctx.Err()
	}, true},
	{"returns no error", func(b *interruptState, ctx context.Context, msgs []transport.Message) error { return nil },
		true},
	{"is sent, but reported as not sent", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		b.send(msgs...)
		return errors.Join(ctx.Err(), transport.ErrNotSent)
	}, true},
	{"is sent, but reported as not accepted", func(b *interruptState, ctx context.Context,
		msgs []transport.Message) error {
		b.send(msgs...)
		return &transport.RejectedError{Err: ctx.Err()}
	}, true},
	{"is not sent, but reported as accepted", func(b *interruptState, ctx context.Context,
		msgs []transport.Message) error {
		return &transport.RejectedError{Accepted: len(msgs), Err: ctx.Err()}
	}, true},
	{"is sent without its last message, but reported as accepted",
		func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
			b.send(msgs[:len(msgs)-1]...)
			return &transport.RejectedError{Accepted: len(msgs), Err: ctx.Err()}
		}, false},
	{"is reported with more accepted messages than it has",
		func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
			return &transport.RejectedError{Accepted: len(msgs) + 1, Err: ctx.Err()}
		}, false},
	{"fails with a network timeout", func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
		return errors.New("i/o timeout")
	}, true},
	{"fails with the error of a connection with the same deadline",
		func(b *interruptState, ctx context.Context, msgs []transport.Message) error {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return &net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}
			}
			return ctx.Err()
		}, false},
	{"fails with the cause of the context", func(b *interruptState, ctx context.Context,
		msgs []transport.Message) error {
		return context.Cause(ctx)
	}, false},
}

func interruptMutants() (all []mutant[conformance.Harness]) {
	for _, misbehavior := range misbehaviors {
		for _, occasion := range occasions {
			if misbehavior.onAllOccasions || occasion.name == always.name {
				bug := fmt.Sprintf("%s that is interrupted %s", occasion.name, misbehavior.name)
				all = append(all, withMorePatience(breaks("InterruptedPublishIsNotSentLater", bug,
					misbehavesWhen(occasion, misbehavior))))
			}
		}
	}
	all = append(all, withMorePatience(breaks("InterruptedPublishIsNotSentLater",
		"keeps the payloads of an interrupted Publish", keepsInterrupted)))
	return append(all, rejectedMutants()...)
}

// keepsInterrupted sends the messages of an interrupted Publish with the next one, without having copied them.
func keepsInterrupted(_ *testing.T, b *bus) {
	var mu sync.Mutex
	var kept []transport.Message
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := b.Hub.Publish(ctx, append(slices.Clip(kept), msgs...)...)
		if kept = nil; err != nil && ctx.Err() != nil {
			kept = msgs
			return ctx.Err()
		}
		return err
	}
}

// misbehavesWhen returns a bus whose Publish takes a moment, and misbehaves when it is interrupted.
func misbehavesWhen(occasion occasion, misbehavior misbehavior) func(t *testing.T, b *bus) {
	return func(t *testing.T, bus *bus) {
		var mu sync.Mutex
		b := &interruptState{publish: bus.Hub.Publish}
		bus.publish = func(ctx context.Context, msgs ...transport.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if err := ctx.Err(); err != nil {
				return err
			}
			switch {
			case b.closed:
				return errors.New("use of closed connection")
			case b.locked:
				<-ctx.Done()
				return ctx.Err()
			case b.loses:
				b.loses = false
				return nil
			}
			var err error
			select {
			case <-time.After(100 * time.Microsecond):
				err = b.publish(ctx, msgs...)
			case <-ctx.Done():
				err = ctx.Err()
			}
			if err != nil && ctx.Err() != nil {
				if b.interrupted++; occasion.matches(b, ctx, msgs) {
					err = misbehavior.apply(b, ctx, msgs)
				}
				return err
			}
			b.published += len(msgs)
			if b.wait--; b.wait == 0 {
				b.send(b.held...)
				b.held = nil
			}
			return err
		}
	}
}
