package core

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// membership is who else is in a namespace, as far as their signs of life tell.
type membership struct {
	max    int
	joined func(uid string)

	mu      sync.Mutex           // guards all below
	peers   map[string]time.Time // when each was last heard
	closed  map[string]time.Time // who said goodbye, and when
	changed chan struct{}        // closed when somebody joins or leaves
	over    bool                 // the namespace was closed
}

func newMembership(max int, joined func(uid string)) *membership {
	return &membership{max: max, joined: joined, peers: make(map[string]time.Time), closed: make(map[string]time.Time),
		changed: make(chan struct{})}
}

// seen notes a sign of life. A peer that said goodbye comes back only by announcing itself again. It is false when
// there are too many peers to remember another.
func (m *membership) seen(uid string, t codec.Type, now time.Time) bool {
	if uid == "" || uid == codec.EmitterUID {
		return true
	}
	m.mu.Lock()
	_, known := m.peers[uid]
	if !known {
		if len(m.peers) >= m.max || len(uid) > maxUID {
			m.mu.Unlock()
			return false
		}
		if _, closed := m.closed[uid]; closed {
			if t != codec.InitialHeartbeat {
				m.mu.Unlock()
				return true
			}
			delete(m.closed, uid)
		}
		m.change()
	}
	m.peers[uid] = now
	m.mu.Unlock()
	if !known {
		m.joined(uid)
	}
	return true
}

// goodbye forgets a peer that closed. It is false when there was none.
func (m *membership) goodbye(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.closed) < m.max && len(uid) <= maxUID {
		m.closed[uid] = time.Now()
	}
	if _, known := m.peers[uid]; !known {
		return false
	}
	delete(m.peers, uid)
	m.change()
	return true
}

// expire forgets and returns the peers that were last heard before limit.
func (m *membership) expire(limit time.Time) (gone []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, last := range m.peers {
		if last.Before(limit) {
			delete(m.peers, uid)
			gone = append(gone, uid)
		}
	}
	if gone != nil {
		m.change()
	}
	return gone
}

// forget forgets who said goodbye before limit.
func (m *membership) forget(limit time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, at := range m.closed {
		if at.Before(limit) {
			delete(m.closed, uid)
		}
	}
}

// forgive counts all peers as heard now: they could not be heard while the node was deaf.
func (m *membership) forgive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for uid := range m.peers {
		m.peers[uid] = now
	}
}

// change wakes those who wait for a number of peers. The caller holds mu.
func (m *membership) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// uids returns the peers in order.
func (m *membership) uids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	uids := make([]string, 0, len(m.peers))
	for uid := range m.peers {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

func (m *membership) has(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.peers[uid]
	return known
}

func (m *membership) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers)
}

// due reports whether a peer was last heard before limit.
func (m *membership) due(limit time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, last := range m.peers {
		if last.Before(limit) {
			return true
		}
	}
	return false
}

// close ends those who wait for a number of peers.
func (m *membership) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over = true
		m.change()
	}
}

// wait returns once there are at least n peers. It returns ErrClosed when the namespace is closed.
func (m *membership) wait(ctx context.Context, n int) error {
	for {
		m.mu.Lock()
		enough, over, changed := len(m.peers) >= n, m.over, m.changed
		m.mu.Unlock()
		switch {
		case over:
			return ErrClosed
		case enough:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
