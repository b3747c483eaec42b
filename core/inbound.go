package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// receive takes what came on the namespace's channel. It is called by the receiving goroutine.
func (ns *Namespace) receive(p []byte, at time.Time) {
	c := ns.cluster
	size := len(p)
	p, err := c.wire.Open(ns.channel, p)
	if err != nil {
		ns.dropped(&codec.Envelope{}, DropUnsigned, err)
		return
	}
	if !ns.members.announcing.Load() && c.wire.SentBy(p, ns.uid) {
		ns.own(at)
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
		ns.own(at)
		return
	}
	c.counts.received.Add(1)
	if env.NSP == "" {
		env.NSP = ns.name // old adapters and Node.js's emitter name none
	}
	if f := c.hooks.Load().Received; f != nil {
		defer ns.sort(env, len(p), at) // also if f ends the goroutine
		guard.Do(func() { f(ns.name, env.Type, env.UID) }, func(err error) { c.traced("Received", err) })
		return
	}
	ns.sort(env, len(p), at)
}

// sort hands a message of another node, which had so many bytes, to who handles it.
func (ns *Namespace) sort(env *codec.Envelope, size int, at time.Time) {
	ns.skipped(env)
	switch {
	case env.NSP != ns.name:
		ns.dropped(env, DropForeign, nil)
	case env.Type == codec.AdapterClose:
		ns.goodbye(env, at)
	case !ns.members.seen(env, at):
		ns.dropped(env, DropPeers, nil)
	case !env.Type.Known():
		ns.dropped(env, DropUnknown, nil) // but it is a sign of life
	default:
		ns.route(env, size)
	}
}

// own notes that a message of the node itself came back.
func (ns *Namespace) own(at time.Time) {
	ns.cluster.counts.receivedOwn.Add(1)
	ns.spoke.Store(int64(at.Sub(ns.cluster.began)))
}

// goodbye forgets a peer at once. Requests are told when they have what it has answered before, which may still have to
// be fetched.
func (ns *Namespace) goodbye(env *codec.Envelope, now time.Time) {
	if !ns.members.goodbye(env, now) {
		return
	}
	env.RequestID = ns.requests.latest() // those that begin from now on find that it has left
	ns.left(env.UID, false)
	if ns.lanes.answers.offer(env, 0) != nil {
		ns.requests.leaveBefore(env.UID, env.RequestID)
	}
}

// answer takes what comes out of the answers lane.
func (ns *Namespace) answer(env *codec.Envelope) {
	if env.Type == codec.AdapterClose {
		ns.requests.leaveBefore(env.UID, env.RequestID)
		return
	}
	if ns.requests.answer(env) {
		ns.members.answered(env.UID)
	}
}

// route queues or handles a message whose sender is known.
func (ns *Namespace) route(env *codec.Envelope, size int) {
	switch {
	case env.Type == codec.Heartbeat:
	case env.Type == codec.InitialHeartbeat:
		ns.greet()
	case !env.Type.Response():
		ns.lanes.messages.push(env, size)
	case env.AttachmentID == "":
		ns.answer(env)
	case (env.RequesterUID == "" || env.RequesterUID == ns.uid) && ns.requests.expect(env):
		ns.lanes.answers.push(env, size)
	}
}

// greet answers a newcomer, so that it knows this node at once. One answer serves all who come while it is queued.
func (ns *Namespace) greet() {
	if !ns.greeting.CompareAndSwap(false, true) {
		return
	}
	if !ns.greets() {
		ns.greeting.Store(false)
		return
	}
	ns.beat(func() { ns.greeting.Store(false) })
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
	if !ns.noisy(reason) {
		c.report(e)
	}
}

// handle does what one message of a peer says. It is called by the messages lane, for one message at a time.
func (ns *Namespace) handle(env *codec.Envelope) {
	guard.Do(func() { ns.obey(env) }, func(err error) { ns.failed(env, err) })
}

func (ns *Namespace) obey(env *codec.Envelope) {
	if env.RequestID == "" && env.Type != codec.FetchSockets {
		ns.apply(env)
		return
	}
	if len(env.RequestID) > maxRequestID {
		ns.dropped(env, DropMalformed, errRequestID)
		return
	}
	if a := ns.admit(env); a != nil {
		ns.serve(env, a)
	}
}

// maxRequestID is the most bytes that the id of a request may have. Ours and Node.js's have 16. Each answer repeats it.
const maxRequestID = 128

var errRequestID = fmt.Errorf("%w: the id of a request has more than %d bytes", codec.ErrMalformed, maxRequestID)

