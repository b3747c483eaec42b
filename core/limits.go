package core

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
)

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

// admit returns the account for a request of a peer, or refuses it and returns nil. It is refused too when the publishing queue
// has hardly any room for the answer.
func (ns *Namespace) admit(env *codec.Envelope) *account {
	var a *account
	if !ns.cluster.publisher.queue.crowded() {
		a = ns.members.admit(env.UID, env.Type == codec.Broadcast, time.Now())
	}
	if a == nil {
		ns.refuse(env, DropRate, nil)
	}
	return a
}

// limits bound what peers can make a namespace say.
type limits struct {
	sync.Mutex // guards all below
	refusals   bucket
	reports    bucket
	greetings  bucket
	owed       bool      // an announcement was not answered yet
	inquired   time.Time // when the node last announced itself to find out who is there
}

// At most so many refusals a second are told to peers, and so many of each namespace's drops for which a hostile peer can be
// the cause are reported: what somebody else can cause must not cost more than causing it.
const (
	refusalRate, refusalBurst = 1000, 1000
	reportRate, reportBurst   = 10, 100
)

// refuse drops a request, and tells the peer, which then need not wait.
func (ns *Namespace) refuse(env *codec.Envelope, reason DropReason, err error) {
	ns.dropped(env, reason, err)
	ns.limits.Lock()
	tell := env.UID != codec.EmitterUID && ns.limits.refusals.take(time.Now(), refusalRate, refusalBurst)
	ns.limits.Unlock()
	if tell {
		ns.respond(env, &codec.Envelope{Type: codec.RequestRefused})
	}
}

// noisy reports whether a drop is one too many to be reported.
func (ns *Namespace) noisy(reason DropReason) bool {
	switch reason {
	case DropSlow, DropAttachment, DropTooLarge: // these may be messages of honest peers, and each of them lost
		return false
	}
	ns.limits.Lock()
	defer ns.limits.Unlock()
	return !ns.limits.reports.take(time.Now(), reportRate, reportBurst)
}

// An announcement is answered at once, but if there are very many the answer waits for the next tick.
const greetRate, greetBurst = 20, 50

// greets reports whether an announcement may be answered now. If not, the answer is owed.
func (ns *Namespace) greets() bool {
	ns.limits.Lock()
	defer ns.limits.Unlock()
	ok := ns.limits.greetings.take(time.Now(), greetRate, greetBurst)
	ns.limits.owed = !ok
	return ok
}

// attend does what peers wait for, and what has become due. Peers could be heard until due plus the heartbeat timeout.
func (ns *Namespace) attend(due time.Time) {
	for _, uid := range ns.members.settle(due) {
		ns.requests.drop(uid)
	}
	if ns.owes() {
		ns.greet()
	}
	if ns.members.pushedOut() {
		ns.requests.leaveUnless()
	}
	if ns.members.curious(ns.requests.waiting()) {
		ns.inquire()
	}
}

// inquire announces the node to find out who is there, unless it just has.
func (ns *Namespace) inquire() {
	ns.limits.Lock()
	now := time.Now()
	ask := now.Sub(ns.limits.inquired) >= ns.members.answer/4
	if ask {
		ns.limits.inquired = now
	}
	ns.limits.Unlock()
	if ask {
		ns.post(&codec.Envelope{Type: codec.InitialHeartbeat})
	}
}

// owes reports whether the answer to an announcement is due, once.
func (ns *Namespace) owes() bool {
	ns.limits.Lock()
	defer ns.limits.Unlock()
	owed := ns.limits.owed
	ns.limits.owed = false
	return owed
}
