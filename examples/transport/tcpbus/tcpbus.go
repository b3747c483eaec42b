// Package tcpbus is a whole transport: Bus is the bus over a broker, and Hub is a small broker for it. Package broker does what all
// such buses have in common, so this file is little more than the protocol: a client sends requests, the hub answers each one
// when it is done, and in between it sends the messages of the channels that were listened to.
//
// # Delivery
//
// The hub passes messages on in the order in which it gets them. It ends the connection of a client that does not read what is sent to
// it, so that messages are lost only to a session that ends.
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

// Bus is a transport.Bus. Its medium is the hub at an address.
type Bus struct {
	dialer    broker.Dialer
	publisher *broker.Publisher
}

// New returns a bus that connects to the hub when it has to.
func New(address string) *Bus {
	dialer := broker.TCP(address)
	return &Bus{dialer: dialer, publisher: broker.NewPublisher(dialer)}
}

// Limits are none.
func (b *Bus) Limits() transport.Limits { return transport.Limits{} }

// Publish sends one request with all messages in it. It waits for the answer: without it, another bus that publishes next could be faster.
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

// Open connects to the hub, and reads what it sends from that connection.
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

// receive hands what the hub sends to s, until the connection breaks.
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

// Close ends the connection on which the bus publishes. The cluster calls it.
func (b *Bus) Close(ctx context.Context) error { return b.publisher.Close(ctx) }
