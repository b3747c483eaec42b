package socketio

import (
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// endpoint is a Socket as package client sees it.
type endpoint Socket

var _ client.Socket = (*endpoint)(nil)

// Namespace implements client.Socket.
func (e *endpoint) Namespace() string { return e.name }

// State implements client.Socket.
func (e *endpoint) State() client.State { return e.state.Load() }

// Supersede implements client.Socket.
func (e *endpoint) Supersede() { e.state.CompareAndSwap(client.Connecting, client.Disconnected) }

// Acknowledge implements client.Socket.
func (e *endpoint) Acknowledge(p *parser.Packet) { (*Socket)(e).acknowledged(p) }

// Handle implements client.Socket.
func (e *endpoint) Handle(p *parser.Packet) { (*Socket)(e).handleEvent(p) }

// Lost implements client.Socket.
func (e *endpoint) Lost(reason string) {
	s := (*Socket)(e)
	if !recoverableReasons[reason] && s.state.Load() != client.Connecting {
		s.dropSession()
	}
	s.disconnected()
}

// End implements client.Socket.
func (e *endpoint) End(reason string) {
	s := (*Socket)(e)
	if s.state.CompareAndSwap(client.Connecting, client.Disconnected) || !s.claimEnd() {
		return
	}
	s.finish(reason)
}

// Finish implements client.Socket.
func (e *endpoint) Finish(reason string) { (*Socket)(e).finish(reason) }
