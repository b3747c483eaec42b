package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/transport"
)

// logReader passes on the kept messages of a namespace, each once, in the order of the log.
//
// A message that arrives is passed on if it follows the one before. If it does not, messages are missing: the reader
// falls behind. The same happens if the receive queue is full, and after an outage. A reader that is behind passes on
// nothing that arrives, and only notes how far the log has come. A goroutine reads the log instead, and waits while the
// receive queue is full. When it has passed on everything that has arrived, the reader is no longer behind.
type logReader struct {
	ns    *Namespace
	bus   transport.Log
	order Order

	deferring atomic.Bool // own messages are delivered when they come back

	mu      sync.Mutex         // guards all below; the receiving goroutine holds it while it queues a message
	at      transport.Position // everything up to here was passed on, or is known to be missing
	started bool               // messages are passed on
	behind  bool
	seen    transport.Offset // the latest message that has arrived while behind
	again   bool             // the log must be read once more, although nothing may have arrived
	run     *catchUp         // the latest time that the reader was behind

	reconnected bool // there is a new session since the log was last read

	// Own messages that were published before the reader has started were delivered at once. early counts those whose
	// offset is not known yet.
	early   int
	settled chan struct{} // closed when early is 0 and the reader is starting
	had     map[transport.Offset]struct{}
}

func newLogReader(ns *Namespace, config *LogConfig) *logReader {
	return &logReader{ns: ns, bus: ns.cluster.config.Bus.(transport.Log), order: config.Order, behind: true,
		run: newCatchUp()}
}

// start begins to pass on what follows the newest message. It is called once the node listens.
func (l *logReader) start(ctx context.Context) error {
	if err := l.findStart(ctx); err != nil {
		return err
	}
	l.deferring.Store(l.order == OrderCluster)
	l.mu.Lock()
	settled := make(chan struct{})
	l.settled = settled
	if l.early == 0 {
		close(settled)
		l.settled = nil
	}
	l.mu.Unlock()
	select {
	case <-settled:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ns.ctx.Done():
		return ErrClosed
	}
	l.mu.Lock()
	l.started = true
	l.continues(true)
	l.mu.Unlock()
	if !l.ns.cluster.goUnlessClosing(l.catchUpLoop) { // messages may have arrived
		return ErrClosed
	}
	return nil
}

