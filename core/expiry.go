package core

import "time"

// isOverdue reports whether a peer is gone, if it could have been heard until limit plus the heartbeat timeout. The
// caller holds mu.
func (m *membership) isOverdue(p *peer, limit time.Time) bool {
	return m.processes.lastHeard(p).Before(limit) ||
		!p.inquiredAt.IsZero() && p.inquiredAt.Before(limit.Add(m.timeout-m.answer))
}

// expire forgets and returns the peers that were last heard before limit, and those that had to answer and did not.
func (m *membership) expire(limit time.Time) (gone []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, p := range m.peers {
		if m.isOverdue(p, limit) {
			m.move(p, dead, limit)
			gone = append(gone, uid)
		}
	}
	if gone != nil {
		m.wakeWaiters()
	}
	return gone
}

// anyOverdue reports whether expire or settleLeaving would return a node. It also returns the peers that have become
// silent since the last call.
func (m *membership) anyOverdue(limit time.Time) (overdue bool, silent []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.peers {
		if !m.isOverdue(p, limit) {
			p.silent = false
			continue
		}
		overdue = true
		if !p.silent {
			p.silent = true
			silent = append(silent, p.uid)
		}
	}
	if overdue {
		return true, silent
	}
	limit = m.leavingLimit(limit)
	m.leavingOnes(func(p *peer) bool {
		overdue = p.unanswered(limit)
		return !overdue
	})
	return overdue, nil
}

// forgiveSilence counts all peers as heard now, because they could not be heard while the node was deaf. Their
// processes do not vouch for them until they send a heartbeat themselves, since nobody knows which of them left
// meanwhile.
func (m *membership) forgiveSilence() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.uninquired = 0
	m.announcedAt = time.Time{}
	for _, p := range m.peers {
		p.lastHeard, p.askedAt, p.inquiredAt = now, time.Time{}, time.Time{}
		m.joinProcess(p, "")
		if p.state.mustAnswer() {
			m.uninquired++
		}
	}
}
