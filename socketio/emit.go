package socketio

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// Sender sends events to one socket, or to other sockets on its behalf, with modifiers such as Volatile and
// Timeout. It is immutable: its methods return a new Sender. A Sender comes from a Socket; the zero Sender sends
// nothing and returns an error.
type Sender struct {
	s     *Socket
	flags backplane.Flags
	local bool
	timed bool // Timeout was called
}

// check returns an error if nothing can be sent.
func (e Sender) check() error {
	switch {
	case e.s == nil:
		return &backplane.ConfigError{Reason: "a zero Sender has no socket: use one that a Socket has returned"}
	case e.flags.Timeout < 0:
		return &backplane.ConfigError{Reason: fmt.Sprintf("a timeout of %v is negative", e.flags.Timeout)}
	}
	return nil
}

// Emit sends an event to the client. An argument can be any value that JSON can represent; a []byte, at any depth,
// is sent as binary data. Events that one goroutine emits arrive in order.
//
// Emit does not wait. It returns an error if the arguments cannot be encoded, and ErrDisconnected if the client is
// known to be disconnected. The event is lost if the connection breaks before the event arrives. With
// Config.Recovery, the event is kept for a client that may reconnect, and sent to the socket that replaces this
// one. An event that a middleware (see Namespace.Use) emits is sent after the client has connected.
func (s *Socket) Emit(event string, args ...any) error { return Sender{s: s}.Emit(event, args...) }

// Send emits a "message" event.
func (s *Socket) Send(args ...any) error { return s.Emit("message", args...) }

// EmitWithAck sends an event to the client and waits for its acknowledgement. It returns the first argument of the
// acknowledgement, or null if there is none. Value.All returns all arguments: a client that calls callback(err, a,
// b) has sent three.
//
// EmitWithAck returns ErrDisconnected if the client is not connected or disconnects before it acknowledges the
// event, and ctx's error if ctx ends. If ctx has ended before the call, it sends nothing. If ctx has no deadline,
// EmitWithAck may wait for as long as the client is connected. If the server already awaits Config.MaxAcks
// acknowledgements from the client, it sends nothing and returns a *QuotaError.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (backplane.Value, error) {
	return Sender{s: s}.EmitWithAck(ctx, event, args...)
}

// Volatile lets events be dropped if the client cannot receive them at once.
func (s *Socket) Volatile() Sender { return Sender{s: s}.Volatile() }

// Compress sets whether events are compressed, if the server compresses at all: see Config.Compress and
// Config.HTTPCompression.
func (s *Socket) Compress(compress bool) Sender { return Sender{s: s}.Compress(compress) }

// Timeout bounds how long EmitWithAck waits, in addition to its context. After that time EmitWithAck returns
// backplane.ErrTimeout. If d is 0, it sends nothing and returns that error at once. If d is negative, all methods
// that send return a *backplane.ConfigError and send nothing.
func (s *Socket) Timeout(d time.Duration) Sender { return Sender{s: s}.Timeout(d) }

// Local restricts the targets that the Sender's To, In, Except and Broadcast return to this node.
func (s *Socket) Local() Sender { return Sender{s: s}.Local() }

// To targets the sockets that are in at least one of the rooms, on all nodes, except this socket.
func (s *Socket) To(rooms ...string) backplane.Target { return Sender{s: s}.To(rooms...) }

// In is a synonym for To.
func (s *Socket) In(rooms ...string) backplane.Target { return Sender{s: s}.To(rooms...) }

// Except targets all sockets of the namespace except this one and those that are in one of the rooms.
func (s *Socket) Except(rooms ...string) backplane.Target { return Sender{s: s}.Except(rooms...) }

// Broadcast targets all sockets of the namespace except this one.
func (s *Socket) Broadcast() backplane.Target { return Sender{s: s}.Broadcast() }

// Volatile is like Socket.Volatile.
func (e Sender) Volatile() Sender {
	e.flags.Volatile = true
	return e
}

// Compress is like Socket.Compress.
func (e Sender) Compress(compress bool) Sender {
	e.flags.Compress = &compress
	return e
}

