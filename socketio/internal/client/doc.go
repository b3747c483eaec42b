// Package client serves one client of a Socket.IO server: a connection, its sockets, one per namespace, and the
// queue of events that the application's functions have to handle.
//
// The connection's reader calls [Client.Message], which decodes a packet and finds the [Socket] that the packet
// is for. Acknowledgements are handled at once. Everything else, which calls functions of the application, goes
// to the client's queue. One goroutine at a time works on the queue, in order. When the queue is full, the
// reader pauses.
//
// The package does not depend on namespaces or on the server. It uses them through two interfaces: [Host] and
// [Socket].
//
// # Files
//
//   - protocol.go: what the versions of Socket.IO's protocol differ in
//   - client.go: packets from the connection to sockets, and back
//   - joining.go: new sockets, and whether there may be one
//   - events.go: the queue's limits, and the goroutine that handles what is queued
//   - queue.go: the queue itself
//   - sockets.go: the sockets of a client, by namespace
package client

import (
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Config is the same for all clients of a server. A negative limit means no limit, except for the limits of
// attachments.
type Config struct {
	MaxAttachments     int // of a packet
	MaxAttachmentBytes int // of a packet with attachments
	MaxEvents          int // in the queue
	MaxEventBytes      int // in the queue
	MaxNamespaces      int // that a client has joined or wants to join
	MaxAuthBytes       int // of the packet that joins a namespace

	Memory    *quota.Budget    // of all clients
	Scheduler *sched.Scheduler // runs the goroutines that handle the queues
	Report    func(error)      // for errors without a caller that could return them
	Journal   *journal.Journal

	SlowAfter time.Duration // how long the functions for an event may take before Host.OnSlow; 0: not measured
	Counts    *Counts       // nil: nothing is counted
}

// Host is the part of the server that one client uses.
type Host interface {
	// NewSocket returns the socket for a namespace that the client wants to join.
	NewSocket(namespace string, auth codec.Value) Socket
	// Connect lets the socket join its namespace. It may block.
	Connect(Socket)
	// Refuse tells the client why it cannot join a namespace.
	Refuse(namespace string, err error)
	// OnSlow is called when the functions for an event took Config.SlowAfter or longer.
	OnSlow(s Socket, event string, took time.Duration)
	// OnJoined is called whenever the client has joined a namespace.
	OnJoined()
	// OnQuota records that the client has reached a quota, and returns the error for it.
	OnQuota(quota.Name) error
	// OnClosed is called once, when the connection has ended.
	OnClosed(reason engineio.Reason, err error)
	// OnLeft is called once, when the connection has ended and the client's sockets have left their namespaces.
	OnLeft()
	// OnReleased is called once and last, when no more functions will be called for the client.
	OnReleased()
}

// Socket is the part of a Socket.IO socket, a client's connection to one namespace, that the client uses.
type Socket interface {
	Namespace() string
	State() State
	// Supersede gives the socket up while it is connecting, because the client tries to join again.
	Supersede()
	// Acknowledge passes on an acknowledgement of the client. It does not block.
	Acknowledge(*parser.Packet)
	// Lost is called as soon as the client has left the namespace or its connection has ended, without waiting
	// for queued events. It does not block.
	Lost(reason string)
	// Handle calls the functions for an event.
	Handle(*parser.Packet)
	// End calls the functions for the end of the socket, after the events that came before it.
	End(reason string)
	// Finish calls the functions for the end of a socket that the server has ended already.
	Finish(reason string)
}

// State is the state of a socket. It only moves forward.
type State = int32

// The states of a socket, in order.
const (
	Connecting   State = 0 // the middlewares decide; packets to the client wait until the CONNECT packet has been sent
	Registered   State = 1 // in the namespace's registry; packets to the client still wait
	Connected    State = 2 // the CONNECT packet has been sent
	Disconnected State = 3 // no longer in the registry, or never was
)

// The disconnect reasons that this package uses in addition to those of package engineio.
const (
	ClientDisconnect  = "client namespace disconnect"
	ForcedServerClose = engineio.Reason("forced server close")
)
