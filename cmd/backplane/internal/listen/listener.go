// Package listen listens to the channels of a cluster without being a node. It has the commands nodes and tail.
//
// # Files
//
//   - listener.go: receives messages, and reconnects when the connection is lost
//   - cluster.go: what the commands share
//   - decode.go: decodes messages for tail; line.go: what it prints of them
//   - nodes.go: the nodes command; connections.go, counted.go: the same in a dialect that counts connections, or
//     listeners
//   - tail.go: the tail command
package listen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport"
)

// Config describes what to listen to.
type Config struct {
	Bus      transport.Bus
	Channels []string
	// Own is the channel for messages to itself, to which nobody else listens.
	Own string
	// Timeout bounds each request to the bus.
	Timeout time.Duration
	// Interval is how often the listener sends a message to itself, to detect a connection that delivers nothing.
	// Default: 5 s.
	Interval time.Duration
	// Deliver is called with each message and the time at which it arrived. It must not block.
	Deliver func(m transport.Message, at time.Time)
	// Lost is called when the connection is lost. Recovered is called when there is a new one, with the time from which
	// messages are missing. They must not block.
	Lost      func(err error)
	Recovered func(missed time.Duration)
}

// Listener receives the messages of channels, and reconnects when the connection is lost.
type Listener struct {
	config  Config
	own     string // the channel for messages to itself
	session transport.Session

	mu       sync.Mutex // guards the fields below
	received time.Time  // when the last message arrived
	sent     time.Time  // when the first message to itself was sent after that
}

// The wait before the next attempt to connect. It is doubled after each attempt.
const (
	minWait = 100 * time.Millisecond
	maxWait = 5 * time.Second
)

// ErrSilent is the error of a connection on which no message arrives, not even those that the listener sends to
// itself.
var ErrSilent = errors.New("connected, but nothing arrives")

// Open connects, and returns when it is certain that later messages will be received. Run delivers them and finally
// closes the connection.
func Open(ctx context.Context, config Config) (*Listener, error) {
	if config.Interval == 0 {
		config.Interval = 5 * time.Second
	}
	l := &Listener{config: config, own: config.Own}
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// open opens a session that listens to all channels, and checks that messages arrive.
func (l *Listener) open(ctx context.Context) error {
	session, err := l.config.Bus.Open(ctx)
	if err != nil {
		return &backplane.OpError{Op: "open", Err: err}
	}
	l.session = session
	for _, channel := range append([]string{l.own}, l.config.Channels...) {
		if err := session.Listen(ctx, channel); err != nil {
			l.close(ctx)
			return &backplane.OpError{Op: "listen", Channel: channel, Err: err}
		}
	}
	if err := l.probe(ctx); err != nil {
		l.close(ctx)
		return err
	}
	return nil
}

// probe checks that published messages arrive.
func (l *Listener) probe(ctx context.Context) error {
	if err := l.sendToSelf(ctx); err != nil {
		return &backplane.OpError{Op: "publish", Channel: l.own, Err: err}
	}
	for {
		m, err := l.session.Receive(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w (%w)", backplane.ErrNoLoopback, err)
		case err != nil:
			return &backplane.OpError{Op: "receive", Err: err}
		case m.Channel == l.own:
			return nil
		}
		l.config.Deliver(m, time.Now())
	}
}

// sendToSelf publishes a message that comes back to the listener.
func (l *Listener) sendToSelf(ctx context.Context) error {
	payload := []byte(time.Now().Format(time.RFC3339Nano))
	return l.config.Bus.Publish(ctx, transport.Message{Channel: l.own, Payload: payload})
}

// Run delivers messages until ctx ends.
func (l *Listener) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.sendHeartbeats(ctx)
	}()
	for ctx.Err() == nil {
		last, err := l.receive(ctx)
		l.close(ctx)
		if ctx.Err() != nil {
			break
		}
		l.config.Lost(err)
		if l.reopen(ctx) {
			l.config.Recovered(time.Since(last))
		}
	}
	cancel()
	<-done
}

// sendHeartbeats sends a message to the listener itself at each interval.
func (l *Listener) sendHeartbeats(ctx context.Context) {
	ticker := time.NewTicker(l.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		start := time.Now()
		bounded, cancel := context.WithTimeout(ctx, l.config.Timeout)
		err := l.sendToSelf(bounded)
		cancel()
		// Only a message that was sent comes back. After a timeout it is unknown whether the message was sent. The
		// listener then expects it, because the network may be broken.
		late := errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, transport.ErrNotSent)
		if err == nil || late {
			l.expect(start)
		}
	}
}

// expect records that the listener has sent a message to itself, which must come back.
func (l *Listener) expect(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.received) && !l.sent.After(l.received) {
		l.sent = at
	}
}

// arrived records that a message has arrived.
func (l *Listener) arrived() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = time.Now()
}

// silence returns when the last message arrived, and whether a message is overdue.
func (l *Listener) silence() (last time.Time, overdue bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received, l.sent.After(l.received) && time.Since(l.sent) >= l.config.Interval
}

// receive delivers messages until the session fails or nothing arrives. It returns when the last message arrived.
func (l *Listener) receive(ctx context.Context) (last time.Time, err error) {
	for l.arrived(); ; l.arrived() {
		var m transport.Message
		if m, last, err = l.next(ctx); err != nil {
			return last, err
		}
		if m.Channel != l.own {
			l.config.Deliver(m, time.Now())
		}
	}
}

// next returns the next message, or an error and when the last message arrived.
func (l *Listener) next(ctx context.Context) (m transport.Message, last time.Time, err error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, 2*l.config.Interval+l.config.Timeout)
		m, err = l.session.Receive(bounded)
		timedOut := bounded.Err() != nil && ctx.Err() == nil
		cancel()
		last, overdue := l.silence()
		switch {
		case err == nil || !timedOut:
			return m, last, err
		case overdue:
			return m, last, ErrSilent
		}
	}
}

// reopen opens a new session. It returns false if ctx ends before that.
func (l *Listener) reopen(ctx context.Context) bool {
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		bounded, cancel := context.WithTimeout(ctx, l.config.Timeout)
		err := l.open(bounded)
		cancel()
		if err == nil {
			return true
		}
	}
}

// Close closes the connection of a listener whose Run is not called.
func (l *Listener) Close(ctx context.Context) { l.close(ctx) }

func (l *Listener) close(ctx context.Context) {
	if l.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.session.Close(ctx) // it is not used again
	l.session = nil
}
