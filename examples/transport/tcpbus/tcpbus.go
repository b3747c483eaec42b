// Package tcpbus is a complete transport: Bus is the bus over a broker, and Hub is a small broker. Package
// broker does what all such buses have in common, so this file mainly implements the protocol: a client sends
// requests, and the hub answers each one when it is done. In between, the hub sends the messages of the
// channels to which the client listens.
//
// # Delivery
//
// The hub passes messages on in the order in which it receives them. It closes the connection of a client that does
// not read, so messages are lost only for a session that ends.
//
// # Files
//
//   - tcpbus.go: the bus
//   - hub.go: the broker
//   - packet.go: the packets between them
package tcpbus

import (
	"context"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var (
	_ transport.Bus    = (*Bus)(nil)
	_ transport.Closer = (*Bus)(nil)
)

// Bus is a transport.Bus over the hub at an address.
type Bus struct {
	dialer    broker.Dialer
	publisher *broker.Publisher
}

// New returns a bus that connects to the hub when it needs to.
func New(address string) *Bus {
	dialer := broker.TCP(address)
	return &Bus{dialer: dialer, publisher: broker.NewPublisher(dialer)}
}

// Limits returns no limits.
func (b *Bus) Limits() transport.Limits { return transport.Limits{} }

// Publish sends one request with all messages. It waits for the answer, because otherwise a later Publish of
// another bus could overtake it.
func (b *Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	request := packet{kind: publish}
	for _, m := range msgs {
		request.items = append(request.items, []byte(m.Channel), m.Payload)
	}
	return b.publisher.Do(ctx, func(c *broker.Conn) error {
		if _, err := c.Write(request.bytes()); err != nil {
			return err
		}
		_, err := read(c.In)
		return err
	})
}

// Open connects to the hub and receives from that connection.
func (b *Bus) Open(ctx context.Context) (transport.Session, error) {
	conn, err := b.dialer.Connect(ctx)
	if err != nil {
		return nil, err
	}
	ask := func(kind byte, channels []string) (confirmations int, err error) {
		request := packet{kind: kind}
		for _, channel := range channels {
			request.items = append(request.items, []byte(channel))
		}
		_, err = conn.Write(request.bytes())
		return 1, err
	}
	return broker.NewSession(broker.Config{
		Read:        func(s *broker.Session) error { return receive(conn, s) },
		Subscribe:   func(_ context.Context, channels ...string) (int, error) { return ask(listen, channels) },
		Unsubscribe: func(_ context.Context, channels ...string) (int, error) { return ask(unlisten, channels) },
		Close:       conn.Close,
	}), nil
}

// receive passes the packets of the hub to s until the connection breaks.
func receive(conn *broker.Conn, s *broker.Session) error {
	for {
		p, err := read(conn.In)
		if err != nil {
			return err
		}
		if p.kind == done {
			s.Confirm()
		} else {
			s.Deliver(transport.Message{Channel: string(p.items[0]), Payload: p.items[1]})
		}
	}
}

// Close closes the publishing connection. The cluster calls it.
func (b *Bus) Close(ctx context.Context) error { return b.publisher.Close(ctx) }
