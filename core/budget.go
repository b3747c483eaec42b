package core

import "time"

// bucket bounds a rate. What was spent is forgotten at rate units a second, and nothing can be spent while burst
// units or more are not forgotten yet. The zero value is ready to use.
type bucket struct {
	spent float64
	at    time.Time // when spent was computed
}

// open reports whether something can be spent.
func (b *bucket) open(now time.Time, rate, burst float64) bool {
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-rate*passed.Seconds())
		b.at = now
	}
	return b.spent < burst
}

// spend notes what was spent. This may be more than was left, because the cost of some work is known only afterwards.
func (b *bucket) spend(units float64) { b.spent += units }

// take spends one unit if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if !b.open(now, rate, burst) {
		return false
	}
	b.spend(1)
	return true
}

// budget bounds what the requests of one peer cost this node.
type budget struct {
	work    bucket
	pending int // requests that wait for clients of this node
}

// A peer can save up savedSeconds seconds' worth of MaxRequestRate. The requests of all peers together may cost as
// much as those of allPeers peers. Unverified peers share one budget with a part of the rate, because anybody who may
// publish can invent any number of them.
const (
	savedSeconds    = 2
	allPeers        = 4
	unverifiedShare = 0.2
)

// admit charges a request of a peer to its budget and to that of all peers. It returns nil when the peer has asked
// too much. waits: the request is pending until release is called.
func (m *membership) admit(uid string, waits bool, now time.Time) *budget {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, rate, burst := &m.unverifiedBudget, unverifiedShare*m.rate, m.rate
	if p := m.peers[uid]; p != nil && p.state != unverified {
		b, rate, burst = &p.budget, m.rate, savedSeconds*m.rate
	}
	open := b.work.open(now, rate, burst)
	if b == &m.unverifiedBudget && b.work.spent > burst/2 {
		m.urgent = true // those who answer get budgets of their own
	}
	if !open || !m.totalBudget.work.open(now, allPeers*m.rate, savedSeconds*allPeers*m.rate) {
		return nil
	}
	if waits {
		if b.pending >= m.maxPending || m.totalBudget.pending >= allPeers*m.maxPending {
			return nil
		}
		b.pending++
		m.totalBudget.pending++
	}
	b.work.spend(1)
	m.totalBudget.work.spend(1)
	return b
}

// charge adds the number of sockets that a request was about.
func (m *membership) charge(b *budget, sockets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.work.spend(float64(sockets))
	m.totalBudget.work.spend(float64(sockets))
}

// release ends a pending request.
func (m *membership) release(b *budget) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.pending--
	m.totalBudget.pending--
}