// Timeout is like Socket.Timeout.
func (e Sender) Timeout(d time.Duration) Sender {
	e.flags.Timeout, e.timed = d, true
	return e
}

// Local is like Socket.Local.
func (e Sender) Local() Sender {
	e.local = true
	return e
}

// To is like Socket.To.
func (e Sender) To(rooms ...string) backplane.Target { return e.Broadcast().To(rooms...) }

// In is a synonym for To.
func (e Sender) In(rooms ...string) backplane.Target { return e.To(rooms...) }

// Except is like Socket.Except.
func (e Sender) Except(rooms ...string) backplane.Target { return e.Broadcast().Except(rooms...) }

// Broadcast is like Socket.Broadcast.
func (e Sender) Broadcast() backplane.Target {
	if e.s == nil {
		return backplane.Target{} // its methods return an error that says what is wrong
	}
	t := e.s.Namespace().Except(e.s.id)
	if e.flags.Volatile {
		t = t.Volatile()
	}
	if e.flags.Compress != nil {
		t = t.Compress(*e.flags.Compress)
	}
	if e.timed {
		t = t.Timeout(e.flags.Timeout)
	}
	if e.local {
		t = t.Local()
	}
	return t
}

// Send is like Socket.Send.
func (e Sender) Send(args ...any) error { return e.Emit("message", args...) }

// Emit is like Socket.Emit.
func (e Sender) Emit(event string, args ...any) error {
	if err := e.check(); err != nil {
		return err
	}
	s, o := e.s, sendOptions(e.flags)
	recovers := s.roster != nil && s.roster.log != nil
	if recovers && s.roster.log.cluster != nil && !o.Volatile {
		return s.emitThroughLog(e.flags, event, args)
	}
	data, err := e.encode(event, args)
	if err != nil {
		return err
	}
	if recovers {
		return s.emitStamped(data, o)
	}
	if !s.Connected() && !s.isPending() {
		return ErrDisconnected
	}
	frame, err := eventFrame(s.name, parser.NoID, data, "")
	if err != nil {
		return err
	}
	s.callOutgoingListeners(data)
	if s.deliver(frame, o, unkept) {
		s.env.counts.sentEvents.Add(1)
	} else if !o.Volatile {
		return ErrDisconnected
	}
	return nil
}

// EmitWithAck is like Socket.EmitWithAck. If the event is volatile and was dropped, it returns ErrDropped.
func (e Sender) EmitWithAck(ctx context.Context, event string, args ...any) (backplane.Value, error) {
	data, err := e.encode(event, args)
	if err != nil {
		return backplane.Value{}, err
	}
	switch {
	case ctx.Err() != nil:
		return backplane.Value{}, context.Cause(ctx)
	case e.timed && e.flags.Timeout == 0:
		return backplane.Value{}, backplane.ErrTimeout
	case e.timed:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.flags.Timeout, backplane.ErrTimeout)
		defer cancel()
	}
	s, o := e.s, sendOptions(e.flags)
	if !s.Connected() {
		return backplane.Value{}, ErrDisconnected
	}
	id := s.roster.nextAckID()
	frame, err := eventFrame(s.name, id, data, "")
	if err != nil {
		return backplane.Value{}, err
	}
	type answer struct {
		value backplane.Value
		err   error
	}
	answered := make(chan answer, 1)
	if err := s.awaitAck(id, func(v backplane.Value, err error) { answered <- answer{v, err} }); err != nil {
		return backplane.Value{}, err
	}
	s.callOutgoingListeners(data)
	if !s.deliver(frame, o, unkept) {
		s.removeAck(id)
		if o.Volatile && s.Connected() {
			return backplane.Value{}, ErrDropped
		}
		return backplane.Value{}, ErrDisconnected
	}
	s.env.counts.sentEvents.Add(1)
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		s.removeAck(id)
		return backplane.Value{}, context.Cause(ctx)
	}
}

// encode checks and encodes an event.
func (e Sender) encode(event string, args []any) (backplane.Args, error) {
	if err := e.check(); err != nil {
		return backplane.Args{}, err
	}
	if fault.Reserved(event) {
		return backplane.Args{}, &backplane.ReservedEventError{Event: event}
	}
	return backplane.NewArgs(event, args...)
}
