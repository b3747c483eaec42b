package socketio

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// Sender sends to one socket, or on its behalf, with certain flags. It is immutable: its methods return a new
// Sender. A Sender comes from a Socket; the zero Sender sends nothing and returns an error.
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

// Emit sends an event to the client. Arguments are anything that JSON can express; a []byte, at any depth, is
// sent as binary. The events of one goroutine arrive in order.
//
// Emit does not wait. It returns an error if the arguments cannot be encoded, and ErrDisconnected if the client
// is known to be disconnected. The event is lost if the connection breaks before it has arrived. With
// Config.Recovery it is kept for a client that may come back, and sent to the socket that has replaced this one.
// In a middleware (Namespace.Use) the event is sent once the client is connected.
func (s *Socket) Emit(event string, args ...any) error { return Sender{s: s}.Emit(event, args...) }

// Send emits an event "message".
func (s *Socket) Send(args ...any) error { return s.Emit("message", args...) }

// EmitWithAck sends an event to the client and waits for its acknowledgement. It returns the acknowledgement's
// first argument, null if there is none. Value.All returns all arguments: a client that calls callback(err, a, b)
// has sent three.
//
// EmitWithAck returns ErrDisconnected if the client is not connected or disconnects before it has acknowledged,
// and ctx's error if ctx ends. If ctx has ended before the call, it sends nothing. Without a deadline it may wait
// for as long as the client is connected. If the server already waits for Config.MaxAcks acknowledgements of the
// client, it sends nothing and returns a *QuotaError.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (backplane.Value, error) {
	return Sender{s: s}.EmitWithAck(ctx, event, args...)
}

// Volatile lets events be dropped if the client cannot receive them at once.
func (s *Socket) Volatile() Sender { return Sender{s: s}.Volatile() }

// Compress says whether events are compressed. It has an effect if Config.Compress is set.
func (s *Socket) Compress(compress bool) Sender { return Sender{s: s}.Compress(compress) }

// Timeout bounds how long EmitWithAck waits, in addition to its context. EmitWithAck then returns
// backplane.ErrTimeout. With 0 it returns that at once, and sends nothing. With a negative duration the Sender
// sends nothing and returns a *backplane.ConfigError.
func (s *Socket) Timeout(d time.Duration) Sender { return Sender{s: s}.Timeout(d) }

// Local restricts the targets that the Sender's To, In, Except and Broadcast return to this node.
func (s *Socket) Local() Sender { return Sender{s: s}.Local() }

// To targets the sockets in at least one of rooms, on all nodes, except this socket.
func (s *Socket) To(rooms ...string) backplane.Target { return Sender{s: s}.To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) backplane.Target { return Sender{s: s}.To(rooms...) }

// Except targets all sockets of the namespace except this one and those in one of rooms.
func (s *Socket) Except(rooms ...string) backplane.Target { return Sender{s: s}.Except(rooms...) }

// Broadcast targets all sockets of the namespace except this one.
func (s *Socket) Broadcast() backplane.Target { return Sender{s: s}.Broadcast() }

// Volatile is Socket.Volatile.
func (e Sender) Volatile() Sender {
	e.flags.Volatile = true
	return e
}

// Compress is Socket.Compress.
func (e Sender) Compress(compress bool) Sender {
	e.flags.Compress = &compress
	return e
}

// Timeout is Socket.Timeout.
func (e Sender) Timeout(d time.Duration) Sender {
	e.flags.Timeout, e.timed = d, true
	return e
}

// Local is Socket.Local.
func (e Sender) Local() Sender {
	e.local = true
	return e
}

// To is Socket.To.
func (e Sender) To(rooms ...string) backplane.Target { return e.Broadcast().To(rooms...) }

// In is Socket.In.
func (e Sender) In(rooms ...string) backplane.Target { return e.To(rooms...) }

// Except is Socket.Except.
func (e Sender) Except(rooms ...string) backplane.Target { return e.Broadcast().Except(rooms...) }

// Broadcast is Socket.Broadcast.
func (e Sender) Broadcast() backplane.Target {
	if e.s == nil {
		return backplane.Target{} // which says what is wrong
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

// Send is Socket.Send.
func (e Sender) Send(args ...any) error { return e.Emit("message", args...) }

// Emit is Socket.Emit.
func (e Sender) Emit(event string, args ...any) error {
	data, err := e.encode(event, args)
	if err != nil {
		return err
	}
	s, o := e.s, sendOptions(e.flags)
	if s.roster != nil && s.roster.log != nil {
		return s.emitWithOffset(data, o)
	}
	if !s.Connected() && !s.isPending() {
		return ErrDisconnected
	}
	frame, err := eventFrame(s.name, parser.NoID, data, "")
	if err != nil {
		return err
	}
	s.callOutgoingListeners(data)
	if !s.deliver(frame, o, "") && !o.Volatile {
		return ErrDisconnected
	}
	return nil
}

// EmitWithAck is Socket.EmitWithAck. It returns ErrDropped if a volatile event was dropped.
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
	if !s.deliver(frame, o, "") {
		s.removeAck(id)
		if o.Volatile && s.Connected() {
			return backplane.Value{}, ErrDropped
		}
		return backplane.Value{}, ErrDisconnected
	}
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