// serve answers a request of a peer.
func (ns *Namespace) serve(env *codec.Envelope, a *account) {
	switch env.Type {
	case codec.FetchSockets:
		sockets := ns.sockets(env)
		ns.members.charge(a, len(sockets))
		ns.respond(env, &codec.Envelope{Type: codec.FetchSocketsResponse, Sockets: sockets})
	case codec.ServerSideEmit:
		asked := question(env)
		ns.serverSideEmit(env.Args, once(func(v codec.Value) {
			ns.respond(asked, &codec.Envelope{Type: codec.ServerSideEmitResponse, Value: v})
		}))
	case codec.Broadcast:
		ns.serveAcks(env, a)
	}
}

// question is what an answer needs of a request. The request itself may have megabytes, and the answer may take an hour.
func question(env *codec.Envelope) *codec.Envelope {
	return &codec.Envelope{Type: env.Type, UID: env.UID, RequestID: env.RequestID}
}

// apply does to this process's sockets what a message says that wants no answer.
func (ns *Namespace) apply(env *codec.Envelope) {
	switch to := selectorOf(env); {
	case env.Type == codec.ServerSideEmit:
		ns.serverSideEmit(env.Args, nil)
	case env.Opts.Nobody:
	case env.Type == codec.Broadcast:
		ns.local.Broadcast(packetOf(env), to)
	case env.Type == codec.SocketsJoin:
		ns.local.Join(to, env.Rooms)
	case env.Type == codec.SocketsLeave:
		ns.local.Leave(to, env.Rooms)
	case env.Type == codec.DisconnectSockets:
		ns.local.Disconnect(to, env.Close)
	}
}

// sockets describes this process's sockets that a message selects.
func (ns *Namespace) sockets(env *codec.Envelope) []codec.Socket {
	if env.Opts.Nobody {
		return nil
	}
	all := slices.Clone(ns.local.Sockets(selectorOf(env))) // which Local may keep
	for i := range all {
		all[i] = described(all[i])
	}
	return all
}

// broadcastAck asks this process's sockets that a message selects.
func (ns *Namespace) broadcastAck(ctx context.Context, env *codec.Envelope, asked func(clients int), answer func(codec.Value)) {
	if env.Opts.Nobody {
		asked(0)
		return
	}
	ns.local.BroadcastAck(ctx, packetOf(env), selectorOf(env), asked, answer)
}

func selectorOf(env *codec.Envelope) Selector {
	return Selector{Rooms: env.Opts.Rooms, Except: env.Opts.Except}
}

func packetOf(env *codec.Envelope) *Packet { return &Packet{Args: env.Args, Flags: env.Opts.Flags} }

// maxAckTimeout bounds how long a peer can make this node remember clients that do not answer.
const maxAckTimeout = time.Hour

// serveAcks asks this process's clients on behalf of a peer.
func (ns *Namespace) serveAcks(env *codec.Envelope, a *account) {
	timeout := min(env.Opts.Flags.Timeout, maxAckTimeout)
	if timeout <= 0 {
		timeout = ns.cluster.config.RequestTimeout
	}
	ctx, cancel := context.WithTimeout(ns.ctx, timeout)
	context.AfterFunc(ctx, func() { ns.members.release(a) })
	failed := true
	defer func() {
		if failed {
			cancel() // nobody is to be waited for
		}
	}()
	asked := question(env)
	var open atomic.Int64 // clients who have yet to answer
	done := func(n int64) {
		if open.Add(n) == 0 {
			cancel() // frees the timer
		}
	}
	ns.broadcastAck(ctx, env, once(func(clients int) {
		ns.members.charge(a, clients)
		ns.respond(asked, &codec.Envelope{Type: codec.BroadcastClientCount, ClientCount: clients})
		done(int64(clients))
	}), func(v codec.Value) {
		if ctx.Err() == nil {
			ns.respond(asked, &codec.Envelope{Type: codec.BroadcastAck, Value: v})
			done(-1)
		}
	})
	failed = false
}

// respond queues an answer. If it is too large to be sent, and the only one of this node, the peer is told that none will come.
func (ns *Namespace) respond(request, answer *codec.Envelope) {
	answer.RequestID, answer.RequesterUID = request.RequestID, request.UID
	o := ns.operation(answer)
	defer o.release()
	err := o.publishAsync()
	if err == nil {
		return
	}
	ns.unsent(err)
	var large *TooLargeError
	if request.Type != codec.Broadcast && answer.Type != codec.RequestRefused && errors.As(err, &large) {
		ns.refuse(request, DropAnswer, err)
	}
}
