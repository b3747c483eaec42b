package core

import "time"

// overdue reports whether a peer is gone, if it could have been heard until limit plus the timeout. The caller holds mu.
func (m *membership) overdue(p *peer, limit time.Time) bool {
	return m.lives.last(p).Before(limit) || !p.inquired.IsZero() && p.inquired.Before(limit.Add(m.timeout-m.answer))
}

// expire forgets and returns the peers that were last heard before limit, and those that had to answer and did not.
func (m *membership) expire(limit time.Time) (gone []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, p := range m.peers {
		if m.overdue(p, limit) {
			m.remove(p)
			gone = append(gone, uid)
		}
	}
	if gone != nil {
		m.change()
	}
	return gone
}

// settle returns those of whom it is clear by now that they have left, if they could have been heard until limit plus the timeout.
func (m *membership) settle(limit time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.former.settle(m.doubtLimit(limit))
}

// doubtLimit is before when somebody must have been asked who has left. Requests wait for it, so it is sooner than the
// time within which an answer is accepted.
func (m *membership) doubtLimit(limit time.Time) time.Time {
	return limit.Add(m.timeout - m.answer/4)
}

// forget forgets who said goodbye before limit.
func (m *membership) forget(limit time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.former.forget(limit)
}

// forgive counts all peers as heard now: they could not be heard while the node was deaf. Their processes do not speak for
// them until they have spoken themselves, since nobody knows who of them has said goodbye meanwhile.
func (m *membership) forgive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.unasked = 0
	m.announcedAt = time.Time{}
	for _, p := range m.peers {
		p.last, p.asked, p.inquired = now, time.Time{}, time.Time{}
		m.belongs(p, "")
		if p.place != nil || p.suspect {
			m.unasked++
		}
	}
}

// due reports whether expire would forget somebody, or believe a goodbye.
func (m *membership) due(limit time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.peers {
		if m.overdue(p, limit) {
			return true
		}
	}
	return m.former.due(m.doubtLimit(limit))
}
