package socketio

import (
	"sync"
	"time"
)

// lobby are the clients that have not joined a namespace yet, in the order in which they came. When there are too many, the
// oldest has to go: who means to join does so at once, so that those who only wait make room for those who come.
type lobby struct {
	config *Config

	mu          sync.Mutex // guards all below, and the clients' places
	first, last *place
	count       int
	bytes       int         // of the requests that the clients began with, which are kept
	timer       *time.Timer // rings when the first may have been here for too long; nil: it is not set
}

// place is a client's place in the lobby.
type place struct {
	client     *client
	prev, next *place
	since      time.Time
	bytes      int
	left       bool
}

// enter adds a client that has just connected. It returns those that have to go.
func (l *lobby) enter(c *client, bytes int) (expelled []*client) {
	p := &place{client: c, bytes: bytes, since: time.Now()}
	c.place = p
	l.mu.Lock()
	defer l.mu.Unlock()
	p.prev = l.last
	if l.last == nil {
		l.first = p
	} else {
		l.last.next = p
	}
	l.last = p
	l.count++
	l.bytes += bytes
	for l.first != p && l.full() {
		expelled = append(expelled, l.first.client)
		l.remove(l.first)
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(l.config.ConnectTimeout, l.ring)
	}
	return expelled
}

func (l *lobby) full() bool {
	return l.config.MaxUnjoined >= 0 && l.count > l.config.MaxUnjoined ||
		l.config.MaxUnjoinedBytes >= 0 && l.bytes > l.config.MaxUnjoinedBytes
}

// leave removes a client that has joined a namespace, or has gone.
func (l *lobby) leave(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.left {
		l.remove(p)
	}
}

// remove takes p out of the list. The caller holds mu.
func (l *lobby) remove(p *place) {
	if p.prev == nil {
		l.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next, p.left = nil, nil, true
	l.count--
	l.bytes -= p.bytes
	if l.first == nil && l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// ring closes the clients that have been here for too long.
func (l *lobby) ring() {
	var late []*client
	l.mu.Lock()
	l.timer = nil
	for l.first != nil {
		if wait := l.config.ConnectTimeout - time.Since(l.first.since); wait > 0 {
			l.timer = time.AfterFunc(wait, l.ring)
			break
		}
		late = append(late, l.first.client)
		l.remove(l.first)
	}
	l.mu.Unlock()
	for _, c := range late {
		c.close(reasonForcedServerClose)
	}
}

func (l *lobby) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}
