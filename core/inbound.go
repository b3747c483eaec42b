package core

import (
	"errors"
	"log/slog"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/transport"
)

// receive handles a message on a channel that no other namespace of this process listens to. The receiving goroutine
// calls it.
func (ns *Namespace) receive(m transport.Message, at time.Time) {
	env, ok := ns.read(m, at)
	switch {
	case !ok:
	case env.NSP == ns.name && !ns.cluster.wire.Overlapping():
		ns.received(env, len(m.Payload), at)
	default:
		ns.cluster.dispatch(env, len(m.Payload), at)
	}
}

// read decodes a message. It returns false if there is nothing to deliver: the message is known to come from this
// node, is only a part of one, or is dropped.
func (ns *Namespace) read(m transport.Message, at time.Time) (env *codec.Envelope, ok bool) {
	c := ns.cluster
	p, err := c.wire.Open(m.Channel, m.Payload)
	if err != nil {
		ns.dropped(&codec.Envelope{}, DropUnsigned, err)
		return nil, false
	}
	// Every message of this node comes back. SentBy recognizes most of them without decoding them, which costs more.
	if !ns.announcing.Load() && c.wire.SentBy(p, ns.uid) {
		ns.cameBack(false, at)
		return nil, false
	}
	// Most answers on a channel of the whole cluster are to requests of other nodes.
	if env := c.wire.PeekAnswer(m.Channel, p); env != nil && !ns.requests.has(env.RequestID) {
		return env, true
	}
	return ns.parse(m, p)
}

// parse decodes a message whose payload, without the signature, is p.
func (ns *Namespace) parse(m transport.Message, p []byte) (env *codec.Envelope, ok bool) {
	c := ns.cluster
	if err := c.wire.CheckSize(0, len(m.Payload)); err != nil {
		ns.dropped(&codec.Envelope{}, DropTooLarge, err)
		return nil, false
	}
	env, err := c.wire.Decode(m.Channel, p)
	if err != nil {
		ns.undecoded(env, err)
		return nil, false
	}
	return env, env != nil
}

// undecoded drops a message that could not be decoded.
func (ns *Namespace) undecoded(env *codec.Envelope, err error) {
	var large *TooLargeError
	switch {
	case errors.Is(err, dialect.ErrForeign) && env != nil:
		ns.cluster.counts.received.Add(1)
		ns.dropped(env, DropForeign, nil)
	case errors.As(err, &large): // a message in pieces
		ns.dropped(&codec.Envelope{}, DropTooLarge, err)
	default:
		ns.dropped(&codec.Envelope{}, DropMalformed, err)
	}
}

// received handles a message of size bytes for this namespace.
func (ns *Namespace) received(env *codec.Envelope, size int, at time.Time) {
	if env.UID == ns.uid {
		ns.cameBack(env.Type == codec.InitialHeartbeat, at)
		return
	}
	c := ns.cluster
	c.counts.received.Add(1)
	if f := c.hooks.Load().Received; f != nil {
		defer ns.receivePeer(env, size, at) // also if f ends the goroutine
		guard.Do(func() { f(ns.name, env.Type, env.UID) }, func(err error) { c.traceFailed("Received", err) })
		return
	}
	ns.receivePeer(env, size, at)
}

// admitKept does for a kept message of another node what received does for others. It returns false if the message is
// not to be delivered.
func (ns *Namespace) admitKept(env *codec.Envelope, at time.Time) bool {
	c := ns.cluster
	c.counts.received.Add(1)
	if f := c.hooks.Load().Received; f != nil {
		c.trace("Received", func() { f(ns.name, env.Type, env.UID) })
	}
	ns.countSkipped(env)
	switch {
	case !c.wire.Keeps(env) || !c.wire.Carries(env.Type):
		ns.dropped(env, DropUnknown, nil)
		return false
	case !ns.presence.heard(env, at):
		ns.dropped(env, DropPeers, nil)
		return false
	}
	return true
}

// decode decodes a message, whoever sent it. It returns false if the message is dropped.
func (ns *Namespace) decode(m transport.Message) (env *codec.Envelope, ok bool) {
	c := ns.cluster
	p, err := c.wire.Open(m.Channel, m.Payload)
	if err != nil {
		ns.dropped(&codec.Envelope{}, DropUnsigned, err)
		return nil, false
	}
	return ns.parse(m, p)
}

// cameBack notes that a message of this node came back.
func (ns *Namespace) cameBack(announcement bool, at time.Time) {
	ns.cluster.counts.receivedOwn.Add(1)
	if ns.presence != nil { // the process's own namespace has none
		ns.presence.cameBack(announcement, at)
	}
}

// receivePeer handles a message of another node, of size bytes.
func (ns *Namespace) receivePeer(env *codec.Envelope, size int, at time.Time) {
	ns.countSkipped(env)
	switch {
	case env.Type == codec.AdapterClose:
		ns.presence.left(env, at)
	case !ns.presence.heard(env, at):
		ns.dropped(env, DropPeers, nil)
	case !ns.cluster.wire.Carries(env.Type):
		ns.dropped(env, DropUnknown, nil) // it counts as a heartbeat all the same
	default:
		ns.noteUnkept(env)
		ns.pass(env, size, at)
	}
}

// handleAnswer handles a message from the queue of answers.
func (ns *Namespace) handleAnswer(env *codec.Envelope, _ Position) {
	if env.Type == codec.AdapterClose {
		ns.requests.leaveUpTo(env.UID, env.RequestID)
		return
	}
	if ns.requests.answer(env) {
		ns.presence.answered(env.UID)
	}
}

// pass queues or handles a message of a peer, which has arrived at some time.
func (ns *Namespace) pass(env *codec.Envelope, size int, at time.Time) {
	switch {
	case env.Type == codec.Heartbeat:
	case env.Type == codec.InitialHeartbeat:
		ns.presence.announced()
	case !env.Type.Response():
		ns.queues.messages.push(env, size, at.Sub(ns.cluster.began))
	case env.AttachmentID == "":
		ns.handleAnswer(env, Position{})
	case (env.RequesterUID == "" || env.RequesterUID == ns.uid) && ns.requests.expects(env):
		ns.queues.answers.push(env, size, at.Sub(ns.cluster.began))
	}
}

// dropped counts and reports a message that is not delivered.
func (ns *Namespace) dropped(env *codec.Envelope, reason DropReason, err error) {
	c := ns.cluster
	if errors.Is(err, ErrClosed) {
		return
	}
	c.counts.receiveDropped.Add(1)
	c.counts.dropped[reason].Add(1)
	if reason == DropUnsigned {
		c.counts.unsigned.Add(1)
	}
	e := &DropError{Reason: reason, Namespace: ns.name, Type: env.Type, UID: shortUID(env.UID), Err: err}
	if f := c.hooks.Load().Dropped; f != nil {
		c.trace("Dropped", func() { f(e) })
	}
	c.logDrop(e)
	if !ns.tooManyReports(reason) {
		c.handle(e)
	}
}

// countSkipped counts the parts that Parse left out of a message of another node.
func (ns *Namespace) countSkipped(env *codec.Envelope) {
	if env.Skipped == 0 {
		return
	}
	c := ns.cluster
	c.counts.skipped.Add(uint64(env.Skipped))
	if !c.journal.Off() {
		c.journal.Log(&journal.PartsSkipped, journal.Text(ns.name), typeValue(env.Type), journal.Text(env.UID),
			slog.IntValue(env.Skipped))
	}
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
