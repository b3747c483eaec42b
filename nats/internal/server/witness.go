package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// witness is a connection to one of the other servers.
type witness struct {
	link    *Link
	session *broker.Session
	seen    [2]int // the number of the last marker that came, by the id of the subscription
	answer  int    // the number of the last answer that came
	dead    bool
}

// The subscriptions of a witness.
const (
	markers = 0 // those that confirm something
	joins   = 1 // those that show that the two servers are connected
)

// end closes the connection and waits until nothing uses it any more, which is soon.
func (o *witness) end() { o.session.Close(context.Background()) }

// add connects to another server, unless that is one which is connected already, and waits until a marker comes.
func (w *witnesses) add(ctx context.Context, a address) error {
	l, err := w.servers.dialAt(ctx, a)
	if err != nil {
		return err
	}
	w.mu.Lock()
	_, known := w.byID[l.serverID()]
	w.mu.Unlock()
	if known || l.serverID() == w.main.serverID() {
		return l.Close()
	}
	other := &witness{link: l}
	other.session = l.NewSession(broker.Config{}, func(_ *broker.Session, m Message) {
		w.saw(other, m)
	}, nil)
	go func() {
		<-l.ended.Done()
		w.mu.Lock()
		defer w.mu.Unlock()
		other.dead = true
		w.changeLocked()
	}()
	if w.answers != "" {
		errs, err := l.RoundTrip(ctx, fmt.Appendf(nil, "SUB %s* %d\r\n", w.answers, answers))
		if err = errors.Join(append(errs, err)...); err != nil {
			other.end()
			return err
		}
	}
	// Servers that have just connected tell each other all subscriptions at once, in any order. Only one that was made
	// afterwards shows that they have finished.
	if err = w.join(ctx, other, joins); err == nil {
		err = w.join(ctx, other, markers)
	}
	if err != nil {
		other.end()
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		go other.end() // without the lock
		return transport.ErrClosed
	}
	w.byID[l.serverID()] = other
	return nil
}

// join subscribes, and publishes markers until one comes to a new witness.
func (w *witnesses) join(ctx context.Context, other *witness, id int) error {
	errs, err := other.link.RoundTrip(ctx, fmt.Appendf(nil, "SUB %s %d\r\n", w.subjects[id], id))
	if err = errors.Join(append(errs, err)...); err != nil {
		return err
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		w.mu.Lock()
		w.sent++
		b := w.encode(id, w.sent)
		seen, dead, closed, changed := other.seen[id] > 0, other.dead, w.closed, w.changed
		w.mu.Unlock()
		switch {
		case closed:
			return transport.ErrClosed
		case dead:
			return other.link.Err()
		case seen:
			return nil
		}
		errs, err := w.main.RoundTrip(ctx, b)
		if err = errors.Join(append(errs, err)...); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s and %s", ErrApart, w.main.at.host, other.link.at.host)
		}
	}
}

// saw notes that a marker or an answer has come to a witness. Others may publish on its subject, too.
func (w *witnesses) saw(other *witness, m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if number, ok := strings.CutPrefix(m.Subject, w.answers); ok && m.ID == answers {
		if n, err := strconv.Atoi(number); err == nil && n > other.answer {
			other.answer = n
			w.changeLocked()
		}
		return
	}
	number, err := strconv.Atoi(string(m.Payload))
	if err == nil && 0 <= m.ID && m.ID < len(other.seen) && number > other.seen[m.ID] && number <= w.sent {
		other.seen[m.ID] = number
		w.changeLocked()
	}
}
