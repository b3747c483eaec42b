package socketio

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

const (
	// reauthenticateTimeout limits how long the check of one client may take.
	reauthenticateTimeout = 10 * time.Second
	// maxReviews is the maximum number of clients that are checked at the same time.
	maxReviews = 16
)

// reauthenticator asks the application at intervals whether each client may stay. The interval is the same for all
// clients, so a list in the order of their last checks is sorted by the time of the next check.
type reauthenticator struct {
	env     *environment
	closing <-chan struct{} // closed when the server closes
	slots   chan struct{}   // one for each client that is being checked
	wake    chan struct{}   // signals that the list is no longer empty
	done    chan struct{}   // closed when reviewLoop has ended

	mu   sync.Mutex // guards all below, and the review of each connection
	list *list.List // of review
}

// review is the next check of a client.
type review struct {
	connection *connection
	due        time.Time
}

func newReauthenticator(env *environment, closing <-chan struct{}) *reauthenticator {
	a := &reauthenticator{env: env, closing: closing, slots: make(chan struct{}, maxReviews),
		wake: make(chan struct{}, 1),
		done: make(chan struct{}), list: list.New()}
	go a.reviewLoop()
	return a
}

// add schedules the next check of a client.
func (a *reauthenticator) add(c *connection) {
	a.mu.Lock()
	c.review = a.list.PushBack(review{c, time.Now().Add(a.env.config.Reauthenticate)})
	first := a.list.Len() == 1
	a.mu.Unlock()
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// remove removes a client that has disconnected.
func (a *reauthenticator) remove(c *connection) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.review != nil {
		a.list.Remove(c.review)
		c.review = nil
	}
}

// next removes the first client from the list and returns it if it is due. Otherwise it returns how long to wait;
// a negative time means until a client is added.
func (a *reauthenticator) next() (c *connection, wait time.Duration) {
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
	r.connection.review = nil
	return r.connection, 0
}

// reviewLoop starts a check of each client that is due, until the server closes.
func (a *reauthenticator) reviewLoop() {
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
			case <-a.closing:
				return
			case <-a.wake:
			case <-due:
			}
			continue
		}
		select {
		case <-a.closing:
			return
		case a.slots <- struct{}{}:
		}
		ctx, cancel := context.WithTimeout(context.Background(), reauthenticateTimeout)
		if !c.Hold(cancel) {
			cancel()
			<-a.slots
			continue
		}
		go func() { // Shutdown waits for c.Release
			defer func() { <-a.slots }()
			defer c.Release()
			defer cancel()
			a.review(ctx, c)
		}()
	}
}

// review checks a client. It disconnects the client if it may not stay, and otherwise schedules the next check.
func (a *reauthenticator) review(ctx context.Context, c *connection) {
	err := a.ask(ctx, c)
	switch {
	case c.Ended():
	case err != nil:
		a.env.auditClient(&c.Client, AuditEvent{Kind: AuditReauthenticate, Reason: string(reasonReauthentication),
			Err: err})
		c.Close(reasonReauthentication)
	default:
		a.add(c)
		if c.Ended() { // it has disconnected in the meantime
			a.remove(c)
		}
	}
}

// ask asks the application whether a client may stay.
func (a *reauthenticator) ask(ctx context.Context, c *connection) error {
	config := &a.env.config
	var err error
	if config.Admit != nil {
		err = config.Admit(c.Conn().Request(ctx))
	}
	if err != nil || config.ReauthenticateSocket == nil {
		return err
	}
	for _, member := range c.Sockets() {
		s := (*Socket)(member.(*endpoint))
		if !s.Connected() {
			continue
		}
		err = errInternal // if the function panics
		a.env.isolate(s.name, s.id, "ReauthenticateSocket", func() {
			err = guard.Error(config.ReauthenticateSocket(ctx, s))
		})
		if err != nil {
			return fmt.Errorf("namespace %q, socket %q: %w", excerpt.Of(s.name), s.id, err)
		}
	}
	return nil
}
