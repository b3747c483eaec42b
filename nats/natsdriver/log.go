package natsdriver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Log          = (*Driver)(nil)
	_ transport.LogPreparer  = (*Driver)(nil)
	_ transport.LogTrimmer   = (*Driver)(nil)
	_ transport.LogInspector = (*Driver)(nil)
)

// Append implements transport.Appender. Messages of one channel that follow each other are one message of the stream,
// which its leader publishes to those who listen when it has stored it. So each change of the channel among the records
// is a round trip.
//
// An Append whose connection is lost, or whose server does not answer, goes on over another connection, until ctx ends:
// the servers recognize what they have stored already. An error of JetStream (ErrUnwritable) means that nothing was
// stored. Previous is not set for the first message of each channel.
func (d *Driver) Append(ctx context.Context, records []transport.Record) error {
	records, tooLarge := d.fitting(records)
	for accepted := 0; accepted < len(records); {
		e := nextEntry(records[accepted:], d.config.MaxPayload)
		var err error
		if e.kept > 0 {
			err = d.appendEntry(ctx, e)
		} else {
			msgs := make([]transport.Message, len(e.records))
			for i := range e.records {
				msgs[i] = e.records[i].Message
			}
			err = d.publish(ctx, d.appender, msgs)
		}
		switch rejected := (*transport.RejectedError)(nil); {
		case err == nil:
			accepted += len(e.records)
			continue
		case errors.As(err, &rejected):
			return &transport.RejectedError{Accepted: accepted + rejected.Accepted, Err: rejected.Err}
		case accepted > 0 && errors.Is(err, transport.ErrNotSent) && ctx.Err() == nil:
			return &transport.RejectedError{Accepted: accepted, Err: err}
		case accepted > 0 && errors.Is(err, transport.ErrNotSent):
			return ctx.Err() // not even ErrNotSent: some were sent
		}
		return err
	}
	return tooLarge
}

// fitting returns the records before the first one that is too large, and the error for that.
func (d *Driver) fitting(records []transport.Record) ([]transport.Record, error) {
	for i := range records {
		if n := len(records[i].Payload); n > d.config.MaxPayload {
			return records[:i], &transport.RejectedError{Accepted: i, Err: d.tooLarge(n)}
		}
	}
	return records, nil
}

// acknowledgement is what JetStream says about a message that it has stored.
type acknowledgement struct {
	Sequence  uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate"`
}

// appendEntry stores an entry, and sets the positions of its messages. An error that wraps ErrNotSent means that it is
// not stored.
func (d *Driver) appendEntry(ctx context.Context, e entry) error {
	header, payload := e.encode(rand.Text())
	perhaps := error(nil) // why it may be stored already
	examine := d.currentEpoch
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		epoch, err := examine(ctx)
		examine = d.currentEpoch
		if err == nil {
			var ack acknowledgement
			ack, err = d.store(ctx, epoch, e.channel, header, payload)
			if err == nil {
				d.head.saw(epoch, ack.Sequence)
				place(e.records, epoch, ack.Sequence, 0)
				return d.announce(ctx, ack, epoch, e.channel)
			}
			if errors.Is(err, errNobody) {
				examine = d.examine
			}
		} else {
			err = fmt.Errorf("%w: %w", transport.ErrNotSent, err)
		}
		switch {
		case ctx.Err() != nil, errors.Is(err, transport.ErrClosed), errors.Is(err, ErrNoJetStream):
			return outcomeOf(perhaps, err)
		case errors.Is(err, errNobody), code(err) == codeNotReady: // there is another epoch, or no leader yet
		case code(err) == codeDuplicateOnWay: // it is being stored
			perhaps = err
		case errors.Is(err, ErrDisconnected) && !errors.Is(err, transport.ErrNotSent):
			perhaps = err
			continue
		default:
			return outcomeOf(perhaps, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return outcomeOf(perhaps, fmt.Errorf("%w: %w: %w", transport.ErrNotSent, ctx.Err(), err))
		}
	}
}

// outcomeOf returns the error of an entry, which is perhaps stored if an earlier attempt has failed.
func outcomeOf(perhaps, err error) error {
	if perhaps == nil || !errors.Is(err, transport.ErrNotSent) {
		return err
	}
	return perhaps
}

// store asks the leader to store an entry, and waits until all servers have heard what it has published.
func (d *Driver) store(
	ctx context.Context, epoch, channel string, header, payload []byte,
) (ack acknowledgement, err error) {
	q := server.Question{Subject: d.entrySubject(epoch, channel), Header: header, Payload: payload}
	err = d.appender.Do(ctx, func(c *broker.Conn) error {
		answer, err := c.Conn.(*server.Link).Prove(ctx, q)
		if err != nil {
			return err
		}
		err = decode(answer, &ack)
		ack.Duplicate = ack.Duplicate || answer.Repeated && err == nil
		if err != nil {
			return &transport.RejectedError{Err: err} // the connection is fine
		}
		return nil
	})
	rejected := (*transport.RejectedError)(nil)
	switch {
	case !errors.As(err, &rejected):
		return ack, err
	case code(err) == codeDuplicateOnWay:
		return ack, rejected.Err
	case code(err) != 0:
		return ack, fmt.Errorf("%w: %w: %w", transport.ErrNotSent, ErrUnwritable, rejected.Err)
	}
	return ack, refusal(err)
}

// announce tells those who listen that an entry is in the log, if it was stored at an earlier attempt: a leader that
// was lost may have stored it, and not published it. A session that has not seen it ends.
func (d *Driver) announce(ctx context.Context, ack acknowledgement, epoch, channel string) error {
	if !ack.Duplicate {
		return nil
	}
	header := server.AppendHeader(nil, fieldHead, fmt.Sprint(epoch, " ", ack.Sequence))
	return d.appender.Do(ctx, func(c *broker.Conn) error {
		b := fmt.Appendf(nil, "HPUB %s %d %d\r\n%s\r\n", d.subject(channel), len(header), len(header), header)
		errs, err := c.Conn.(*server.Link).Confirm(ctx, b)
		return errors.Join(append(errs, err)...)
	})
}
