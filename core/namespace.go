package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Namespace is one audience of a cluster: this process's clients, who are Local's, and those of its peers. All methods
// of a Target are its own too and mean every socket of the namespace. It is safe for concurrent use.
type Namespace struct {
	Target

	cluster   *Cluster
	name      string
	channel   string
	uid       string
	closeKey  string // proves the goodbye
	closeHash string
	local     LocalSockets
	members   *membership
	requests  *requests
	lanes     lanes
	held      heldBack // from the queue for the bus

	custom    atomic.Pointer[func(data codec.Value, answer func(any))] // see OnCustomRequest
	greeting  atomic.Bool                                              // a Heartbeat that answers newcomers is queued
	ready     chan struct{}                                            // closed when it listens
	opening   sync.Mutex                                               // held while open asks to listen
	closing   atomic.Bool                                              // Close was called, or is not needed
	closed    chan struct{}                                            // closed when Close has finished
	leaveSent atomic.Bool                                              // the goodbye is on its way: the last message of all

	ctx       context.Context // ends with the namespace
	cancel    context.CancelFunc
	listening atomic.Bool // it listens, so the peers may know of it
	refused   atomic.Bool // NamespaceAsync could not listen: it is to be tried again
	unheard   atomic.Bool // the peers have not been told that it listens again
	owing     atomic.Bool // a Heartbeat did not go out that peers wait for
	limits    limits
	spoke     atomic.Int64 // when a message of its own last came back, or a Heartbeat was queued: nanoseconds since Cluster.began
}

// lanes are a namespace's two queues of received messages: answers must not wait behind messages whose Local waits
// for answers.
type lanes struct{ messages, answers *lane }

func (l lanes) close() {
	l.messages.close()
	l.answers.close()
}

// Namespace opens a namespace, such as "/" or "/chat", for the clients of local. It returns once the node receives
// what others send there and has announced itself. It returns ErrNamespaceExists for a name that is open, a
// *NameError for one that the bus cannot carry, and ErrClosed when the cluster is closed, also when that happens meanwhile.
func (c *Cluster) Namespace(ctx context.Context, name string, local LocalSockets) (*Namespace, error) {
	ns, err := c.newNamespace(name, local)
	if err != nil {
		return nil, err
	}
	if err := c.register(ns); err != nil {
		return nil, err
	}
	if err := c.listener.listen(ctx, ns.channel); err != nil {
		closed := ns.ctx.Err() != nil // the cluster's Close
		c.unregister(ns)
		ns.end()
		ns.lanes.close()
		if closed {
			return nil, ErrClosed
		}
		return nil, &OpError{Op: "listen", Channel: ns.channel, Err: err}
	}
	ns.listens()
	if err := ns.publish(ctx, &codec.Envelope{Type: codec.InitialHeartbeat}); err != nil {
		closed := ns.ctx.Err() != nil // as above
		_ = ns.Close(ctx)             // the error of publishing is the one that matters
		if closed {
			return nil, ErrClosed
		}
		return nil, err
	}
	return ns, nil
}

func (c *Cluster) newNamespace(name string, local LocalSockets) (*Namespace, error) {
	if local == nil {
		return nil, errors.New("backplane: Namespace: local is nil")
	}
	channel, err := wire.Channel(c.config.ChannelPrefix, name, c.config.Bus.Limits())
	if err != nil {
		return nil, err
	}
	ns := &Namespace{cluster: c, name: name, channel: channel, uid: c.config.UID, local: local, ready: make(chan struct{}), closed: make(chan struct{})}
	ns.ctx, ns.cancel = context.WithCancel(c.ctx)
	if ns.uid == "" {
		ns.uid = randomID()
	}
	ns.Target = Target{ns: ns}
	ns.closeKey, ns.closeHash = newCloseKey()
	ns.members = newMembership(c.config, c.lives, func(uid string) {
		if f := c.hooks.Load().PeerJoined; f != nil {
			c.trace("PeerJoined", func() { f(name, uid) })
		}
	}, func(uid string) {
		ns.left(uid, true)
		ns.inquire()
	})
	ns.requests = newRequests(func(uid string) bool { return uid == ns.uid || ns.members.present(uid) }, c.config.MaxAnswerBytes)
	ns.lanes = lanes{messages: ns.newLane(ns.handle), answers: ns.newLane(ns.answer)}
	return ns, nil
}

// listens notes that the node receives what is sent to the namespace.
func (ns *Namespace) listens() {
	ns.spoke.Store(int64(time.Since(ns.cluster.began)))
	ns.listening.Store(true)
	close(ns.ready)
}

