package core

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// admit returns the account for a request of a peer, or refuses it and returns nil. It is refused too when the publishing queue
// has hardly any room for the answer.
func (ns *Namespace) admit(env *codec.Envelope) *account {
	var a *account
	if !ns.cluster.publisher.group.Crowded() {
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
	ns.tellRefused(env)
}

// tellRefused tells a peer that its request gets no answer, unless too many are told so.
func (ns *Namespace) tellRefused(env *codec.Envelope) {
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
		ns.members.inquiring.Store(true)
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
