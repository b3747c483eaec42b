package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// The broker resembles NATS: it sends a greeting first, a PONG confirms everything that was sent before the
// PING, it sends PINGs too, and it delivers each message twice to a client that has subscribed twice.
func TestBrokerThatConfirmsWithPong(t *testing.T) {
	x := &fakeBroker{serve: serveNATS}
	conformance.Bus(t, x.listen(t, func(sessions, publisher string) transport.Bus {
		return newNATSBus(sessions, publisher)
	}))
}

const natsPayload = 64 << 10

type natsBus struct {
	dialer    broker.Dialer
	publisher *broker.Publisher
}

func newNATSBus(sessions, publisher string) *natsBus {
	return &natsBus{natsDialer(sessions), broker.NewPublisher(natsDialer(publisher))}
}

func natsDialer(address string) broker.Dialer {
	dialer := broker.TCP(address)
	dialer.Hello = func(c *broker.Conn) error {
		if greeting, err := c.In.ReadString('\n'); err != nil || !strings.HasPrefix(greeting, "INFO") {
			return fmt.Errorf("no greeting: %q, %w", greeting, err)
		}
		_, err := io.WriteString(c, "CONNECT {\"verbose\":false}\r\n")
		return err
	}
	return dialer
}

// subject returns the channel in base64, because a subject must not contain spaces, dots or wildcards.
func subject(channel string) string { return base64.RawURLEncoding.EncodeToString([]byte(channel)) }

func (b *natsBus) Limits() transport.Limits {
	return transport.Limits{Payload: natsPayload, Channel: 1000}
}

func check(channel string) error {
	if len(channel) > 1000 {
		return errors.New("the channel name is too long")
	}
	return nil
}

func (b *natsBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	for _, m := range msgs { // or the server would close the connection
		if len(m.Payload) > natsPayload || check(m.Channel) != nil {
			return &transport.RejectedError{Err: errors.New("the message is too large")}
		}
	}
	return b.publisher.Do(ctx, func(c *broker.Conn) error {
		var out bytes.Buffer
		for _, m := range msgs {
			fmt.Fprintf(&out, "PUB %s %d\r\n%s\r\n", subject(m.Channel), len(m.Payload), m.Payload)
		}
		out.WriteString("PING\r\n")
		if _, err := c.Write(out.Bytes()); err != nil {
			return err
		}
		for {
			line, err := c.In.ReadString('\n')
			if err != nil {
				return err
			}
			switch strings.TrimSpace(line) {
			case "PONG":
				return nil
			case "PING":
				if _, err := io.WriteString(c, "PONG\r\n"); err != nil {
					return err
				}
			}
		}
	})
}

func (b *natsBus) Open(ctx context.Context) (transport.Session, error) {
	conn, err := b.dialer.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return broker.NewSession(broker.Config{
		Read: func(s *broker.Session) error { return readNATS(conn, s) },
		Subscribe: func(_ context.Context, channels ...string) (int, error) {
			var out bytes.Buffer
			for _, channel := range channels {
				if err := check(channel); err != nil {
					return 0, err
				}
				fmt.Fprintf(&out, "SUB %s %s\r\n", subject(channel), subject(channel))
			}
			out.WriteString("PING\r\n")
			_, err := conn.Write(out.Bytes())
			return 1, err
		},
		Unsubscribe: func(_ context.Context, channels ...string) (int, error) {
			var request strings.Builder
			for _, channel := range channels {
				fmt.Fprintf(&request, "UNSUB %s\r\n", subject(channel))
			}
			_, err := fmt.Fprint(conn, request.String()+"PING\r\n")
			return 1, err
		},
		Close: conn.Close,
	}), nil
}

func (b *natsBus) Close(ctx context.Context) error { return b.publisher.Close(ctx) }

func readNATS(conn *broker.Conn, s *broker.Session) error {
	for {
		line, err := conn.In.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		switch words[0] {
		case "PONG":
			s.Confirm()
		case "PING":
			if _, err := io.WriteString(conn, "PONG\r\n"); err != nil {
				return err
			}
		case "-ERR":
			return errors.New(line)
		case "MSG":
			payload, err := readPayload(conn.In, words[3])
			if err != nil {
				return err
			}
			channel, err := base64.RawURLEncoding.DecodeString(words[1])
			if err != nil {
				return err
			}
			s.Deliver(transport.Message{Channel: string(channel), Payload: payload})
		}
	}
}

func readPayload(in *bufio.Reader, size string) ([]byte, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, n+2)
	_, err = io.ReadFull(in, payload)
	return payload[:n], err
}

func serveNATS(x *fakeBroker, c *client) {
	x.do(c, func() { x.send(c, []byte("INFO {}\r\n")) })
	in := bufio.NewReader(c)
	for requests := 0; ; requests++ {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		var payload []byte
		if words[0] == "PUB" {
			if payload, err = readPayload(in, words[2]); err != nil {
				return
			}
		}
		x.do(c, func() {
			switch words[0] {
			case "PUB":
				x.publish(words[1], func(sid string) []byte {
					return fmt.Appendf(nil, "MSG %s %s %d\r\n%s\r\n", words[1], sid, len(payload), payload)
				})
			case "SUB":
				if _, twice := c.topics[words[1]]; twice {
					x.drop(c) // a bus would have to deliver twice otherwise
					return
				}
				c.topics[words[1]] = words[2]
			case "UNSUB":
				delete(c.topics, words[1])
			case "PING":
				x.send(c, []byte("PONG\r\n"))
			}
			if requests%100 == 50 {
				x.send(c, []byte("PING\r\n"))
			}
		})
	}
}
