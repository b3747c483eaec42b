package core

import (
	"context"
	"slices"
	"time"
)

// needHeartbeats reports whether a peer has named no process, so that it needs heartbeats of this node in the
// namespace.
func (m *membership) needHeartbeats() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.withoutProcess > 0
}

// wakeWaiters wakes those who wait for a number of peers. The caller holds mu.
func (m *membership) wakeWaiters() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// uids returns the uids of the peers in alphabetical order.
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

// respondents implements presence: the peers, and the nodes that seem to have left a moment ago.
func (m *membership) respondents(context.Context) ([]string, error) {
	uids := m.uids()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leavingOnes(func(p *peer) bool {
		uids = append(uids, p.uid)
		return true
	})
	return uids, nil
}

// mayRespond reports whether a request may wait for a node.
func (m *membership) mayRespond(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.peers[uid] != nil {
		return true
	}
	p := m.formerPeers[uid]
	return p != nil && p.state == leaving
}

// isSuspect reports whether somebody has sent a leave message in the name of a peer, which has to answer now.
func (m *membership) isSuspect(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.peers[uid]
	return p != nil && p.state == suspect
}

// anyEvicted reports whether a peer was evicted since the last call.
func (m *membership) anyEvicted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	some := m.someEvicted
	m.someEvicted = false
	return some
}

func (m *membership) number() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers)
}

// isEmpty reports whether there are certainly no peers: this node has announced itself, and every node had time to
// answer.
func (m *membership) isEmpty(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers) == 0 && !m.announcedAt.IsZero() && now.Sub(m.announcedAt) > m.answer
}

// close ends all calls of wait.
func (m *membership) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		for _, p := range m.peers {
			m.joinProcess(p, "")
		}
		m.wakeWaiters()
	}
}

// wait implements presence.
func (m *membership) wait(ctx context.Context, n int) error {
	return waitFor(ctx, n, func() (int, bool, <-chan struct{}) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.peers), m.closed, m.changed
	})
}
