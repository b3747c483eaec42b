package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/journal"
)

// heartbeats are the presence of a namespace whose nodes prove by messages that they are alive.
type heartbeats struct {
	*membership
	ns        *Namespace
	closeKey  string // proves the leave message
	closeHash string

	mustAnnounce atomic.Bool  // the peers do not know yet that this node listens again
	mustBeat     atomic.Bool  // a Heartbeat that peers wait for has failed
	replyQueued  atomic.Bool  // a Heartbeat that answers announcements is queued
	lastActive   atomic.Int64 // nanoseconds since Cluster.began: a message came back, or a Heartbeat was queued
}

func newHeartbeats(ns *Namespace) *heartbeats {
	c := ns.cluster
	h := &heartbeats{ns: ns}
	h.closeKey, h.closeHash = newCloseKey()
	h.membership = newMembership(c.config, c.processes, ns.peerJoined, func(uid string) {
		ns.peerLeft(uid, true)
		h.inquire()
	})
	return h
}

// enter implements presence.
func (h *heartbeats) enter(ctx context.Context) error {
	return h.ns.publish(ctx, &codec.Envelope{Type: codec.InitialHeartbeat})
}

// leave implements presence.
func (h *heartbeats) leave(ctx context.Context) error {
	err := h.ns.publish(ctx, &codec.Envelope{Type: codec.AdapterClose})
	if err != nil {
		h.ns.cluster.process.leaveLost()
	}
	return err
}

// leaveAsync implements presence.
func (h *heartbeats) leaveAsync(context.Context) {
	h.ns.publishAsync(&codec.Envelope{Type: codec.AdapterClose})
}

// prepare implements presence.
func (h *heartbeats) prepare(env *codec.Envelope) {
	switch env.Type {
	case codec.InitialHeartbeat:
		h.ns.announcing.Store(true)
		fallthrough
	case codec.Heartbeat:
		env.CloseHash, env.Process = h.closeHash, h.ns.cluster.process.id()
	case codec.AdapterClose:
		env.CloseKey = h.closeKey
	}
}

// left implements presence. It forgets a peer at once. Requests learn of it after they have got what the peer
// answered before, which may still have to be read from the store.
func (h *heartbeats) left(env *codec.Envelope, at time.Time) {
	ns := h.ns
	ok := h.forgetLeaver(env, at, func() {
		env.RequestID = ns.requests.latest() // requests that begin from now on do not count on it
	})
	if !ok {
		if h.isSuspect(env.UID) {
			ns.logPeer(&journal.PeerSuspect, env.UID)
		}
		return
	}
	ns.peerLeft(env.UID, false)
	if ns.queues.answers.offer(item{env: env}) != nil {
		ns.requests.leaveUpTo(env.UID, env.RequestID)
	}
}

// cameBack implements presence.
func (h *heartbeats) cameBack(announcement bool, at time.Time) {
	if announcement {
		h.ns.announcing.Store(false)
		h.announcementCameBack(at)
	}
	h.lastActive.Store(int64(at.Sub(h.ns.cluster.began)))
}

// processRenamed implements presence.
func (h *heartbeats) processRenamed() {
	h.mustBeat.Store(true)
	h.lastActive.Store(0)
}

// processForgotten implements presence.
func (h *heartbeats) processForgotten() {
	h.mustAnnounce.Store(true)
	h.lastActive.Store(0)
}

// tick sends a heartbeat in the namespace when one is due, and forgets peers that sent none.
func (h *heartbeats) tick(now, heard time.Time) (doubtful bool) {
	ns, c := h.ns, h.ns.cluster
	if silence := now.Sub(c.began) - time.Duration(h.lastActive.Load()); silence >= c.config.HeartbeatInterval {
		h.breakSilence(now, heard)
	}
	due := now.Add(-c.config.HeartbeatTimeout)
	h.forgetTombstones(due)
	if heard.IsZero() {
		return false // the peers cannot be heard
	}
	doubtful, silent := h.anyOverdue(due)
	for _, uid := range silent {
		ns.logPeer(&journal.PeerSilent, uid)
	}
	if limit := heard.Add(-c.config.HeartbeatTimeout); limit.Before(due) {
		due = limit
	}
	for _, uid := range h.expire(due) {
		ns.peerLeft(uid, true)
		ns.requests.leave(uid)
	}
	h.doDue(due)
	return doubtful
}

