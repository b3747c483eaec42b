package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// redisBus is a bus over a server that implements the part of the Redis protocol that a bus needs.
type redisBus struct {
	dialer    broker.Dialer
	publisher *broker.Publisher
}

// newRedisBus takes two addresses because the tests break the connections of sessions and publishers
// separately.
func newRedisBus(sessions, publisher string) *redisBus {
	return &redisBus{broker.TCP(sessions), broker.NewPublisher(broker.TCP(publisher))}
}

func (b *redisBus) Limits() transport.Limits { return transport.Limits{} }

// Publish sends one command per message, all at once, and waits for the replies.
func (b *redisBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	return b.publisher.Do(ctx, func(c *broker.Conn) error {
		var commands bytes.Buffer
		for _, m := range msgs {
			writeArray(&commands, "PUBLISH", m.Channel, string(m.Payload))
		}
		if _, err := c.Write(commands.Bytes()); err != nil {
			return err
		}
		for range msgs {
			if _, err := readNumber(c.In, ':'); err != nil {
				return err
			}
		}
		return nil
	})
}

// Open connects. The server confirms each channel separately, in the same stream as the messages.
func (b *redisBus) Open(ctx context.Context) (transport.Session, error) {
	conn, err := b.dialer.Connect(ctx)
	if err != nil {
		return nil, err
	}
	request := func(command string) func(context.Context, ...string) (int, error) {
		return func(_ context.Context, channels ...string) (int, error) {
			var b bytes.Buffer
			writeArray(&b, append([]string{command}, channels...)...)
			_, err := conn.Write(b.Bytes())
			return len(channels), err
		}
	}
	return broker.NewSession(broker.Config{
		Read: func(s *broker.Session) error {
			for {
				push, err := readArray(conn.In)
				if err != nil {
					return err
				}
				if push[0] == "message" {
					s.Deliver(transport.Message{Channel: push[1], Payload: []byte(push[2])})
				} else {
					s.Confirm()
				}
			}
		},
		Subscribe:   request("SUBSCRIBE"),
		Unsubscribe: request("UNSUBSCRIBE"),
		Close:       conn.Close,
	}), nil
}

func (b *redisBus) Close(ctx context.Context) error { return b.publisher.Close(ctx) }

func writeArray(b *bytes.Buffer, items ...string) {
	fmt.Fprintf(b, "*%d\r\n", len(items))
	for _, item := range items {
		fmt.Fprintf(b, "$%d\r\n%s\r\n", len(item), item)
	}
}

func readArray(in *bufio.Reader) ([]string, error) {
	n, err := readNumber(in, '*')
	if err != nil {
		return nil, err
	}
	items := make([]string, n)
	for i := range items {
		if items[i], err = readItem(in); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// readItem reads a string, or a number as a string.
func readItem(in *bufio.Reader) (string, error) {
	if kind, err := in.Peek(1); err == nil && kind[0] == ':' {
		n, err := readNumber(in, ':')
		return strconv.Itoa(n), err
	}
	size, err := readNumber(in, '$')
	if err != nil {
		return "", err
	}
	item := make([]byte, size+2)
	_, err = io.ReadFull(in, item)
	return string(item[:size]), err
}

func readNumber(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, errors.New(strings.TrimSpace(line))
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// A complete bus for a server like Redis.
func Example() {
	address, stop := startRedis()
	defer stop()

	ctx := context.Background()
	bus := newRedisBus(address, address)
	defer bus.Close(ctx)
	session, err := bus.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close(ctx)
	if err := session.Listen(ctx, "news"); err != nil {
		log.Fatal(err)
	}
	if err := bus.Publish(ctx, transport.Message{Channel: "news", Payload: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	m, err := session.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s on %s\n", m.Payload, m.Channel)
	// Output: hello on news
}
