package socketio

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

const (
	reasonReauthentication = engineio.Reason("reauthentication failed")
	// reauthenticateTimeout bounds how long it may take to decide about one client.
	reauthenticateTimeout = 10 * time.Second
	// maxReviews is the most clients that are decided about at a time.
	maxReviews = 16
)

// reauthenticator asks again and again whether clients may stay. All have the same interval, so that its list is in the order
// in which they are due.
type reauthenticator struct {
	server *Server
	slots  chan struct{} // one for each client that is being decided about
	wake   chan struct{} // the list is not empty any more
	done   chan struct{} // closed when run has ended

	mu   sync.Mutex // guards all below, and the clients' review
	list *list.List // of review
}

// review is a client that is to be decided about.
type review struct {
	client *client
	due    time.Time
}

func newReauthenticator(s *Server) *reauthenticator {
	a := &reauthenticator{server: s, slots: make(chan struct{}, maxReviews), wake: make(chan struct{}, 1),
		done: make(chan struct{}), list: list.New()}
	go a.run()
	return a
}

// add has a client decided about when the interval is over.
func (a *reauthenticator) add(c *client) {
	a.mu.Lock()
	c.review = a.list.PushBack(review{c, time.Now().Add(a.server.config.Reauthenticate)})
	first := a.list.Len() == 1
	a.mu.Unlock()
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// remove is called when a client has gone.
func (a *reauthenticator) remove(c *client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.review != nil {
		a.list.Remove(c.review)
		c.review = nil
	}
}

// next takes the first client off the list if it is due, and else says how long to wait, negative: until there is one.
func (a *reauthenticator) next() (c *client, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.list.Front()
	if first == nil {
		return nil, -1
	}
	r := first.Value.(review)
	if wait = time.Until(r.due); wait > 0 {
		return nil, wait
	}
	a.list.Remove(first)
	r.client.review = nil
	return r.client, 0
}

// run decides about clients until the server is closed.
func (a *reauthenticator) run() {
	defer close(a.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		c, wait := a.next()
		if c == nil {
			var due <-chan time.Time
			if wait >= 0 {
				timer.Reset(wait)
				due = timer.C
			}
			select {
			case <-a.server.closing:
				return
			case <-a.wake:
			case <-due:
			}
			continue
		}
		select {
		case <-a.server.closing:
			return
		case a.slots <- struct{}{}:
		}
		ctx, cancel := context.WithTimeout(context.Background(), reauthenticateTimeout)
		if !c.hold(cancel) {
			cancel()
			<-a.slots
			continue
		}
		go func() { // Shutdown waits for it, as for all that is done for a client
			defer func() { <-a.slots }()
			defer c.release()
			defer cancel()
			a.decide(ctx, c)
		}()
	}
}

// decide disconnects a client that may not stay, and has it decided about again otherwise.
func (a *reauthenticator) decide(ctx context.Context, c *client) {
	err := c.reauthenticate(ctx)
	switch {
	case c.ended():
	case err != nil:
		c.audit(AuditEvent{Kind: AuditReauthenticate, Reason: string(reasonReauthentication), Err: err})
		c.close(reasonReauthentication)
	default:
		a.add(c)
		if c.ended() { // meanwhile
			a.remove(c)
		}
	}
}

// hold keeps the client from being released, and has cancel called when it goes. It is false when it has gone.
func (c *client) hold(cancel func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.live++
	c.cancel = cancel
	return true
}

// ended reports whether the connection has ended.
func (c *client) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// reauthenticate asks the application whether the client may stay.
func (c *client) reauthenticate(ctx context.Context) error {
	config := &c.server.config
	var err error
	if config.Admit != nil {
		err = config.Admit(c.conn.Request(ctx))
	}
	if err != nil || config.ReauthenticateSocket == nil {
		return err
	}
	c.mu.Lock()
	sockets := c.sockets.all()
	c.mu.Unlock()
	for _, s := range sockets {
		if !s.Connected() {
			continue
		}
		if err = config.ReauthenticateSocket(ctx, s); err != nil {
			return fmt.Errorf("namespace %q, socket %q: %w", excerpt.Of(s.name), s.id, err)
		}
	}
	return nil
}
