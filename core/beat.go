package core

import (
	"errors"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// tick gives a sign of life in the namespace when one is due, and forgets the peers that gave none. heard is when the session
// last proved that it works, zero when there is none. It reports whether a peer is about to be given up.
func (ns *Namespace) tick(now, heard time.Time) (doubtful bool) {
	if ns.refused.CompareAndSwap(true, false) {
		ns.open()
	}
	if !ns.listening.Load() {
		return false
	}
	c := ns.cluster
	if silence := now.Sub(c.began) - time.Duration(ns.spoke.Load()); silence >= c.config.HeartbeatInterval {
		ns.speak(now, heard)
	}
	due := now.Add(-c.config.HeartbeatTimeout)
	ns.members.forget(due)
	if heard.IsZero() {
		return false // the peers cannot be heard
	}
	doubtful = ns.members.due(due)
	if limit := heard.Add(-c.config.HeartbeatTimeout); limit.Before(due) {
		due = limit
	}
	for _, uid := range ns.members.expire(due) {
		ns.left(uid, true)
		ns.requests.leave(uid)
	}
	ns.attend(due)
	return doubtful
}

// speak says what there is to say after an interval of silence. Peers that know the process hear that it is alive, and need
// nothing; those of Node.js need a Heartbeat in the namespace.
func (ns *Namespace) speak(now, heard time.Time) {
	announces := ns.unheard.Load() && !heard.IsZero()
	if !announces && !ns.owing.Load() && !ns.members.foreign() {
		return
	}
	ns.spoke.Store(int64(now.Sub(ns.cluster.began)))
	if announces {
		ns.announce()
		return
	}
	ns.beat(nil)
}

// beat queues a Heartbeat. leaving, unless nil, is called when it is not queued any more. A Heartbeat that does not go out is
// owed: peers may know nothing else of this node.
func (ns *Namespace) beat(leaving func()) {
	ns.owing.Store(false)
	o := ns.operation(&codec.Envelope{Type: codec.Heartbeat})
	defer o.release()
	o.onTaken, o.onFailed = leaving, func() { ns.owing.Store(true) }
	if err := o.publishAsync(); err != nil {
		if leaving != nil {
			leaving()
		}
		ns.owing.Store(true)
		ns.later(err)
	}
}

// announce tells the peers that this node listens again, so that they give it a sign of life. What breaks a session breaks
// the connection for publishing too, which only shows when it is used: a failure is followed by a second attempt at
// once, and then by one after each interval.
func (ns *Namespace) announce() {
	ns.attempt(func() {
		ns.attempt(func() { ns.unheard.Store(true) })
	})
}

// attempt queues one announcement. failed is called if it does not go out.
func (ns *Namespace) attempt(failed func()) {
	ns.unheard.Store(false)
	o := ns.operation(&codec.Envelope{Type: codec.InitialHeartbeat})
	defer o.release()
	o.onFailed = failed
	if err := o.publishAsync(); err != nil {
		ns.unheard.Store(true)
		ns.later(err)
	}
}

// later sees to it that what could not be queued is tried again: soon if the queue is full, as it is when thousands of
// namespaces have something to say, else after an interval.
func (ns *Namespace) later(err error) {
	if errors.Is(err, ErrQueueFull) {
		ns.spoke.Store(0)
		return
	}
	ns.unsent(err)
}
