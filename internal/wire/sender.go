package wire

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// Publisher is the part of a transport.Bus that publishes.
type Publisher interface {
	Publish(ctx context.Context, msgs ...transport.Message) error
	Limits() transport.Limits
}

// Sender publishes encoded messages whose bodies a Storer has stored. It is safe for concurrent use if the bus is.
type Sender struct {
	Wire *Wire
	Bus  Publisher
	// Timeout bounds a call of Send. If it is 0, only the caller's context bounds it.
	Timeout time.Duration
	// Serial reports that Bus and Store use the same transaction. Send then stores the bodies itself, makes one
	// round trip at a time, and none after one that failed.
	Serial bool
	Store  Store
	// Published, unless nil, is called for each round trip to the bus.
	Published func()
}

// Send publishes the messages of batch in order and puts the outcome of each into its Err. It returns the first error
// of the bus.
func (s *Sender) Send(ctx context.Context, batch []*Outgoing) error {
	ctx, cancel := bound(ctx, s.Timeout)
	defer cancel()
	if d := s.Wire.distinct; d != nil {
		d.batch.Add(1)
	}
	if s.Serial {
		return s.transmitAll(ctx, batch)
	}
	return s.transmit(ctx, batch)
}

// transmitAll stores and publishes all messages, or none.
func (s *Sender) transmitAll(ctx context.Context, batch []*Outgoing) error {
	if err := s.storeBodies(ctx, batch); err != nil {
		for _, o := range batch {
			if o.toStore {
				o.Err = storeError(o, err)
			}
		}
		fail(batch, err)
		return err
	}
	msgs := make([]transport.Message, len(batch))
	for i, o := range batch {
		msgs[i] = transport.Message{Channel: o.Channel, Payload: *o.buf}
	}
	_, _, err := s.round(ctx, msgs)
	if err != nil {
		fail(batch, err)
	}
	return err
}

// transmit publishes the messages that have no error yet.
func (s *Sender) transmit(ctx context.Context, batch []*Outgoing) error {
	todo := make([]*Outgoing, 0, len(batch))
	msgs := make([]transport.Message, 0, len(batch))
	for _, o := range batch {
		if o.Err == nil {
			todo = append(todo, o)
			msgs = append(msgs, transport.Message{Channel: o.Channel, Payload: *o.buf})
		}
	}
	accepted, certain, err := s.round(ctx, msgs)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		// Exactly the accepted messages were sent. Send the others one by one, so that only the invalid ones fail.
		for i := accepted; i < len(todo); i++ {
			_, certain, e := s.round(ctx, msgs[i:i+1])
			if e == nil {
				continue
			}
			if errors.As(e, &rejected) {
				todo[i].Err = &fault.OpError{Op: "publish", Channel: todo[i].Channel, Err: rejected.Err}
				continue
			}
			if !certain {
				fail(todo[i:i+1], Unconfirmed(e))
			}
			fail(todo[i:], e) // the bus did not receive them
			return e
		}
		return err
	}
	switch {
	case err == nil:
	case certain:
		fail(todo, err)
	default:
		fail(todo, Unconfirmed(err))
	}
	return err
}

// round makes one call of the bus, unless ctx has ended. After an error, accepted is how many of msgs were certainly
// sent, and certain reports whether the others were certainly not sent.
func (s *Sender) round(ctx context.Context, msgs []transport.Message) (accepted int, certain bool, err error) {
	if len(msgs) == 0 || ctx.Err() != nil {
		return 0, true, ctx.Err()
	}
	if s.Published != nil {
		s.Published()
	}
	err = s.publish(ctx, msgs)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		return min(max(rejected.Accepted, 0), len(msgs)), true, err
	}
	return 0, errors.Is(err, transport.ErrNotSent), err
}

// publish calls the bus. A panic of the bus becomes an error, after which it is unknown what was sent.
func (s *Sender) publish(ctx context.Context, msgs []transport.Message) (err error) {
	defer guard.Catch(&err)
	return guard.Error(s.Bus.Publish(ctx, msgs...))
}

func bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

func fail(batch []*Outgoing, err error) {
	for _, o := range batch {
		if o.Err != nil {
			continue
		}
		o.Err = &fault.OpError{Op: "publish", Channel: o.Channel, Err: err}
	}
}