func (ns *Namespace) newLane(handle func(*codec.Envelope)) *lane {
	c := ns.cluster
	return &lane{
		ctx: ns.ctx, maxItems: c.config.ReceiveQueue, maxBytes: c.config.ReceiveQueueBytes, group: &c.group,
		fetcher: &fetcher{store: c.config.Store, wire: c.wire, max: c.config.MaxMessageBytes, timeout: c.config.PublishTimeout,
			fetched: ns.fetched},
		handle: handle, dropped: ns.dropped,
	}
}

// register makes messages of the namespace's channel reach it.
func (c *Cluster) register(ns *Namespace) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == isClosing:
		return ErrClosed
	case !c.running:
		return errors.New("backplane: Namespace: the cluster was not started")
	}
	if c.namespaces[ns.channel] != nil {
		return ErrNamespaceExists
	}
	c.namespaces[ns.channel] = ns
	return nil
}

func (c *Cluster) unregister(ns *Namespace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.namespaces[ns.channel] == ns {
		delete(c.namespaces, ns.channel)
	}
}

// Name returns the namespace's name, such as "/chat".
func (ns *Namespace) Name() string { return ns.name }

// UID returns how the peers know this node in this namespace.
func (ns *Namespace) UID() string { return ns.uid }

// Peers returns the uids of the other nodes that have shown signs of life, in alphabetical order. While the node is deaf, from
// Trace.SessionLost to Trace.SessionRecovered, that is what was last known. It is nobody before WaitReady.
func (ns *Namespace) Peers() []string { return ns.members.uids() }

// ServerCount returns the number of nodes that are known, as Peers has it: the peers and this one.
func (ns *Namespace) ServerCount() int { return 1 + ns.members.count() }

// hasNoPeers reports whether the node knows for certain that it has no peers: it can hear them, and none answers.
func (ns *Namespace) hasNoPeers(now time.Time) bool {
	return ns.members.empty(now) && !ns.cluster.listener.heardUntil().IsZero()
}

// WaitForPeers returns once at least n other nodes are known, or with ctx's error.
func (ns *Namespace) WaitForPeers(ctx context.Context, n int) error { return ns.members.wait(ctx, n) }

// Close says goodbye to the peers and stops receiving: Local is not called any more, but for a call that is under way.
// Requests under way end with ErrClosed. It does not disconnect this process's clients. It returns an error when the goodbye
// could not be published. When ctx ends before all is done, the rest goes on without the caller. Closing again waits for the
// first to finish.
func (ns *Namespace) Close(ctx context.Context) error {
	if !ns.closing.CompareAndSwap(false, true) {
		return ns.waitClosed(ctx)
	}
	defer close(ns.closed)
	err := ns.publish(ctx, &codec.Envelope{Type: codec.AdapterClose})
	if err != nil {
		ns.cluster.process.doubt()
	}
	ns.end()
	ns.opening.Lock()   // who asks to listen has asked before, or does not
	ns.opening.Unlock() //lint:ignore SA2001 only the waiting matters
	if e := ns.cluster.listener.unlisten(ctx, ns.channel); err == nil && e != nil {
		err = &OpError{Op: "unlisten", Channel: ns.channel, Err: e}
	}
	ns.cluster.unregister(ns)
	ns.lanes.close()
	return err
}

func (ns *Namespace) waitClosed(ctx context.Context) error {
	select {
	case <-ns.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// farewell is the part of Close that is left when the whole cluster closes.
func (ns *Namespace) farewell(ctx context.Context) {
	if !ns.closing.CompareAndSwap(false, true) {
		_ = ns.waitClosed(ctx) // its goodbye has its turn
		return
	}
	defer close(ns.closed)
	ns.post(&codec.Envelope{Type: codec.AdapterClose})
	ns.end()
}

// end ends all that waits for something to come.
func (ns *Namespace) end() {
	ns.cancel()
	ns.requests.close()
	ns.members.close()
}

// publish sends env and waits for its outcome.
func (ns *Namespace) publish(ctx context.Context, env *codec.Envelope) error {
	o := ns.operation(env)
	defer o.release()
	return o.publish(ctx)
}

// post sends env without waiting, and reports what goes wrong.
func (ns *Namespace) post(env *codec.Envelope) {
	o := ns.operation(env)
	defer o.release()
	if err := o.publishAsync(); err != nil {
		ns.unsent(err)
	}
}

// unsent reports why a message that nobody waits for could not be queued.
func (ns *Namespace) unsent(err error) {
	if !errors.Is(err, ErrClosed) {
		ns.cluster.report(&OpError{Op: "publish", Channel: ns.channel, Err: err})
	}
}

// left tells that a peer is gone.
func (ns *Namespace) left(uid string, expired bool) {
	if f := ns.cluster.hooks.Load().PeerLeft; f != nil {
		ns.cluster.trace("PeerLeft", func() { f(ns.name, uid, expired) })
	}
}
