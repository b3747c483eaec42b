package redisdriver

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// maxRedirects is how often a Publish follows a Redis Cluster that redirects it.
const maxRedirects = 3

// maxBuffer is the size in bytes of the buffer that a driver keeps between two requests.
const maxBuffer = 1 << 20

// Publish sends all messages at once and waits for the replies. See transport.Bus.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	var tooLarge error
	for i, m := range msgs {
		if len(m.Payload) > d.config.MaxPayload {
			tooLarge = &transport.RejectedError{Accepted: i, Err: d.tooLarge(len(m.Payload))}
			msgs = msgs[:i]
			break
		}
	}
	if len(msgs) == 0 {
		return tooLarge
	}
	if d.shards != nil {
		return errors.Join(d.publishToShards(ctx, msgs), tooLarge)
	}
	for redirects := 0; ; redirects++ {
		err := d.publisher.Do(ctx, func(c *broker.Conn) error { return d.send(c, msgs) })
		switch {
		case err == nil:
			return tooLarge
		case redirects < maxRedirects && errors.Is(err, ErrMoved) && errors.Is(err, transport.ErrNotSent):
			continue
		}
		return err
	}
}

func (d *Driver) tooLarge(size int) error {
	return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, size, d.config.MaxPayload)
}

// send sends the messages over a connection, and then asks the server whether it is the primary.
func (d *Driver) send(c *broker.Conn, msgs []transport.Message) error {
	if d.primary.Stale(c) {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, ErrMoved) // as a session has found out
	}
	var errs []error
	var role error
	err := error(nil)
	d.buffer, errs, role, err = d.transmit(c, d.buffer, msgs)
	if err != nil {
		return err
	}
	accepted, mixed := 0, false
	var first error // the first error reply
	for _, err := range errs {
		switch {
		case err == nil && first == nil:
			accepted++
		case err == nil:
			mixed = true
		case first == nil:
			first = err
		}
	}
	if first == nil {
		first, mixed = role, true
	}
	d.primary.Lost(first)
	switch {
	case mixed: // something was sent after something that was not, or all of it to a replica, or nothing is wrong
	case accepted > 0, errors.Is(first, ErrDenied): // another channel may be allowed
		return &transport.RejectedError{Accepted: accepted, Err: first}
	default:
		return fmt.Errorf("%w: %w", transport.ErrNotSent, first)
	}
	return first
}

// transmit sends messages over a connection, and asks the server whether it is the primary. It returns the error reply
// to each message, nil if the server has accepted it, and the error about the role. buffer is memory for the request,
// which is returned unless it has grown too large.
func (d *Driver) transmit(
	c *broker.Conn, buffer []byte, msgs []transport.Message,
) (kept []byte, errs []error, role, err error) {
	b, publish := buffer[:0], d.command("PUBLISH")
	for _, m := range msgs {
		b = resp.AppendArg(resp.AppendHeader(b, 3), publish)
		b = resp.AppendArg(resp.AppendArg(b, d.names.channel(m.Channel)), m.Payload)
	}
	b = resp.AppendCommand(b, "HELLO")
	if cap(b) <= maxBuffer {
		buffer = b
	}
	if _, err := c.Write(b); err != nil {
		return buffer, nil, nil, server.Disconnected(err)
	}
	errs = make([]error, len(msgs))
	for i := range msgs {
		v, err := server.Reply(c.In)
		if err != nil {
			return buffer, nil, nil, err
		}
		if err := v.Err(); err != nil {
			errs[i] = server.Refused(err)
		}
	}
	info, err := server.Reply(c.In)
	if err != nil {
		return buffer, nil, nil, err
	}
	return buffer, errs, server.CheckRole(info), nil
}