// doDue does what peers wait for and what has become due. Peers could be heard until due plus the heartbeat timeout.
func (h *heartbeats) doDue(due time.Time) {
	for _, uid := range h.settleLeaving(due) {
		h.ns.requests.forget(uid)
	}
	if h.ns.owesReply() {
		h.announced()
	}
	if h.anyEvicted() {
		h.ns.requests.leaveAbsent()
	}
	if h.mustInquire(h.ns.requests.waiting()) {
		h.inquire()
	}
}

// breakSilence sends what is due after an interval of silence. Peers that know this process get its heartbeats on the
// process's channel and need nothing. Node.js nodes need a Heartbeat in the namespace.
func (h *heartbeats) breakSilence(now, heard time.Time) {
	announce := h.mustAnnounce.Load() && !heard.IsZero()
	if !announce && !h.mustBeat.Load() && !h.needHeartbeats() {
		return
	}
	h.lastActive.Store(int64(now.Sub(h.ns.cluster.began)))
	if announce {
		h.enterAsync()
		return
	}
	h.heartbeat(nil)
}

// heartbeat queues a Heartbeat. onTaken, unless nil, is called when it leaves the queue. A Heartbeat that fails is
// repeated, since peers may know nothing else of this node.
func (h *heartbeats) heartbeat(onTaken func()) {
	h.mustBeat.Store(false)
	o := h.ns.operation(&codec.Envelope{Type: codec.Heartbeat})
	defer o.release()
	o.onTaken, o.onFailed = onTaken, func() { h.mustBeat.Store(true) }
	if err := o.publishAsync(); err != nil {
		if onTaken != nil {
			onTaken()
		}
		h.mustBeat.Store(true)
		h.retryLater(err)
	}
}

// enterAsync tells the peers that this node listens, so that they answer with a heartbeat. An outage often breaks the
// connection for publishing too, which shows only when it is used. So a failed announcement is repeated at once, and
// after that in each interval.
func (h *heartbeats) enterAsync() {
	h.tryAnnounce(func() {
		h.tryAnnounce(func() { h.mustAnnounce.Store(true) })
	})
}

// tryAnnounce queues one announcement. onFailed is called if it is not published.
func (h *heartbeats) tryAnnounce(onFailed func()) {
	h.mustAnnounce.Store(false)
	o := h.ns.operation(&codec.Envelope{Type: codec.InitialHeartbeat})
	defer o.release()
	o.onFailed = onFailed
	if err := o.publishAsync(); err != nil {
		h.mustAnnounce.Store(true)
		h.retryLater(err)
	}
}

// retryLater makes the ticker try again what could not be queued: soon if the queue was full, as it is when thousands
// of namespaces send at the same time, otherwise after an interval.
func (h *heartbeats) retryLater(err error) {
	if errors.Is(err, ErrQueueFull) {
		h.lastActive.Store(0)
		return
	}
	h.ns.reportUnsent(err)
}

// inquire announces the node to find out who is there, unless it did so a moment ago.
func (h *heartbeats) inquire() {
	h.ns.limits.Lock()
	now := time.Now()
	ask := now.Sub(h.ns.limits.inquiredAt) >= h.answer/4
	if ask {
		h.ns.limits.inquiredAt = now
	}
	h.ns.limits.Unlock()
	if ask {
		h.inquiring.Store(true)
		h.ns.publishAsync(&codec.Envelope{Type: codec.InitialHeartbeat})
	}
}

// announced implements presence. It sends a Heartbeat, so that the node that announced itself knows this one at once.
// One Heartbeat answers all announcements that arrive while it is queued.
func (h *heartbeats) announced() {
	if !h.replyQueued.CompareAndSwap(false, true) {
		return
	}
	if !h.ns.mayReply() {
		h.replyQueued.Store(false)
		return
	}
	h.heartbeat(func() { h.replyQueued.Store(false) })
}
