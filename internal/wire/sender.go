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
	// Log, unless nil, carries the messages in place of Bus, and keeps those with Outgoing.Keep.
	Log transport.Appender
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
	load := s.load(batch)
	_, _, err := s.round(ctx, load)
	if err != nil {
		fail(batch, err)
	}
	load.place(batch)
	return err
}

// transmit publishes the messages that have no error yet.
func (s *Sender) transmit(ctx context.Context, batch []*Outgoing) error {
	todo := make([]*Outgoing, 0, len(batch))
	for _, o := range batch {
		if o.Err == nil {
			todo = append(todo, o)
		}
	}
	load := s.load(todo)
	defer load.place(todo)
	accepted, certain, err := s.round(ctx, load)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		if broken := s.transmitSingly(ctx, todo, load, accepted); broken != nil {
			return broken
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

// transmitSingly publishes what load has for todo one by one, so that only the invalid messages fail. The bus has
// accepted the first messages. It returns the error after which nothing more was sent.
func (s *Sender) transmitSingly(ctx context.Context, todo []*Outgoing, load load, accepted int) error {
	end := 0
	for i, o := range todo {
		n := max(accepted, end)
		for end += o.pieces(); n < end; n++ {
			_, certain, err := s.round(ctx, load.one(n))
			if err == nil {
				continue
			}
			var rejected *transport.RejectedError
			if errors.As(err, &rejected) {
				o.Err = &fault.OpError{Op: "publish", Channel: o.Channel, Err: rejected.Err}
				break // its other pieces are useless
			}
			if !certain {
				fail(todo[i:i+1], Unconfirmed(err))
			}
			fail(todo[i:], err) // the bus did not receive them
			return err
		}
	}
	return nil
}

// round makes one call of the bus, unless ctx has ended. After an error, accepted is how many messages of load were
// certainly sent, and certain reports whether the others were certainly not sent.
func (s *Sender) round(ctx context.Context, load load) (accepted int, certain bool, err error) {
	n := load.len()
	if n == 0 || ctx.Err() != nil {
		return 0, true, ctx.Err()
	}
	if s.Published != nil {
		s.Published()
	}
	err = s.publish(ctx, load)
	var rejected *transport.RejectedError
	if errors.As(err, &rejected) {
		return min(max(rejected.Accepted, 0), n), true, err
	}
	return 0, errors.Is(err, transport.ErrNotSent), err
}

// publish calls the bus. A panic of the bus becomes an error, after which it is unknown what was sent.
func (s *Sender) publish(ctx context.Context, load load) (err error) {
	defer guard.Catch(&err)
	if s.Log != nil {
		return guard.Error(s.Log.Append(ctx, load.records))
	}
	return guard.Error(s.Bus.Publish(ctx, load.msgs...))
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
