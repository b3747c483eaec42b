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

// handleMessage does what a message of a peer asks for. The queue of messages calls it for one message at a time.
func (ns *Namespace) handleMessage(env *codec.Envelope, at Position) {
	guard.Do(func() { ns.applyOrServe(env, at) }, func(err error) { ns.handlingFailed(env, err) })
}

func (ns *Namespace) applyOrServe(env *codec.Envelope, at Position) {
	switch {
	case !ns.wantsAnswer(env):
		ns.apply(env, at)
		return
	case env.RequestID == "" && env.Type != codec.FetchSockets:
		ns.dropped(env, DropMalformed, errNoRequestID)
		return
	}
	if len(env.RequestID) > maxRequestID {
		ns.dropped(env, DropMalformed, errRequestID)
		return
	}
	if b := ns.admit(env); b != nil {
		ns.serve(env, b)
	}
}

// maxRequestID is the most bytes that the id of a request may have, because each answer repeats it. Ours and
// Node.js's have 16.
const maxRequestID = 128

var errRequestID = fmt.Errorf("%w: the id of a request has more than %d bytes", codec.ErrMalformed, maxRequestID)

var errNoRequestID = fmt.Errorf("%w: a request without an id", codec.ErrMalformed)

// wantsAnswer reports whether a message is a request.
func (ns *Namespace) wantsAnswer(env *codec.Envelope) bool {
	switch env.Type {
	case codec.Broadcast, codec.ServerSideEmit:
		return env.RequestID != ""
	case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
		return env.RequestID != "" && ns.cluster.wire.Carries(codec.SocketChanged)
	}
	return env.Type.Request()
}

// serve answers a request of a peer.
func (ns *Namespace) serve(env *codec.Envelope, b *budget) {
	switch env.Type {
	case codec.FetchSockets:
		sockets := ns.describeSockets(env)
		ns.presence.charge(b, len(sockets))
		ns.respond(env, &codec.Envelope{Type: codec.FetchSocketsResponse, Sockets: sockets})
	case codec.ServerSideEmit:
		header := requestHeader(env)
		ns.serverSideEmit(env.Args, once(func(v codec.Value) {
			ns.respond(header, &codec.Envelope{Type: codec.ServerSideEmitResponse, Value: v})
		}))
	case codec.Broadcast:
		ns.serveAcks(env, b)
	default:
		ns.serveSocketRequest(env, b)
	}
}

// requestHeader returns what an answer needs of a request. The request itself may have megabytes, and the answer may
// take an hour.
func requestHeader(env *codec.Envelope) *codec.Envelope {
	return &codec.Envelope{Type: env.Type, UID: env.UID, RequestID: env.RequestID}
}

// once returns a function that calls f on its first call only.
func once[T any](f func(T)) func(T) {
	var called atomic.Bool
	return func(v T) {
		if called.CompareAndSwap(false, true) {
			f(v)
		}
	}
}

// apply applies a message that wants no answer to this process's sockets. at is its place in the log, or zero.
func (ns *Namespace) apply(env *codec.Envelope, at Position) {
	if env.Type != codec.Broadcast {
		ns.tellKept(env, at)
	}
	to := selectorOf(env)
	to.Position = at
	switch {
	case env.Type == codec.ServerSideEmit:
		ns.serverSideEmit(env.Args, nil)
	case env.Opts.Nobody:
	case env.Type == codec.Broadcast:
		p := packetOf(env)
		p.Position = at
		ns.local.Broadcast(p, to)
	case env.Type == codec.SocketsJoin:
		ns.local.Join(to, env.Rooms)
	case env.Type == codec.SocketsLeave:
		ns.local.Leave(to, env.Rooms)
	case env.Type == codec.DisconnectSockets:
		ns.local.Disconnect(to, env.Close)
	}
}

// describeSockets describes this process's sockets that a message selects.
func (ns *Namespace) describeSockets(env *codec.Envelope) []codec.Socket {
	if env.Opts.Nobody {
		return nil
	}
	all := slices.Clone(ns.local.Sockets(selectorOf(env))) // LocalSockets may keep the slice
	for i := range all {
		all[i] = withObjects(all[i])
	}
	return all
}

// broadcastAck asks this process's sockets that a message selects.
func (ns *Namespace) broadcastAck(
	ctx context.Context, env *codec.Envelope, asked func(clients int), answer func(codec.Value),
) {
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
func (ns *Namespace) serveAcks(env *codec.Envelope, b *budget) {
	timeout := min(env.Opts.Flags.Timeout, maxAckTimeout)
	if timeout <= 0 {
		timeout = ns.cluster.config.RequestTimeout
	}
	ctx, cancel := context.WithTimeout(ns.ctx, timeout)
	context.AfterFunc(ctx, func() { ns.presence.release(b) })
	failed := true
	defer func() {
		if failed {
			cancel() // nobody is waited for
		}
	}()
	header := requestHeader(env)
	var open atomic.Int64 // clients that have yet to answer
	add := func(n int64) {
		if open.Add(n) == 0 {
			cancel() // frees the timer
		}
	}
	ns.broadcastAck(ctx, env, once(func(clients int) {
		ns.presence.charge(b, clients)
		ns.respond(header, &codec.Envelope{Type: codec.BroadcastClientCount, ClientCount: clients})
		add(int64(clients))
	}), func(v codec.Value) {
		if ctx.Err() == nil {
			ns.respond(header, &codec.Envelope{Type: codec.BroadcastAck, Value: v})
			add(-1)
		}
	})
	failed = false
}

// respond queues an answer. If the answer is the only one of this node and is too large to be sent, the peer gets a
// refusal.
func (ns *Namespace) respond(request, answer *codec.Envelope) {
	answer.RequestID, answer.RequesterUID = request.RequestID, request.UID
	o := ns.operation(answer)
	defer o.release()
	err := o.publishAsync()
	if err == nil {
		return
	}
	ns.reportUnsent(err)
	var large *TooLargeError
	if request.Type != codec.Broadcast && answer.Type != codec.RequestRefused && errors.As(err, &large) {
		ns.refuse(request, DropAnswer, err)
	}
}
