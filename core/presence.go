package core

import (
	"errors"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// tick sends a heartbeat in the namespace when one is due, and forgets peers that sent none. heard is when the
// session last proved that it works, zero when there is no session. It reports whether a peer is about to be given
// up.
func (ns *Namespace) tick(now, heard time.Time) (doubtful bool) {
	if ns.mustListenAgain.CompareAndSwap(true, false) {
		ns.askToListen()
	}
	if !ns.listening.Load() {
		return false
	}
	c := ns.cluster
	if silence := now.Sub(c.began) - time.Duration(ns.lastActive.Load()); silence >= c.config.HeartbeatInterval {
		ns.breakSilence(now, heard)
	}
	due := now.Add(-c.config.HeartbeatTimeout)
	ns.members.forgetTombstones(due)
	if heard.IsZero() {
		return false // the peers cannot be heard
	}
	doubtful = ns.members.anyOverdue(due)
	if limit := heard.Add(-c.config.HeartbeatTimeout); limit.Before(due) {
		due = limit
	}
	for _, uid := range ns.members.expire(due) {
		ns.peerLeft(uid, true)
		ns.requests.leave(uid)
	}
	ns.doDue(due)
	return doubtful
}

// doDue does what peers wait for and what has become due. Peers could be heard until due plus the heartbeat timeout.
func (ns *Namespace) doDue(due time.Time) {
	for _, uid := range ns.members.settleLeaving(due) {
		ns.requests.forget(uid)
	}
	if ns.owesReply() {
		ns.replyToAnnouncement()
	}
	if ns.members.anyEvicted() {
		ns.requests.leaveAbsent()
	}
	if ns.members.mustInquire(ns.requests.waiting()) {
		ns.inquire()
	}
}

// breakSilence sends what is due after an interval of silence. Peers that know this process get its heartbeats on the
// process's channel and need nothing. Node.js nodes need a Heartbeat in the namespace.
func (ns *Namespace) breakSilence(now, heard time.Time) {
	announce := ns.mustAnnounce.Load() && !heard.IsZero()
	if !announce && !ns.mustBeat.Load() && !ns.members.needHeartbeats() {
		return
	}
	ns.lastActive.Store(int64(now.Sub(ns.cluster.began)))
	if announce {
		ns.announce()
		return
	}
	ns.heartbeat(nil)
}

// heartbeat queues a Heartbeat. onTaken, unless nil, is called when it leaves the queue. A Heartbeat that fails is
// repeated, since peers may know nothing else of this node.
func (ns *Namespace) heartbeat(onTaken func()) {
	ns.mustBeat.Store(false)
	o := ns.operation(&codec.Envelope{Type: codec.Heartbeat})
	defer o.release()
	o.onTaken, o.onFailed = onTaken, func() { ns.mustBeat.Store(true) }
	if err := o.publishAsync(); err != nil {
		if onTaken != nil {
			onTaken()
		}
		ns.mustBeat.Store(true)
		ns.retryLater(err)
	}
}

// announce tells the peers that this node listens, so that they answer with a heartbeat. An outage often breaks the
// connection for publishing too, which shows only when it is used. So a failed announcement is repeated at once, and
// after that in each interval.
func (ns *Namespace) announce() {
	ns.tryAnnounce(func() {
		ns.tryAnnounce(func() { ns.mustAnnounce.Store(true) })
	})
}

// tryAnnounce queues one announcement. onFailed is called if it is not published.
func (ns *Namespace) tryAnnounce(onFailed func()) {
	ns.mustAnnounce.Store(false)
	o := ns.operation(&codec.Envelope{Type: codec.InitialHeartbeat})
	defer o.release()
	o.onFailed = onFailed
	if err := o.publishAsync(); err != nil {
		ns.mustAnnounce.Store(true)
		ns.retryLater(err)
	}
}

// retryLater makes the ticker try again what could not be queued: soon if the queue was full, as it is when thousands
// of namespaces send at the same time, otherwise after an interval.
func (ns *Namespace) retryLater(err error) {
	if errors.Is(err, ErrQueueFull) {
		ns.lastActive.Store(0)
		return
	}
	ns.reportUnsent(err)
}

// inquire announces the node to find out who is there, unless it did so a moment ago.
func (ns *Namespace) inquire() {
	ns.limits.Lock()
	now := time.Now()
	ask := now.Sub(ns.limits.inquiredAt) >= ns.members.answer/4
	if ask {
		ns.limits.inquiredAt = now
	}
	ns.limits.Unlock()
	if ask {
		ns.members.inquiring.Store(true)
		ns.publishAsync(&codec.Envelope{Type: codec.InitialHeartbeat})
	}
}

// replyToAnnouncement sends a Heartbeat, so that the node that announced itself knows this one at once. One Heartbeat
// answers all announcements that arrive while it is queued.
func (ns *Namespace) replyToAnnouncement() {
	if !ns.replyQueued.CompareAndSwap(false, true) {
		return
	}
	if !ns.mayReply() {
		ns.replyQueued.Store(false)
		return
	}
	ns.heartbeat(func() { ns.replyQueued.Store(false) })
}
