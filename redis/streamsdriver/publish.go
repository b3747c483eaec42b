package streamsdriver

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// maxBuffer is the size in bytes of the buffer that a driver keeps between two requests.
const maxBuffer = 1 << 20

// Publish adds messages to streams and publishes the others, in order. See transport.Bus.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	records := make([]transport.Record, len(msgs))
	for i := range msgs {
		records[i].Message = msgs[i]
	}
	return d.publish(ctx, records)
}

// publish sends records. Those that follow each other and go the same way are sent at once.
func (d *Driver) publish(ctx context.Context, records []transport.Record) error {
	if err := d.checkClient(); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	for sent := 0; sent < len(records); {
		added := isEntry(records[sent].Channel)
		n := sent + 1
		for ; n < len(records); n++ {
			if isEntry(records[n].Channel) != added {
				break
			}
		}
		err := error(nil)
		if part := records[sent:n]; added {
			err = d.add(ctx, part)
		} else {
			msgs := make([]transport.Message, len(part))
			for i := range part {
				msgs[i] = part[i].Message
			}
			err = d.channels.Publish(ctx, msgs...)
		}
		if err != nil {
			return after(ctx, sent, err)
		}
		sent = n
	}
	return nil
}

// isEntry reports whether the messages of a channel are entries of a stream.
func isEntry(channel string) bool {
	_, _, ok := streamentry.Parse(channel)
	return ok
}

// after is the error of messages before which some others were sent.
func after(ctx context.Context, sent int, err error) error {
	var rejected *transport.RejectedError
	switch {
	case sent == 0:
		return err
	case errors.As(err, &rejected):
		return &transport.RejectedError{Accepted: sent + rejected.Accepted, Err: rejected.Err}
	case errors.Is(err, transport.ErrNotSent) && ctx.Err() == nil:
		return &transport.RejectedError{Accepted: sent, Err: err}
	case errors.Is(err, transport.ErrNotSent):
		return ctx.Err() // not even ErrNotSent: some were sent
	}
	return err
}

// add adds entries to their streams.
func (d *Driver) add(ctx context.Context, records []transport.Record) error {
	var bad error
	for i := range records {
		err := error(nil)
		if n := len(records[i].Payload); n > d.config.MaxPayload {
			err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, n, d.config.MaxPayload)
		} else if _, _, malformed := streamentry.Split(records[i].Payload); malformed != nil {
			err = ErrEntry
		}
		if err != nil {
			bad = &transport.RejectedError{Accepted: i, Err: err}
			records = records[:i]
			break
		}
	}
	if len(records) > 0 {
		if err := d.adder.Do(ctx, func(c *broker.Conn) error { return d.send(c, records) }); err != nil {
			return err
		}
	}
	return bad
}

// send adds entries over a connection.
func (d *Driver) send(c *broker.Conn, records []transport.Record) error {
	if d.primary.Stale(c) {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, server.ErrMoved) // as a session has found out
	}
	b, most := d.buffer[:0], strconv.Itoa(d.config.MaxLen)
	for i := range records {
		stream, _, _ := streamentry.Parse(records[i].Channel)
		n, fields, _ := streamentry.Split(records[i].Payload)
		b = resp.AppendArg(resp.AppendHeader(b, 6+n), "XADD")
		for _, arg := range [...]string{stream, "MAXLEN", "~", most, "*"} {
			b = resp.AppendArg(b, arg)
		}
		b = append(b, fields...)
	}
	if cap(b) <= maxBuffer {
		d.buffer = b
	}
	if _, err := c.Write(b); err != nil {
		return server.Disconnected(err)
	}
	accepted, mixed := 0, false
	var first error // the first error reply
	for i := range records {
		v, err := server.Reply(c.In)
		if err != nil {
			return err
		}
		switch err := v.Err(); {
		case err == nil && first == nil:
			accepted++
			d.setPosition(&records[i], v.Text())
		case err == nil:
			mixed = true
		case first == nil:
			first = server.Refused(err)
		}
	}
	d.primary.Lost(first)
	switch {
	case first == nil, mixed: // something was added after something that was not
		return first
	case accepted > 0, !errors.Is(first, server.ErrReplica):
		return &transport.RejectedError{Accepted: accepted, Err: first}
	}
	return fmt.Errorf("%w: %w", transport.ErrNotSent, first)
}

// setPosition sets the position of an entry that was added, if the epoch is known.
func (d *Driver) setPosition(r *transport.Record, id string) {
	stream, _, _ := streamentry.Parse(r.Channel)
	epoch := d.epochOf(stream)
	if at, err := parseID(id); err == nil && epoch != "" && r.Keep {
		r.Epoch, r.Offset = epoch, at
	}
}
