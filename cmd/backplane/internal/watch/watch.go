// Package watch listens to the channels of a cluster without being one of its nodes.
package watch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/transport"
)

// Config says what to listen to.
type Config struct {
	Bus      transport.Bus
	Channels []string
	// Timeout bounds each round trip.
	Timeout time.Duration
	// Interval is how often the watcher makes sure that it hears anything at all. Default: 5 s.
	Interval time.Duration
	// Deliver is given each message, with the time at which it came. It must not block.
	Deliver func(m transport.Message, at time.Time)
	// Lost and Recovered tell that nothing was heard from then on, and for how long. They must not block.
	Lost      func(err error)
	Recovered func(deaf time.Duration)
}

// Watcher receives what goes over channels, and connects again when the connection breaks.
type Watcher struct {
	config  Config
	own     string // a channel on which the watcher hears itself
	session transport.Session

	mu    sync.Mutex // guards the fields below
	heard time.Time  // when anything was last heard
	spoke time.Time  // when the first thing since then was said that must come back
}

// Waits before the next attempt to connect.
const (
	minWait = 100 * time.Millisecond
	maxWait = 5 * time.Second
)

// ErrSilent is why a session was given up that had received nothing for too long, not even from the watcher itself.
var ErrSilent = errors.New("connected, but nothing arrives")

// Open connects and returns once later messages are sure to be received. Run receives them, and closes the connection.
func Open(ctx context.Context, config Config) (*Watcher, error) {
	if config.Interval == 0 {
		config.Interval = 5 * time.Second
	}
	var b [8]byte
	rand.Read(b[:])                                                                   // never fails, see its documentation
	w := &Watcher{config: config, own: "backplane-watch#" + hex.EncodeToString(b[:])} // no namespace's: theirs have a "/" after the "#"
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// open opens a session that listens to everything and is known to hear.
func (w *Watcher) open(ctx context.Context) error {
	session, err := w.config.Bus.Open(ctx)
	if err != nil {
		return &backplane.OpError{Op: "open", Err: err}
	}
	w.session = session
	for _, channel := range append([]string{w.own}, w.config.Channels...) {
		if err := session.Listen(ctx, channel); err != nil {
			w.close(ctx)
			return &backplane.OpError{Op: "listen", Channel: channel, Err: err}
		}
	}
	if err := w.probe(ctx); err != nil {
		w.close(ctx)
		return err
	}
	return nil
}

// probe makes sure that the session hears what is published.
func (w *Watcher) probe(ctx context.Context) error {
	if err := w.speak(ctx); err != nil {
		return &backplane.OpError{Op: "publish", Channel: w.own, Err: err}
	}
	for {
		m, err := w.session.Receive(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w (%w)", backplane.ErrNoLoopback, err)
		case err != nil:
			return &backplane.OpError{Op: "receive", Err: err}
		case m.Channel == w.own:
			return nil
		}
		w.config.Deliver(m, time.Now())
	}
}

// speak publishes what the watcher should hear.
func (w *Watcher) speak(ctx context.Context) error {
	return w.config.Bus.Publish(ctx, transport.Message{Channel: w.own, Payload: []byte(time.Now().Format(time.RFC3339Nano))})
}

// Run receives until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.murmur(ctx)
	}()
	for ctx.Err() == nil {
		heard, err := w.receive(ctx)
		w.close(ctx)
		if ctx.Err() != nil {
			break
		}
		w.config.Lost(err)
		if w.reopen(ctx) {
			w.config.Recovered(time.Since(heard))
		}
	}
	cancel()
	<-done
}

// murmur makes sure that there is always something to hear.
func (w *Watcher) murmur(ctx context.Context) {
	ticker := time.NewTicker(w.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		start := time.Now()
		bounded, cancel := context.WithTimeout(ctx, w.config.Timeout)
		err := w.speak(bounded)
		cancel()
		// What was not sent does not come back. Without an answer in time nobody knows, but the network may be broken.
		late := errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, transport.ErrNotSent)
		if err == nil || late {
			w.expect(start)
		}
	}
}

// expect notes that something was said that must come back.
func (w *Watcher) expect(said time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if said.After(w.heard) && !w.spoke.After(w.heard) {
		w.spoke = said
	}
}

// hear notes that something was heard.
func (w *Watcher) hear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = time.Now()
}

// silence returns when anything was last heard, and whether something had to be heard long since.
func (w *Watcher) silence() (heard time.Time, broken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard, w.spoke.After(w.heard) && time.Since(w.spoke) >= w.config.Interval
}

// receive receives until the session ends or falls silent, and returns when it last heard anything.
func (w *Watcher) receive(ctx context.Context) (heard time.Time, err error) {
	for w.hear(); ; w.hear() {
		var m transport.Message
		if m, heard, err = w.next(ctx); err != nil {
			return heard, err
		}
		if m.Channel != w.own {
			w.config.Deliver(m, time.Now())
		}
	}
}

// next returns the next message, or an error and when anything was last heard.
func (w *Watcher) next(ctx context.Context) (m transport.Message, heard time.Time, err error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, 2*w.config.Interval+w.config.Timeout)
		m, err = w.session.Receive(bounded)
		silent := bounded.Err() != nil && ctx.Err() == nil
		cancel()
		heard, broken := w.silence()
		switch {
		case err == nil || !silent:
			return m, heard, err
		case broken:
			return m, heard, ErrSilent
		}
	}
}

// reopen opens a session again. It is false when ctx ended before.
func (w *Watcher) reopen(ctx context.Context) bool {
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
		bounded, cancel := context.WithTimeout(ctx, w.config.Timeout)
		err := w.open(bounded)
		cancel()
		if err == nil {
			return true
		}
	}
}

// Close ends a watcher that does not run.
func (w *Watcher) Close(ctx context.Context) { w.close(ctx) }

func (w *Watcher) close(ctx context.Context) {
	if w.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.session.Close(ctx) // it is given up either way
	w.session = nil
}
