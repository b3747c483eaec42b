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

// Namespace is one audience of a cluster: the clients of this process, which LocalSockets has, and those of the
// peers. It has all methods of Target, which are then for every socket of the namespace. It is safe for concurrent
// use.
type Namespace struct {
	Target

	cluster   *Cluster
	name      string
	channel   string
	uid       string
	closeKey  string // proves the leave message
	closeHash string
	local     LocalSockets
	members   *membership
	requests  *requests
	queues    receiveQueues
	held      heldBack // waits for the store
	limits    limits

	custom  atomic.Pointer[func(data codec.Value, answer func(any))] // see OnCustomRequest
	ready   chan struct{}                                            // closed when it listens
	opening sync.Mutex                                               // held by askToListen
	closing atomic.Bool                                              // Close was called, or is not needed
	closed  chan struct{}                                            // closed when Close has finished

	ctx       context.Context // ends with the namespace
	cancel    context.CancelFunc
	listening atomic.Bool // it listens, so the peers may know of it
	leaveSent atomic.Bool // the leave message is being published; no message follows it

	// The rest is for the heartbeats, see presence.go.
	mustListenAgain atomic.Bool  // NamespaceAsync could not listen
	mustAnnounce    atomic.Bool  // the peers do not know yet that it listens again
	mustBeat        atomic.Bool  // a Heartbeat that peers wait for has failed
	replyQueued     atomic.Bool  // a Heartbeat that answers announcements is queued
	lastActive      atomic.Int64 // nanoseconds since Cluster.began: a message came back, or a Heartbeat was queued
}

// receiveQueues are the two receive queues of a namespace. Answers have their own queue, because LocalSockets may
// wait for them while it handles a message.
type receiveQueues struct{ messages, answers *receiveQueue }

func (q receiveQueues) close() {
	q.messages.close()
	q.answers.close()
}

// Namespace opens a namespace, such as "/" or "/chat", for the clients of local. It returns once this node receives
// what others send there and has announced itself. It returns ErrNamespaceExists for a name that is open, a
// *NameError for a name that the bus cannot carry, and ErrClosed when the cluster is closed, or is being closed
// meanwhile.
func (c *Cluster) Namespace(ctx context.Context, name string, local LocalSockets) (*Namespace, error) {
	ns, err := c.newNamespace(name, local)
	if err != nil {
		return nil, err
	}
	if err := c.register(ns); err != nil {
		return nil, err
	}
	if err := c.listener.listen(ctx, ns.channel); err != nil {
		closed := ns.ctx.Err() != nil // by the cluster's Close
		c.unregister(ns)
		ns.end()
		ns.queues.close()
		if closed {
			return nil, ErrClosed
		}
		return nil, &OpError{Op: "listen", Channel: ns.channel, Err: err}
	}
	ns.nowListens()
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
	ns := &Namespace{cluster: c, name: name, channel: channel, uid: c.config.UID, local: local,
		ready: make(chan struct{}), closed: make(chan struct{})}
	ns.ctx, ns.cancel = context.WithCancel(c.ctx)
	if ns.uid == "" {
		ns.uid = randomID()
	}
	ns.Target = Target{ns: ns}
	ns.closeKey, ns.closeHash = newCloseKey()
	ns.members = newMembership(c.config, c.processes, func(uid string) {
		if f := c.hooks.Load().PeerJoined; f != nil {
			c.trace("PeerJoined", func() { f(name, uid) })
		}
	}, func(uid string) {
		ns.peerLeft(uid, true)
		ns.inquire()
	})
	mayRespond := func(uid string) bool { return uid == ns.uid || ns.members.mayRespond(uid) }
	ns.requests = newRequests(mayRespond, c.config.MaxAnswerBytes)
	ns.queues = receiveQueues{messages: ns.newQueue(ns.handleMessage), answers: ns.newQueue(ns.handleAnswer)}
	return ns, nil
}

// nowListens notes that this node receives what is sent to the namespace.
func (ns *Namespace) nowListens() {
	ns.lastActive.Store(int64(time.Since(ns.cluster.began)))
	ns.listening.Store(true)
	close(ns.ready)
}

