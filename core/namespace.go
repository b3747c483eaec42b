package core

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/journal"
)

// Namespace is one audience of a cluster: the clients of this process, which LocalSockets has, and those of the
// peers. It has all methods of Target, which are then for every socket of the namespace. It is safe for concurrent
// use.
type Namespace struct {
	Target

	cluster  *Cluster
	name     string
	route    dialect.Route
	names    []string      // of the channels that it always listens to
	channel  string        // the first of them, for errors
	rooms    *roomChannels // nil if rooms have no channels
	uid      string
	hash     uint32     // of the name, for positions
	log      *logReader // nil if the messages of the namespace are not kept
	local    LocalSockets
	presence presence
	requests *requests
	queues   receiveQueues
	held     heldBack // waits for the store
	limits   limits
	// peerLogsAt are the positions of peers in their logs, by uid; none for those without a log. The lock of limits
	// guards it.
	peerLogsAt map[string]Position
	tellsLog   atomic.Bool // peers have to be told that this node has a log

	custom  atomic.Pointer[func(data codec.Value, answer func(any))] // see OnCustomRequest
	ready   chan struct{}                                            // closed when it listens
	opening sync.Mutex                                               // held by askToListen
	listens *subscription                                            // its channels
	closing atomic.Bool                                              // Close was called, or is not needed
	closed  chan struct{}                                            // closed when Close has finished

	ctx       context.Context // ends with the namespace
	cancel    context.CancelFunc
	listening atomic.Bool // it listens, so the peers may know of it
	leaveSent atomic.Bool // the leave message is being published; no message follows it

	announcing      atomic.Bool // an InitialHeartbeat of this node was sent and has not come back yet
	mustListenAgain atomic.Bool // NamespaceAsync could not listen
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
	ns.watchRooms()
	if ns.listens, err = c.listener.listen(ctx, ns.names); err != nil {
		closed := ns.ctx.Err() != nil // by the cluster's Close
		c.unregister(ns)
		ns.end()
		ns.queues.close()
		if closed {
			return nil, ErrClosed
		}
		return nil, &OpError{Op: "listen", Channel: ns.channel, Err: err}
	}
	if ns.log != nil {
		if err := ns.log.start(ctx); err != nil {
			closed := ns.ctx.Err() != nil // as above
			_ = ns.Close(ctx)
			if closed {
				return nil, ErrClosed
			}
			return nil, err
		}
	}
	if ns.rooms != nil {
		ns.rooms.awaitAll()
	}
	ns.nowListens()
	if err := ns.presence.enter(ctx); err != nil {
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
	if name == "" { // the process's own
		return nil, &NameError{Kind: "namespace", Name: name, Reason: `it must start with "/"`}
	}
	ns := &Namespace{cluster: c, name: name, uid: cmp.Or(c.config.UID, randomID()), local: local,
		ready: make(chan struct{}), closed: make(chan struct{})}
	var err error
	if ns.route, err = c.wire.Namespace(name, ns.uid); err != nil {
		return nil, err
	}
	ns.names = ns.route.Listen()
	ns.channel = ns.names[0]
	if ns.rooms, err = newRoomChannels(ns); err != nil {
		return nil, err
	}
	ns.ctx, ns.cancel = context.WithCancel(c.ctx)
	ns.Target = Target{ns: ns}
	ns.hash = namespaceHash(name)
	if c.config.Log.covers(name) {
		ns.log = newLogReader(ns, c.config.Log)
	}
	ns.presence = newPresence(ns)
	mayRespond := func(uid string) bool { return uid == ns.uid || ns.presence.mayRespond(uid) }
	ns.requests = newRequests(mayRespond, c.config.MaxAnswerBytes)
	ns.requests.counts = c.counts.requests
	if c, ok := ns.presence.(*census); ok {
		ns.requests.named = func(node string) bool { return node == ns.uid || c.isNamed(node) }
		ns.requests.late = c.answeredLate
		_, ns.requests.counted = c.source.(*counted)
	}
	ns.queues = receiveQueues{messages: ns.newQueue(ns.handleMessage), answers: ns.newQueue(ns.handleAnswer)}
	return ns, nil
}

// nowListens notes that this node receives what is sent to the namespace.
func (ns *Namespace) nowListens() {
	ns.presence.cameBack(false, time.Now()) // nothing is due yet
	ns.listening.Store(true)
	close(ns.ready)
	ns.logNamespace(&journal.NamespaceOpened)
}

func (ns *Namespace) newQueue(handle func(*codec.Envelope, Position)) *receiveQueue {
	c := ns.cluster
	return &receiveQueue{
		ctx: ns.ctx, maxItems: c.config.ReceiveQueue, maxBytes: c.config.ReceiveQueueBytes, group: &c.group,
		reader: &attachmentReader{store: c.config.Store, wire: c.wire, maxBytes: c.config.MaxMessageBytes,
			timeout: c.config.PublishTimeout, fetched: ns.attachmentFetched},
		handle: handle, dropped: ns.dropped, room: make(chan struct{}, 1),
	}
}

// Name returns the namespace's name, such as "/chat".
func (ns *Namespace) Name() string { return ns.name }

// UID returns the id under which the peers know this node in this namespace.
func (ns *Namespace) UID() string { return ns.uid }

// Channel returns the name of the namespace's channel on the bus, with the prefix of the cluster. It is the same on all
// nodes.
func (ns *Namespace) Channel() string { return ns.channel }

// Peers returns the uids of the other nodes of the namespace, in alphabetical order. While this node is deaf (it
// receives nothing, from Trace.SessionLost to Trace.SessionRecovered), it returns the peers that were last known. It
// returns none before WaitReady.
func (ns *Namespace) Peers() []string { return ns.presence.uids() }

// ServerCount returns the number of known nodes: the peers and this one.
func (ns *Namespace) ServerCount() int { return 1 + ns.presence.number() }

// hasNoPeers reports whether there are certainly no peers: this node can hear them, and none has answered its
// announcement.
func (ns *Namespace) hasNoPeers(now time.Time) bool {
	return ns.presence.isEmpty(now) && !ns.cluster.listener.heardUntil().IsZero()
}

// WaitForPeers returns once at least n other nodes are known, or with ctx's error.
func (ns *Namespace) WaitForPeers(ctx context.Context, n int) error { return ns.presence.wait(ctx, n) }

// Close sends the peers a leave message and stops receiving. After it, LocalSockets is not called any more, but a
// call may still be under way. Requests under way end with ErrClosed. Close does not disconnect this process's
// clients. It returns an error if the leave message could not be published. When ctx ends before Close has finished,
// Close returns and the rest goes on. A second call waits for the first one.
func (ns *Namespace) Close(ctx context.Context) error {
	if !ns.closing.CompareAndSwap(false, true) {
		return ns.waitClosed(ctx)
	}
	defer close(ns.closed)
	err := ns.presence.leave(ctx)
	ns.end()
	ns.opening.Lock()   // askToListen has asked before, or will not ask
	ns.opening.Unlock() //lint:ignore SA2001 only the waiting matters
	if e := ns.cluster.listener.unlisten(ctx, ns.listens); err == nil && e != nil {
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
	ns.presence.leaveAsync(ctx)
	ns.end()
}

// end ends whatever waits in the namespace.
func (ns *Namespace) end() {
	if ns.listening.Load() {
		ns.logNamespace(&journal.NamespaceClosed)
	}
	ns.cancel()
	ns.requests.close()
	ns.presence.close()
	if ns.rooms != nil {
		ns.rooms.close()
	}
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
