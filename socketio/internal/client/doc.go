// Package client serves one client of a Socket.IO server: a connection, the sockets that it has in its
// namespaces, and the queue of what the application's functions have to handle.
//
// The way of a packet: the connection's reader calls [Client.Message], which decodes a packet and finds the
// [Socket] it is for. Acknowledgements are handled at once. Everything that calls functions of the application
// goes to the client's queue, and one goroutine at a time handles what is queued, in its order. When the queue is
// full, the reader pauses.
//
// The package knows nothing of namespaces and of the server. What it needs of them is in two interfaces: [Host]
// and [Socket].
//
// # Files
//
//   - client.go: packets from the connection to sockets, and back
//   - events.go: the queue's limits, and the goroutine that handles what is queued
//   - queue.go: the queue itself
//   - sockets.go: the sockets of a client, by namespace
package client

import (
	"log/slog"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Config is the same for all clients of a server. Negative limits are no limits, except for those of attachments.
type Config struct {
	MaxAttachments     int // of a packet
	MaxAttachmentBytes int // of a packet with attachments
	MaxEvents          int // in the queue
	MaxEventBytes      int // in the queue
	MaxNamespaces      int // that a client has joined or wants to join
	MaxAuthBytes       int // of the packet that joins a namespace

	Memory    *quota.Budget    // of all clients
	Scheduler *sched.Scheduler // of the goroutines that handle what is queued
	Report    func(error)      // for errors without a caller that could return them
	Logger    *slog.Logger
}

// Host is the server, as one client knows it.
type Host interface {
	// NewSocket returns the socket for a namespace that the client wants to join.
	NewSocket(namespace string, auth codec.Value) Socket
	// Connect lets the socket join its namespace. It may block.
	Connect(Socket)
	// Refuse tells the client why it cannot join a namespace.
	Refuse(namespace string, err error)
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

// Socket is a client's place in one namespace, as the client knows it.
type Socket interface {
	Namespace() string
	State() State
	// Supersede gives the socket up while it is connecting, because the client tries to join again.
	Supersede()
	// Acknowledge passes on an acknowledgement of the client. It does not block.
	Acknowledge(*parser.Packet)
	// Lost is called at once when the client has left the namespace or its connection has ended. It does not
	// block.
	Lost(reason string)
	// Handle calls the functions for an event.
	Handle(*parser.Packet)
	// End calls the functions for the end of the socket, after the events that came before it.
	End(reason string)
	// Finish calls the functions for the end of a socket that the server has ended already.
	Finish(reason string)
}

// State says how far a socket has come. States only change forward.
type State = int32

// The states of a socket, in their order.
const (
	Connecting   State = 0 // the middlewares decide; what is sent to the socket waits until the client is greeted
	Registered   State = 1 // in the namespace's registry; what is sent waits as before
	Connected    State = 2 // greeted
	Disconnected State = 3 // not in the registry any more, or never was
)

// The reasons for the end of a socket or a connection that this package gives, besides those of Engine.IO.
const (
	ClientDisconnect  = "client namespace disconnect"
	ForcedServerClose = engineio.Reason("forced server close")
)
