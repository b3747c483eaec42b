package core

import "time"

// bucket bounds a rate: what was spent is forgotten at rate units a second, and at most burst units may be spent beyond
// that. The zero value is ready.
type bucket struct {
	spent float64
	at    time.Time // of spent
}

// open reports whether there is something left to spend.
func (b *bucket) open(now time.Time, rate, burst float64) bool {
	if passed := now.Sub(b.at); passed > 0 {
		b.spent = max(0, b.spent-rate*passed.Seconds())
		b.at = now
	}
	return b.spent < burst
}

// spend notes what was spent. It may be more than was left: the cost of some work is known only afterwards.
func (b *bucket) spend(units float64) { b.spent += units }

// take spends one unit, if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if !b.open(now, rate, burst) {
		return false
	}
	b.spend(1)
	return true
}

// account is what the requests of one peer cost this node.
type account struct {
	work    bucket
	pending int // requests that wait for clients here
}

// A peer may save up savedUp seconds' worth of MaxRequestRate. The requests of all peers together may cost as much as those of
// peersTogether peers. Strangers share one account, with a part of the rate: whoever may publish can make up any number of them.
const (
	savedUp        = 2
	peersTogether  = 4
	strangersShare = 0.2
)

// admit takes a request of a peer into its account, and into that of all. It returns nil when the peer has asked too much. waits:
// the request is pending until release is called.
func (m *membership) admit(uid string, waits bool, now time.Time) *account {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, rate, burst := &m.strangersAccount, strangersShare*m.rate, m.rate
	if p := m.peers[uid]; p != nil && p.place == nil {
		a, rate, burst = &p.account, m.rate, savedUp*m.rate
	}
	open := a.work.open(now, rate, burst)
	if a == &m.strangersAccount && a.work.spent > burst/2 {
		m.urgent = true // those of them who answer get accounts of their own
	}
	if !open || !m.total.work.open(now, peersTogether*m.rate, savedUp*peersTogether*m.rate) {
		return nil
	}
	if waits {
		if a.pending >= m.maxPending || m.total.pending >= peersTogether*m.maxPending {
			return nil
		}
		a.pending++
		m.total.pending++
	}
	a.work.spend(1)
	m.total.work.spend(1)
	return a
}

// charge adds to an account how many sockets a request was about.
func (m *membership) charge(a *account, sockets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.work.spend(float64(sockets))
	m.total.work.spend(float64(sockets))
}

// release ends a pending request.
func (m *membership) release(a *account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.pending--
	m.total.pending--
}