// findStart sets at to the newest message. A start that is tried again begins where it did the first time: own messages
// that were kept since then are delivered when they are read.
func (l *logReader) findStart(ctx context.Context) error {
	if l.at.Epoch != "" { // only start sets it before the reader has started
		return nil
	}
	bounds, err := l.bounds(ctx)
	if err != nil {
		return &OpError{Op: "read the log", Channel: l.ns.channel, Err: err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = transport.Position{Epoch: bounds.Epoch, Offset: bounds.Newest}
	return nil
}

// startWithRetries is start in the background.
func (l *logReader) startWithRetries() {
	ns := l.ns
	wait := ns.cluster.config.MinBackoff
	for {
		ctx, cancel := context.WithTimeout(ns.ctx, ns.cluster.config.PublishTimeout)
		err := l.start(ctx)
		cancel()
		if err == nil || ns.ctx.Err() != nil {
			return
		}
		ns.cluster.report(err)
		select {
		case <-time.After(wait):
		case <-ns.ctx.Done():
			return
		}
		wait = min(2*wait, ns.cluster.config.MaxBackoff)
	}
}

func (l *logReader) bounds(ctx context.Context) (b transport.Bounds, err error) {
	err = callRarely(func() error {
		b, err = l.bus.Bounds(ctx, l.ns.channel)
		return err
	})
	return b, err
}

// begin decides whether a message of this node is delivered here when it comes back, or at once.
func (l *logReader) begin(o *outgoing) {
	if l.deferring.Load() {
		o.returnsFirst = true
		return
	}
	if l.order == OrderLocalFirst {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deferring.Load() {
		o.returnsFirst = true
		return
	}
	o.early = true
	l.early++
}

// earlyDone notes the outcome of a message that was delivered at once.
func (l *logReader) earlyDone(at transport.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at != (transport.Position{}) {
		if l.had == nil {
			l.had = make(map[transport.Offset]struct{})
		}
		l.had[at.Offset] = struct{}{}
	}
	if l.early--; l.early == 0 && l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
}

// receive handles a kept message that has arrived. The receiving goroutine calls it.
func (l *logReader) receive(r *transport.Record, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	follows := r.Epoch == l.at.Epoch && r.Previous == l.at.Offset
	switch {
	case l.behind:
		l.note(r)
	case r.Epoch == l.at.Epoch && r.Offset.Compare(l.at.Offset) <= 0: // was passed on
	case follows && l.ns.queues.messages.hasRoom(len(r.Payload)) && l.pass(r, at, l.ns.queues.messages.offer) == nil:
		l.at = r.Position()
	default:
		if !follows {
			l.ns.cluster.counts.holes.Add(1)
		}
		l.fallBehind()
		l.note(r)
	}
}

// note notes how far the log has come. The caller holds mu.
func (l *logReader) note(r *transport.Record) {
	if r.Epoch != l.at.Epoch {
		l.again = true
	} else if r.Offset.Compare(l.seen) > 0 {
		l.seen = r.Offset
	}
}

// fallBehind starts to read the log. The caller holds mu.
func (l *logReader) fallBehind() {
	l.again = true
	if l.behind {
		return
	}
	l.behind, l.run = true, newCatchUp()
	l.ns.cluster.group.Go(l.catchUpLoop)
}

// sessionRecovered reads what was published while the node was deaf. It returns nil if the reader has not started.
func (l *logReader) sessionRecovered() *catchUp {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		return nil
	}
	l.fallBehind()
	l.reconnected = true
	return l.run
}

// pass queues a message with offer. Its error says that the message was not queued and has to be passed on later. The
// caller holds mu, unless offer waits.
func (l *logReader) pass(r *transport.Record, at time.Time, offer func(item) error) error {
	ns := l.ns
	env, ok := ns.decode(r.Message)
	if !ok {
		return nil
	}
	own := env.UID == ns.uid
	if own {
		ns.cameBack(false, at)
		if _, had := l.had[r.Offset]; had {
			delete(l.had, r.Offset)
			at := ns.position(r.Position())
			ns.queues.messages.do(func() { ns.tellKept(env, at) })
			return nil
		}
		if l.order == OrderLocalFirst || env.Type == codec.ServerSideEmit {
			return nil
		}
	} else if !ns.admitKept(env, at) {
		return nil
	}
	place := ns.position(r.Position())
	err := offer(item{env: env, at: &place, size: len(r.Payload), when: at.Sub(ns.cluster.began)})
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// position returns a position in the log of the namespace.
func (ns *Namespace) position(p transport.Position) Position {
	return Position{Epoch: p.Epoch, Namespace: ns.hash, Offset: p.Offset}
}

// position returns the position of the latest message that was passed on, or none before the reader has started.
func (l *logReader) position() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started {
		return Position{}
	}
	return l.ns.position(l.at)
}

// continues tells LocalSockets from where on it gets every message. The caller holds mu.
func (l *logReader) continues(complete bool) {
	local, ok := l.ns.local.(LogSockets)
	if !ok {
		return
	}
	ns, from := l.ns, l.ns.position(l.at)
	ns.queues.messages.do(func() {
		guard.Do(func() { local.LogContinues(from, complete) }, func(err error) {
			ns.cluster.report(&CallError{Namespace: ns.name, Call: "LocalSockets.LogContinues", Err: err})
		})
	})
}

// tellKept calls LogSockets.Kept for a message that has a place in the log.
func (ns *Namespace) tellKept(env *codec.Envelope, at Position) {
	local, ok := ns.local.(LogSockets)
	if !ok || at.IsZero() {
		return
	}
	e := &LogEntry{Position: at}
	if e.fill(env); e.Type != 0 {
		guard.Do(func() { local.Kept(e) }, func(err error) {
			ns.cluster.report(&CallError{Namespace: ns.name, Call: "LocalSockets.Kept", Err: err})
		})
	}
}
