package socketio

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/client"
)

// unjoined lists the clients that have not joined a namespace, in the order in which they connected. When there are
// too many, those that connected first are disconnected: a legitimate client joins a namespace at once, so they are
// the least likely to join one.
type unjoined struct {
	config *Config

	mu          sync.Mutex // guards all below, and the waiters
	first, last *waiter
	count       int
	bytes       int         // of the requests that the clients have connected with
	timer       *time.Timer // for ConnectTimeout of the first; nil: not set
}

// waiter is a client's entry in the list.
type waiter struct {
	connection *connection
	prev, next *waiter
	since      time.Time
	bytes      int
	removed    bool
}

// add adds a client that has just connected. It returns the clients that have to be disconnected to make room.
func (u *unjoined) add(c *connection, bytes int) (expelled []*connection) {
	w := &waiter{connection: c, bytes: bytes, since: time.Now()}
	c.waiter = w
	u.mu.Lock()
	defer u.mu.Unlock()
	w.prev = u.last
	if u.last == nil {
		u.first = w
	} else {
		u.last.next = w
	}
	u.last = w
	u.count++
	u.bytes += bytes
	for u.first != w && u.full() {
		expelled = append(expelled, u.first.connection)
		u.unlink(u.first)
	}
	if u.timer == nil {
		u.timer = time.AfterFunc(u.config.ConnectTimeout, u.expire)
	}
	return expelled
}

func (u *unjoined) full() bool {
	return u.config.MaxUnjoined >= 0 && u.count > u.config.MaxUnjoined ||
		u.config.MaxUnjoinedBytes >= 0 && u.bytes > u.config.MaxUnjoinedBytes
}

// remove removes a client that has joined a namespace or disconnected.
func (u *unjoined) remove(w *waiter) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !w.removed {
		u.unlink(w)
	}
}

// unlink removes w from the list. The caller holds mu.
func (u *unjoined) unlink(w *waiter) {
	if w.prev == nil {
		u.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		u.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.removed = nil, nil, true
	u.count--
	u.bytes -= w.bytes
	if u.first == nil && u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}

// expire disconnects the clients that have been connected for ConnectTimeout.
func (u *unjoined) expire() {
	var late []*connection
	u.mu.Lock()
	u.timer = nil
	for u.first != nil {
		if wait := u.config.ConnectTimeout - time.Since(u.first.since); wait > 0 {
			u.timer = time.AfterFunc(wait, u.expire)
			break
		}
		late = append(late, u.first.connection)
		u.unlink(u.first)
	}
	u.mu.Unlock()
	for _, c := range late {
		c.Close(client.ForcedServerClose)
	}
}

func (u *unjoined) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count
}
