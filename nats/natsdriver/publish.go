package natsdriver

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// Publish sends all messages at once and waits for the server's confirmation. See transport.Bus.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	return d.publish(ctx, d.publisher, msgs)
}

func (d *Driver) publish(ctx context.Context, over *broker.Publisher, msgs []transport.Message) error {
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
	err := over.Do(ctx, func(c *broker.Conn) error { return d.send(ctx, c.Conn.(*server.Link), msgs) })
	if err != nil {
		return err
	}
	return tooLarge
}

func (d *Driver) tooLarge(n int) error {
	return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, n, d.config.MaxPayload)
}

// send sends the messages over a connection.
func (d *Driver) send(ctx context.Context, link *server.Link, msgs []transport.Message) error {
	size := 0
	for _, m := range msgs {
		size += len(d.prefix) + len(m.Channel) + len(m.Payload) + 32
	}
	b := make([]byte, 0, size+256)
	subjects := make([]string, len(msgs))
	for i, m := range msgs {
		subjects[i] = d.subject(m.Channel)
		b = fmt.Appendf(b, "PUB %s %d\r\n", subjects[i], len(m.Payload))
		b = append(append(b, m.Payload...), "\r\n"...)
	}
	errs, err := link.Confirm(ctx, b)
	if len(errs) > 0 {
		return outcome(subjects, errs)
	}
	return err
}

// outcome returns the error of a Publish of which the server has refused something. The server says which subject the
// user may not publish on, and has processed all others.
func outcome(subjects []string, errs []error) error {
	refused := make(map[string]bool)
	for _, err := range errs {
		denied := (*server.PermissionError)(nil)
		if !errors.As(err, &denied) {
			return errors.Join(errs...)
		}
		refused[denied.Subject] = true
	}
	accepted := 0
	for accepted < len(subjects) && !refused[subjects[accepted]] {
		accepted++
	}
	for _, subject := range subjects[accepted:] {
		if !refused[subject] {
			return errs[0] // it was sent after one that was not
		}
	}
	if accepted == len(subjects) {
		return errs[0] // not about these subjects, but that of the markers
	}
	return &transport.RejectedError{Accepted: accepted, Err: errs[0]}
}
