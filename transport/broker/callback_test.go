package broker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// The client library resembles those of MQTT: it calls back on its own goroutines and waits for them when it
// disconnects.
func TestLibraryWithCallbacks(t *testing.T) {
	x := &fakeBroker{serve: serveRedis}
	conformance.Bus(t, x.listen(t, func(sessions, publisher string) transport.Bus {
		return &libraryBus{sessions: sessions, publishes: publisher}
	}))
}

type libraryBus struct {
	sessions, publishes string // addresses

	mu        sync.Mutex // guards publisher
	publisher *library
}

func (b *libraryBus) Limits() transport.Limits { return transport.Limits{} }

// Publish leaves an interrupted message in the library's queue. The library sends it before all later ones.
func (b *libraryBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	lib, err := b.connected(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	var commands [][]string
	for _, m := range msgs {
		commands = append(commands, []string{"PUBLISH", m.Channel, string(m.Payload)})
	}
	return lib.call(commands...).wait(ctx)
}

func (b *libraryBus) connected(ctx context.Context) (*library, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.publisher != nil && b.publisher.lost() {
		b.publisher.disconnect()
		b.publisher = nil
	}
	if b.publisher == nil {
		lib := newLibrary(func(string, []byte) {}, func(error) {})
		if err := lib.connect(ctx, b.publishes); err != nil {
			return nil, err
		}
		b.publisher = lib
	}
	return b.publisher, nil
}

func (b *libraryBus) Close(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.publisher != nil {
		b.publisher.disconnect()
		b.publisher = nil
	}
	return nil
}

func (b *libraryBus) Open(ctx context.Context) (transport.Session, error) {
	var s *broker.Session
	lib := newLibrary(
		func(topic string, payload []byte) { s.Deliver(transport.Message{Channel: topic, Payload: payload}) },
		func(err error) { s.End(err) },
	)
	request := func(command string) func(context.Context, ...string) (int, error) {
		return func(ctx context.Context, channels ...string) (int, error) {
			return 0, lib.call(append([]string{command}, channels...)).wait(ctx) // the library waits for the broker
		}
	}
	s = broker.NewSession(broker.Config{
		Subscribe: request("SUBSCRIBE"), Unsubscribe: request("UNSUBSCRIBE"), Close: lib.disconnect,
	})
	if err := lib.connect(ctx, b.sessions); err != nil {
		s.Close(ctx)
		return nil, err
	}
	return s, nil
}

// library is a client library that speaks the protocol of Redis. Its interface does not depend on the protocol.
type library struct {
	onMessage func(topic string, payload []byte)
	onLost    func(error)
	messages  chan []string
	running   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	changed *sync.Cond
	conn    net.Conn
	out     [][]string
	tokens  []*token // of the calls that were not answered yet
	err     error
}

// token becomes done when a call was answered.
type token struct {
	answers int // still to come
	done    chan struct{}
	err     error
}

func (t *token) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newLibrary(onMessage func(string, []byte), onLost func(error)) *library {
	l := &library{onMessage: onMessage, onLost: onLost, messages: make(chan []string, 100)}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *library) connect(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	l.running.Go(l.read)
	l.running.Go(l.write)
	l.running.Go(func() {
		for m := range l.messages {
			l.onMessage(m[1], []byte(m[2]))
		}
	})
	return nil
}

// call queues commands to be sent and does not wait.
func (l *library) call(commands ...[]string) *token {
	t := &token{done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.err = l.err; t.err != nil {
		close(t.done)
		return t
	}
	for _, command := range commands {
		if command[0] == "PUBLISH" {
			t.answers++
		} else {
			t.answers += len(command) - 1
		}
	}
	l.out = append(l.out, commands...)
	l.tokens = append(l.tokens, t)
	l.changed.Signal()
	return t
}

func (l *library) write() {
	for {
		l.mu.Lock()
		for len(l.out) == 0 && l.err == nil {
			l.changed.Wait()
		}
		out, err := l.out, l.err
		l.out = nil
		l.mu.Unlock()
		if err != nil {
			return
		}
		for _, command := range out {
			l.conn.Write(array(command...)) // if it fails, so does read
		}
	}
}

func (l *library) read() {
	defer close(l.messages)
	in := bufio.NewReader(l.conn)
	for {
		first, err := in.Peek(1)
		var push []string
		if err == nil && first[0] == ':' {
			_, err = in.ReadString('\n')
		} else if err == nil {
			push, err = readArray(in)
		}
		switch {
		case err != nil:
			l.fail(err)
			l.onLost(err)
			return
		case push != nil && push[0] == "message":
			l.messages <- push
		default:
			l.answered()
		}
	}
}

func (l *library) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tokens) == 0 {
		return // disconnected
	}
	t := l.tokens[0]
	if t.answers--; t.answers == 0 {
		close(t.done)
		l.tokens = l.tokens[1:]
	}
}

func (l *library) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	for _, t := range l.tokens {
		t.err = l.err
		close(t.done)
	}
	l.tokens = nil
	l.changed.Signal()
}

func (l *library) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

func (l *library) disconnect() error {
	l.fail(errors.New("disconnected"))
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	l.running.Wait()
	return nil
}
