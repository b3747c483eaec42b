package socketio

import (
	"cmp"
	"errors"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// refuse ends a socket that has not joined its namespace. If err is not nil, the client is sent the reason.
func (s *Socket) refuse(err error) {
	superseded := !s.state.CompareAndSwap(client.Connecting, client.Disconnected)
	if s.roster != nil {
		s.roster.pending.remove(s)
	}
	s.disconnected()
	s.client.Remove((*endpoint)(s))
	if s.Recovered() {
		s.saveSession() // the client may try again
	} else if s.roster != nil {
		s.dropSession()
	}
	s.client.Release()
	if err != nil && !superseded {
		s.env.refuse(s.client, s.name, s.id, err)
	}
}

// refuse sends a client the reason why it cannot join a namespace. id is the id of its socket, if there is one.
func (e *environment) refuse(c *client.Client, namespace, id string, err error) {
	err = guard.Error(err)
	e.counts.countJoinRefused(err)
	payload := client.Refusal{Message: err.Error(), Unknown: errors.Is(err, errInvalidNamespace)}
	var panicked *PanicError
	var ours *Error
	var quota *QuotaError
	switch {
	case errors.As(err, &panicked), errors.Is(err, ErrExited): // returned by the middleware, or a method of err failed
		e.report(&HandlerError{Namespace: namespace, Socket: id, Event: "middleware", Err: err})
		payload.Message = errInternal.Error()
	case errors.As(err, &ours):
		payload.Message, payload.Data = ours.Message, ours.Data
	case errors.As(err, &quota):
		payload.Message = string(quota.Quota)
	}
	e.auditClient(c, AuditEvent{Kind: AuditRefuse, Namespace: namespace, SID: id, Reason: payload.Message, Err: err})
	var data backplane.Value
	encode := func() { data, err = backplane.NewValue(c.Protocol().Refusal(payload)) }
	if payload.Data == nil {
		encode()
	} else if fault := guard.Isolate(encode); fault != nil || err != nil {
		e.report(&HandlerError{Namespace: namespace, Socket: id, Event: "middleware", Err: cmp.Or(fault, err)})
		payload.Data = nil
		encode()
	}
	e.sendPacket(c, &parser.Packet{Type: parser.ConnectError, Namespace: namespace, ID: parser.NoID, Data: data})
}

// sendPacket sends a packet that is not an event.
func (e *environment) sendPacket(c *client.Client, p *parser.Packet) {
	frame, err := newFrame(encoder.Encode(p))
	if err != nil {
		e.report(err)
		return
	}
	c.Send(frame, engineio.SendOptions{})
}

// join makes the socket a member of its namespace and greets the client. It returns false if the client has
// disconnected or tried again in the meantime, or if the namespace is closed.
func (s *Socket) join() bool {
	pid := ""
	if s.session != nil {
		pid = s.session.pid
	}
	data, err := backplane.NewValue(s.client.Protocol().Greeting(client.Greeting{SID: s.id, PID: pid}))
	if err != nil {
		return false // cannot happen: two strings can be encoded
	}
	hello, _, err := encoder.Encode(&parser.Packet{Type: parser.Connect, Namespace: s.name, ID: parser.NoID,
		Data: data})
	if err != nil {
		s.report("connection", err)
		return false
	}

	if s.session != nil {
		s.session.joining.Lock()
		defer s.session.joining.Unlock()
	}
	if !s.client.EnterNamespace() {
		return false
	}
	s.mu.Lock()
	if !s.state.CompareAndSwap(client.Connecting, client.Registered) {
		s.mu.Unlock()
		s.client.LeaveNamespace()
		return false
	}
	rooms := s.rooms
	s.mu.Unlock()
	events, upTo, ok := s.enter(rooms)
	s.roster.pending.remove(s)
	s.mu.Lock()
	if s.state.Load() != client.Disconnected { // else they are the rooms that the socket was in
		s.rooms = nil
	}
	s.mu.Unlock()
	var missed []wsframe.Part
	if ok {
		missed, ok = s.parts(events)
	}
	if ok {
		s.client.Joined()
		s.env.auditClient(s.client, AuditEvent{Kind: AuditConnect, Namespace: s.name, SID: s.id})
		if ok = s.greet(hello, missed, upTo); ok {
			s.env.counts.sentEvents.Add(uint64(len(events)))
		}
	}
	if !ok {
		s.dropSession()
		s.leaveNamespace(nil)
		s.client.Close(engineio.ForcedClose) // the client comes back as a new one
	}
	return ok
}
