package core

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// admit returns the budget that a request of a peer is charged to. It refuses the request and returns nil when the
// peer asks too much, or when the publishing queue has hardly any room for the answer.
func (ns *Namespace) admit(env *codec.Envelope) *budget {
	var b *budget
	if !ns.cluster.publisher.group.Crowded() {
		b = ns.presence.admit(env.UID, env.Type == codec.Broadcast, time.Now())
	}
	if b == nil {
		ns.refuse(env, DropRate, nil)
	}
	return b
}

// limits bound how much peers can make a namespace send and report.
type limits struct {
	sync.Mutex // guards all below
	refusals   bucket
	reports    bucket
	replies    bucket
	owesReply  bool      // an announcement has not been answered yet
	inquiredAt time.Time // when the node last announced itself to find out who is there
}

// Rates and bursts of what peers can cause, per second and namespace. Otherwise a hostile peer could make this node
// do more work than it does itself.
const (
	refusalRate, refusalBurst = 1000, 1000 // RequestRefused messages
	reportRate, reportBurst   = 10, 100    // reports of drops that a hostile peer can cause
	replyRate, replyBurst     = 20, 50     // answers to announcements; what is above waits for the next tick
)

// refuse drops a request and tells the peer, so that it does not wait.
func (ns *Namespace) refuse(env *codec.Envelope, reason DropReason, err error) {
	ns.dropped(env, reason, err)
	ns.sendRefused(env)
}

// sendRefused tells a peer that its request gets no answer, unless too many of these messages are sent.
func (ns *Namespace) sendRefused(env *codec.Envelope) {
	if !ns.cluster.wire.Carries(codec.RequestRefused) {
		return
	}
	ns.limits.Lock()
	send := env.UID != codec.EmitterUID && ns.limits.refusals.take(time.Now(), refusalRate, refusalBurst)
	ns.limits.Unlock()
	if send {
		ns.respond(env, &codec.Envelope{Type: codec.RequestRefused})
	}
}

// tooManyReports reports whether a drop is not reported because too many were.
func (ns *Namespace) tooManyReports(reason DropReason) bool {
	switch reason {
	case DropSlow, DropAttachment, DropTooLarge: // messages of honest peers may be lost
		return false
	}
	ns.limits.Lock()
	defer ns.limits.Unlock()
	return !ns.limits.reports.take(time.Now(), reportRate, reportBurst)
}

// mayReply reports whether an announcement may be answered now. If not, the next tick answers it.
func (ns *Namespace) mayReply() bool {
	ns.limits.Lock()
	defer ns.limits.Unlock()
	ok := ns.limits.replies.take(time.Now(), replyRate, replyBurst)
	ns.limits.owesReply = !ok
	return ok
}

// owesReply reports, once, whether an announcement has to be answered.
func (ns *Namespace) owesReply() bool {
	ns.limits.Lock()
	defer ns.limits.Unlock()
	owes := ns.limits.owesReply
	ns.limits.owesReply = false
	return owes
}
