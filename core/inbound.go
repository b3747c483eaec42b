package core

import (
	"errors"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// receive handles a message on the namespace's channel. The receiving goroutine calls it.
func (ns *Namespace) receive(p []byte, at time.Time) {
	c := ns.cluster
	size := len(p)
	p, err := c.wire.Open(ns.channel, p)
	if err != nil {
		ns.dropped(&codec.Envelope{}, DropUnsigned, err)
		return
	}
	// Every message of this node comes back. SentBy recognizes most of them without decoding them, which costs more.
	if !ns.members.announcing.Load() && c.wire.SentBy(p, ns.uid) {
		ns.receivedOwn(at)
		return
	}
	if err := c.wire.CheckSize(0, size); err != nil {
		ns.dropped(&codec.Envelope{}, DropTooLarge, err)
		return
	}
	env, err := c.wire.Decode(p)
	if err != nil {
		ns.dropped(&codec.Envelope{}, DropMalformed, err)
		return
	}
	if env.UID == ns.uid {
		if env.Type == codec.InitialHeartbeat {
			ns.members.announced(at)
		}
		ns.receivedOwn(at)
		return
	}
	c.counts.received.Add(1)
	if env.NSP == "" {
		env.NSP = ns.name // old adapters and Node.js's emitter name none
	}
	if f := c.hooks.Load().Received; f != nil {
		defer ns.receivePeer(env, len(p), at) // also if f ends the goroutine
		guard.Do(func() { f(ns.name, env.Type, env.UID) }, func(err error) { c.traceFailed("Received", err) })
		return
	}
	ns.receivePeer(env, len(p), at)
}

// receivedOwn notes that a message of this node came back.
func (ns *Namespace) receivedOwn(at time.Time) {
	ns.cluster.counts.receivedOwn.Add(1)
	ns.lastActive.Store(int64(at.Sub(ns.cluster.began)))
}

// receivePeer handles a message of another node, of size bytes.
func (ns *Namespace) receivePeer(env *codec.Envelope, size int, at time.Time) {
	ns.countSkipped(env)
	switch {
	case env.NSP != ns.name:
		ns.dropped(env, DropForeign, nil)
	case env.Type == codec.AdapterClose:
		ns.receiveLeave(env, at)
	case !ns.members.heard(env, at):
		ns.dropped(env, DropPeers, nil)
	case !env.Type.Known():
		ns.dropped(env, DropUnknown, nil) // it counts as a heartbeat all the same
	default:
		ns.route(env, size)
	}
}

// receiveLeave forgets a peer at once. Requests learn of it after they have got what the peer answered before, which
// may still have to be read from the store.
func (ns *Namespace) receiveLeave(env *codec.Envelope, now time.Time) {
	if !ns.members.leave(env, now) {
		return
	}
	env.RequestID = ns.requests.latest() // requests that begin from now on do not ask it
	ns.peerLeft(env.UID, false)
	if ns.queues.answers.offer(env, 0) != nil {
		ns.requests.leaveUpTo(env.UID, env.RequestID)
	}
}

// handleAnswer handles a message from the queue of answers.
func (ns *Namespace) handleAnswer(env *codec.Envelope) {
	if env.Type == codec.AdapterClose {
		ns.requests.leaveUpTo(env.UID, env.RequestID)
		return
	}
	if ns.requests.answer(env) {
		ns.members.answered(env.UID)
	}
}

// route queues or handles a message of a peer.
func (ns *Namespace) route(env *codec.Envelope, size int) {
	switch {
	case env.Type == codec.Heartbeat:
	case env.Type == codec.InitialHeartbeat:
		ns.replyToAnnouncement()
	case !env.Type.Response():
		ns.queues.messages.push(env, size)
	case env.AttachmentID == "":
		ns.handleAnswer(env)
	case (env.RequesterUID == "" || env.RequesterUID == ns.uid) && ns.requests.expects(env):
		ns.queues.answers.push(env, size)
	}
}

// dropped counts and reports a message that is not delivered.
func (ns *Namespace) dropped(env *codec.Envelope, reason DropReason, err error) {
	c := ns.cluster
	if errors.Is(err, ErrClosed) {
		return
	}
	c.counts.receiveDropped.Add(1)
	if reason == DropUnsigned {
		c.counts.unsigned.Add(1)
	}
	e := &DropError{Reason: reason, Namespace: ns.name, Type: env.Type, UID: shortUID(env.UID), Err: err}
	if f := c.hooks.Load().Dropped; f != nil {
		c.trace("Dropped", func() { f(e) })
	}
	if !ns.tooManyReports(reason) {
		c.report(e)
	}
}

// countSkipped counts the parts that Parse left out of a message of another node.
func (ns *Namespace) countSkipped(env *codec.Envelope) {
	if env.Skipped == 0 {
		return
	}
	c := ns.cluster
	c.counts.skipped.Add(uint64(env.Skipped))
	if f := c.hooks.Load().PartsSkipped; f != nil {
		c.trace("PartsSkipped", func() { f(ns.name, env.Type, shortUID(env.UID), env.Skipped) })
	}
}

// attachmentFetched notes that an attachment was read. env is what it holds, nil if that is unknown.
func (ns *Namespace) attachmentFetched(env *codec.Envelope) {
	ns.cluster.counts.attachmentReads.Add(1)
	if env != nil {
		ns.countSkipped(env)
	}
}

// shortUID cuts a uid to the length that is worth keeping: a peer could make it as long as a message.
func shortUID(uid string) string {
	if len(uid) > maxUID {
		return uid[:maxUID] + "…"
	}
	return uid
}
