package socketio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// Namespace is one audience: the clients that have joined it, on all nodes. What can be done to all of them, or to those in
// a room, is what a cluster's namespace can do; see backplane.Namespace and backplane.Target. It is safe for
// concurrent use.
//
// Funcs given to OnConnection, Use and the other methods here are called for clients that come later, in the order in
// which they were given.
type Namespace struct {
	*backplane.Namespace

	waited   atomic.Bool // for it to be ready
	server   *Server
	name     string
	parent   *ParentNamespace // nil: none
	registry *backplane.Registry
	log      *recoveryLog // nil: no connection state recovery
	prepared chan struct{}
	closed   chan struct{}
	once     sync.Once

	arrivals arrivals
	ids      atomic.Int64 // of acknowledgements
	curious  atomic.Int32 // how many sockets have OnAnyOutgoing funcs

	// guarded by the server's mu
	users   int  // clients that have joined it, or are about to
	dynamic bool // a client has opened it, and the application has not asked for it
	closing bool

	mu         sync.Mutex // guards all below
	middleware []func(*Socket) error
	connected  funcList[func(*Socket)]
	serverSide map[string][]*handler.Handler
	rooms      roomEvents
}

func newNamespace(s *Server, name string, parent *ParentNamespace) *Namespace {
	ns := &Namespace{server: s, name: name, parent: parent, registry: backplane.NewRegistry(backplane.RegistryConfig{}),
		prepared: make(chan struct{}), closed: make(chan struct{})}
	if s.config.Recovery != nil {
		ns.log = newRecoveryLog(s.config.Recovery, name)
	}
	return ns
}

// Name returns the namespace's name, such as "/chat".
func (ns *Namespace) Name() string { return ns.name }

// Server returns the server.
func (ns *Namespace) Server() *Server { return ns.server }

// OnConnection calls f for each client that joins the namespace, before any event of it is handled. off removes f.
func (ns *Namespace) OnConnection(f func(*Socket)) (off func()) {
	return ns.add(&ns.connected, f)
}

// add adds f to one of the namespace's lists, and returns what removes it.
func (ns *Namespace) add(to *funcList[func(*Socket)], f func(*Socket)) (off func()) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	kept := to.add(f, false)
	return func() {
		ns.mu.Lock()
		defer ns.mu.Unlock()
		to.drop(kept)
	}
}

// Use lets f decide about each client that wants to join. An error refuses it: the client gets a connect_error with the
// error's text as its message and, if it is an *Error, with its Data. f may take its time, and call what a Socket has:
// Join, SetData, On and so forth. What it emits to the socket, or broadcasts to a room that the socket has joined, reaches the client
// after its connection, in order, and is dropped if the client is refused.
func (ns *Namespace) Use(f func(*Socket) error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.middleware = append(ns.middleware, given(f))
}

// OnServerSide calls fn for the event that other nodes' ServerSideEmit sends; fn has the form that Socket.On takes. Its
// first call of ack, if it has one, answers ServerSideEmitWithAck. It must not block: it holds up what comes from other
// nodes. off removes fn. It panics when fn is no such func.
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
		ns.serverSide[event] = slices.DeleteFunc(slices.Clone(ns.serverSide[event]), func(e *handler.Handler) bool { return e == h })
	}
}

// OffServerSide removes all funcs that OnServerSide was given for an event.
func (ns *Namespace) OffServerSide(event string) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.serverSide, event)
}

// Sockets returns the clients of this node, in the order in which they connected. FetchSockets finds those of other nodes.
func (ns *Namespace) Sockets() []*Socket {
	var all []*Socket
	ns.registry.Each(backplane.Selector{}, func(m backplane.Socket) { all = append(all, (*Socket)(m.(*member))) })
	return all
}

// Socket returns this node's client of this id, nil if there is none.
func (ns *Namespace) Socket(id string) *Socket {
	var found *Socket
	ns.registry.Each(backplane.Selector{Rooms: []string{id}}, func(m backplane.Socket) {
		if m.ID() == id {
			found = (*Socket)(m.(*member))
		}
	})
	return found
}

// SocketsCount returns the number of clients of this node.
func (ns *Namespace) SocketsCount() int { return ns.registry.Len() }

// Rooms returns the names of this node's rooms. Those of single clients, named as their ids, are among them.
func (ns *Namespace) Rooms() []string { return ns.registry.Rooms() }

// Close disconnects the namespace's clients of this node and leaves the cluster, which is told so. Clients cannot join it
// any more, until it is opened again.
func (ns *Namespace) Close(ctx context.Context) error {
	ns.server.mu.Lock()
	ns.closing = true
	ns.server.mu.Unlock()
	for _, s := range ns.Sockets() {
		s.Disconnect(false)
	}
	return ns.shut(ctx)
}

// isClosing reports whether the namespace is closed, or about to be, by itself: because its last client has left, or by Close.
func (ns *Namespace) isClosing() bool {
	ns.server.mu.Lock()
	defer ns.server.mu.Unlock()
	return ns.closing
}

// shut leaves the cluster and forgets the namespace. It is called once closing is set, or the server is closed.
func (ns *Namespace) shut(ctx context.Context) error {
	var err error
	ns.once.Do(func() {
		err = ns.Namespace.Close(ctx)
		s := ns.server
		s.mu.Lock()
		if !s.closed && s.namespaces[ns.name] == ns {
			delete(s.namespaces, ns.name)
			ns.count(-1)
		}
		s.mu.Unlock()
		if ns.parent != nil {
			ns.parent.forget(ns)
		}
		if ns.log != nil {
			ns.log.forget()
		}
		close(ns.closed)
	})
	return err
}

// count adds n to the number of namespaces that clients have opened, if this is one. The caller holds the server's mu.
func (ns *Namespace) count(n int) {
	if ns.dynamic {
		ns.server.dynamic += n
	}
}

// release takes back a reservation. The last client of a namespace that a client has opened closes it.
func (ns *Namespace) release() {
	s := ns.server
	s.mu.Lock()
	ns.users--
	empty := ns.users == 0 && !ns.closing && !s.closed && ns.dynamic && !s.config.KeepEmptyNamespaces
	if empty && ns.log != nil {
		if wait := ns.log.expected(); wait > 0 {
			ns.users++ // those who may come back
			time.AfterFunc(wait, ns.release)
			empty = false
		}
	}
	if empty {
		ns.closing = true
	}
	s.mu.Unlock()
	if empty {
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		if err := ns.shut(ctx); err != nil {
			s.report(err)
		}
	}
}

// nextID returns an id for an acknowledgement. It is unique in the namespace, so that one frame serves all its clients.
func (ns *Namespace) nextID() int64 { return ns.ids.Add(1) - 1 }

// funcs returns what was given to Use and OnConnection.
func (ns *Namespace) funcs() (middleware []func(*Socket) error, connected funcList[func(*Socket)]) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.middleware, ns.connected
}
