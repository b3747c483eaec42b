// Package tcpbus is a whole transport: Bus is the bus over a broker, and Hub is a small broker for it. Package broker does what all
// such buses have in common, so this file is little more than the protocol:
//
// A client sends requests, one line of JSON each. The hub answers each one with an empty line once it is done. In between it sends
// the messages of the channels that were listened to, one line of JSON each.
//
// # Delivery
//
// The hub passes messages on in the order in which it gets them. It ends the connection of a client that does not read what is sent to
// it, so that messages are lost only to a session that ends.
package tcpbus

import (
	"context"
	"encoding/json"

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
	return &Bus{dialer, broker.NewPublisher(dialer)}
}

// Limits are none: JSON carries any channel name, and any payload in base64.
func (b *Bus) Limits() transport.Limits { return transport.Limits{} }

// Publish is one request with all messages in it. It waits for the answer: without it, another bus that publishes next could be faster.
func (b *Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	return b.publisher.Do(ctx, func(c *broker.Conn) error {
		if err := json.NewEncoder(c).Encode(request{Publish: msgs}); err != nil {
			return err
		}
		_, err := c.In.ReadByte()
		return err
	})
}

// Open connects to the hub, and reads from that connection what it sends.
func (b *Bus) Open(ctx context.Context) (transport.Session, error) {
	conn, err := b.dialer.Connect(ctx)
	if err != nil {
		return nil, err
	}
	requests := json.NewEncoder(conn)
	return broker.NewSession(broker.Config{
		Read: func(s *broker.Session) error { return read(conn, s) },
		Subscribe: func(_ context.Context, channels ...string) (int, error) {
			return 1, requests.Encode(request{Listen: channels})
		},
		Unsubscribe: func(_ context.Context, channels ...string) (int, error) {
			return 1, requests.Encode(request{Unlisten: channels})
		},
		Close: conn.Close,
	}), nil
}

// read passes on to s what the hub sends, until the connection breaks.
func read(conn *broker.Conn, s *broker.Session) error {
	for {
		line, err := conn.In.ReadBytes('\n')
		if err != nil {
			return err
		}
		if len(line) == 1 {
			s.Confirm()
			continue
		}
		var m transport.Message
		if err := json.Unmarshal(line, &m); err != nil {
			return err
		}
		s.Deliver(m)
	}
}

// Close ends the connection on which the bus publishes. The cluster calls it.
func (b *Bus) Close(ctx context.Context) error { return b.publisher.Close(ctx) }