func (ns *Namespace) newQueue(handle func(*codec.Envelope)) *receiveQueue {
	c := ns.cluster
	return &receiveQueue{
		ctx: ns.ctx, maxItems: c.config.ReceiveQueue, maxBytes: c.config.ReceiveQueueBytes, group: &c.group,
		reader: &attachmentReader{store: c.config.Store, wire: c.wire, maxBytes: c.config.MaxMessageBytes,
			timeout: c.config.PublishTimeout, fetched: ns.attachmentFetched},
		handle: handle, dropped: ns.dropped,
	}
}

// register makes messages on the namespace's channel reach it.
func (c *Cluster) register(ns *Namespace) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == isClosing:
		return ErrClosed
	case !c.running:
		return errors.New("backplane: Namespace: the cluster was not started: call Start first")
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

// UID returns the id under which the peers know this node in this namespace.
func (ns *Namespace) UID() string { return ns.uid }

// Peers returns the uids of the other nodes of the namespace, in alphabetical order. While this node is deaf (it
// receives nothing, from Trace.SessionLost to Trace.SessionRecovered), it returns the peers that were last known. It
// returns none before WaitReady.
func (ns *Namespace) Peers() []string { return ns.members.uids() }

// ServerCount returns the number of known nodes: the peers and this one.
func (ns *Namespace) ServerCount() int { return 1 + ns.members.count() }

// hasNoPeers reports whether there are certainly no peers: this node can hear them, and none has answered its
// announcement.
func (ns *Namespace) hasNoPeers(now time.Time) bool {
	return ns.members.isEmpty(now) && !ns.cluster.listener.heardUntil().IsZero()
}

// WaitForPeers returns once at least n other nodes are known, or with ctx's error.
func (ns *Namespace) WaitForPeers(ctx context.Context, n int) error { return ns.members.wait(ctx, n) }

// Close sends the peers a leave message and stops receiving. After it, LocalSockets is not called any more, but a
// call may still be under way. Requests under way end with ErrClosed. Close does not disconnect this process's
// clients. It returns an error if the leave message could not be published. When ctx ends before Close has finished,
// Close returns and the rest goes on. A second call waits for the first one.
func (ns *Namespace) Close(ctx context.Context) error {
	if !ns.closing.CompareAndSwap(false, true) {
		return ns.waitClosed(ctx)
	}
	defer close(ns.closed)
	err := ns.publish(ctx, &codec.Envelope{Type: codec.AdapterClose})
	if err != nil {
		ns.cluster.process.leaveLost()
	}
	ns.end()
	ns.opening.Lock()   // askToListen has asked before, or will not ask
	ns.opening.Unlock() //lint:ignore SA2001 only the waiting matters
	if e := ns.cluster.listener.unlisten(ctx, ns.channel); err == nil && e != nil {
		err = &OpError{Op: "unlisten", Channel: ns.channel, Err: e}
	}
	ns.cluster.unregister(ns)
	ns.queues.close()
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

// closeWithCluster is the part of Close that is needed when the whole cluster closes.
func (ns *Namespace) closeWithCluster(ctx context.Context) {
	if !ns.closing.CompareAndSwap(false, true) {
		_ = ns.waitClosed(ctx) // for its leave message
		return
	}
	defer close(ns.closed)
	ns.publishAsync(&codec.Envelope{Type: codec.AdapterClose})
	ns.end()
}

// end ends whatever waits in the namespace.
func (ns *Namespace) end() {
	ns.cancel()
	ns.requests.close()
	ns.members.close()
}

// publish publishes env and waits for the outcome.
func (ns *Namespace) publish(ctx context.Context, env *codec.Envelope) error {
	o := ns.operation(env)
	defer o.release()
	return o.publish(ctx)
}

// publishAsync publishes env without waiting, and reports errors.
func (ns *Namespace) publishAsync(env *codec.Envelope) {
	o := ns.operation(env)
	defer o.release()
	if err := o.publishAsync(); err != nil {
		ns.reportUnsent(err)
	}
}

// reportUnsent reports why a message that nobody waits for could not be queued.
func (ns *Namespace) reportUnsent(err error) {
	if !errors.Is(err, ErrClosed) {
		ns.cluster.report(&OpError{Op: "publish", Channel: ns.channel, Err: err})
	}
}

// peerLeft traces that a peer has left or (expired) was silent for too long.
func (ns *Namespace) peerLeft(uid string, expired bool) {
	if f := ns.cluster.hooks.Load().PeerLeft; f != nil {
		ns.cluster.trace("PeerLeft", func() { f(ns.name, uid, expired) })
	}
}
