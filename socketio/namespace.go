package socketio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// Namespace is a Socket.IO namespace: the clients that have joined it, on all nodes. It has the methods of a
// backplane.Namespace and of a backplane.Target, which act on all of these clients or on the clients in some rooms.
// It is safe for concurrent use.
//
// The functions that are added with OnConnection and Use are called for clients that join later, in the order in
// which they were added.
type Namespace struct {
	*backplane.Namespace
	roster

	owner    namespaceOwner
	server   *Server
	parent   *ParentNamespace // nil: none
	prepared chan struct{}    // closed when clients may join
	closed   chan struct{}    // closed when the namespace is closed
	ready    atomic.Bool      // waitReady has waited
	closing  sync.Once

	reservation // guarded by the owner

	mu         sync.Mutex // guards all below
	middleware []func(*Socket) error
	connection funcList[func(*Socket)]
	serverSide map[string][]*handler.Handler
	rooms      roomEvents
}

// reservation says whether a namespace is still needed.
type reservation struct {
	users   int  // clients that have joined the namespace, or are about to
	dynamic bool // a client has opened it, and the application has not called Of for it
	closes  bool // it is closed, or about to be, while the server goes on
}

// namespaceOwner is the server as a namespace sees it. It keeps the namespaces that are open.
type namespaceOwner interface {
	// release is called when a client for which the namespace was reserved has left it, or may not join it.
	release(*Namespace)
	// close closes a namespace.
	close(context.Context, *Namespace) error
	// isClosing reports whether a namespace was closed, or is about to be, while the server goes on.
	isClosing(*Namespace) bool
}

// newNamespace returns a namespace that is not in the cluster yet. server is for the accessors of the namespace
// and of its sockets.
func newNamespace(env *environment, owner namespaceOwner, server *Server, name string,
	parent *ParentNamespace) *Namespace {
	ns := &Namespace{owner: owner, server: server, parent: parent, prepared: make(chan struct{}),
		closed: make(chan struct{}),
		roster: roster{env: env, name: name, registry: backplane.NewRegistry(backplane.RegistryConfig{})}}
	ns.namespace, ns.release = ns, func() { owner.release(ns) }
	return ns
}

// Name returns the namespace's name, such as "/chat".
func (ns *Namespace) Name() string { return ns.name }

// Server returns the server.
func (ns *Namespace) Server() *Server { return ns.server }

// OnConnection calls f for each client that joins the namespace, before any event of the client is handled. off
// removes f.
func (ns *Namespace) OnConnection(f func(*Socket)) (off func()) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	added := ns.connection.add(f, false)
	return func() {
		ns.mu.Lock()
		defer ns.mu.Unlock()
		ns.connection.drop(added)
	}
}

// Use adds f as a middleware, which decides whether a client may join. If f returns an error, the client is
// refused: it gets a connect_error with the error's text as the message and, for an *Error, with its Data. f may
// block, and may call methods of the socket such as Join, SetData and On. Events that f emits to the socket, or to
// a room that the socket has joined, reach the client after it has connected, in order. They are dropped if the
// client is refused.
func (ns *Namespace) Use(f func(*Socket) error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.middleware = append(ns.middleware, notNil(f))
}

// OnServerSide calls fn for each event with this name that another node sends with ServerSideEmit. fn has the same
// form as for Socket.On. The first call of its ack, if it has one, answers ServerSideEmitWithAck. fn must not
// block: messages from other nodes wait for it. off removes fn. OnServerSide panics if fn has another form.
func (ns *Namespace) OnServerSide(event string, fn any) (off func()) {
	h := mustHandler("OnServerSide", event, fn)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.serverSide == nil {
		ns.serverSide = make(map[string][]*handler.Handler)
	}
	ns.serverSide[event] = append(ns.serverSide[event], h)
	return func() {
		ns.mu.Lock()
		defer ns.mu.Unlock()
		ns.serverSide[event] = slices.DeleteFunc(slices.Clone(ns.serverSide[event]),
			func(e *handler.Handler) bool { return e == h })
	}
}

// OffServerSide removes all functions that were added with OnServerSide for an event.
func (ns *Namespace) OffServerSide(event string) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.serverSide, event)
}

// Sockets returns the sockets of this node, in the order in which they connected. FetchSockets returns those of all
// nodes.
func (ns *Namespace) Sockets() []*Socket { return ns.sockets() }

// Socket returns the socket of this node with this id, or nil if there is none.
func (ns *Namespace) Socket(id string) *Socket { return ns.find(id) }

// SocketsCount returns the number of sockets of this node.
func (ns *Namespace) SocketsCount() int { return ns.registry.Len() }

// Rooms returns the names of the rooms on this node. They include the room of each socket that is named after the
// socket's id.
func (ns *Namespace) Rooms() []string { return ns.registry.Rooms() }

// Close disconnects the clients of this node from the namespace, and closes the namespace on this node of the
// cluster. Clients cannot join it any more until it is opened again.
func (ns *Namespace) Close(ctx context.Context) error { return ns.owner.close(ctx, ns) }

// listeners returns the functions of Use and OnConnection.
func (ns *Namespace) listeners() (middleware []func(*Socket) error, connection funcList[func(*Socket)]) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.middleware, ns.connection
}
