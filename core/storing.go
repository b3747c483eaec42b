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

// storing holds back messages that are too large for the bus until the store has them, and messages of the same namespace that must not
// overtake them. All others go straight into the queue for the bus, so a slow or broken store does not delay them.
type storing struct {
	ctx    context.Context
	giveUp context.CancelCauseFunc // ends ctx: what is not stored yet fails
	storer *wire.Storer
	queue  *queue[*outgoing] // where everything goes in the end
	fail   func(o *outgoing, err error)
	counts *counters
	trace  *atomic.Pointer[Trace]
	call   func(name string, f func()) // calls a func of trace

	failing atomic.Bool // the latest attachment was not stored

	mu     sync.Mutex // guards all below, and what namespaces hold back
	room   capacity
	closed bool
}

// heldBack is what a namespace has that waits for the store.
type heldBack struct {
	count   atomic.Int32 // of both; may be read without the lock
	inOrder []*outgoing  // each waits for those before it
	free    int          // how many wait for nothing but the store
}

// inOrder reports whether o keeps its place among the messages of its namespace. That is so for what clients, rooms and servers are told,
// and for the goodbye, which is the last message. It is not needed for heartbeats, FetchSockets and answers.
func (o *outgoing) inOrder() bool {
	switch t := o.env.Type; t {
	case codec.InitialHeartbeat, codec.Heartbeat, codec.FetchSockets:
		return false
	default:
		return !t.Response()
	}
}

// isGoodbye reports whether o is the last message of its namespace.
func (o *outgoing) isGoodbye() bool { return o.env.Type == codec.AdapterClose }

// passes reports whether nothing has to come before o.
func (h *heldBack) passes(o *outgoing) bool {
	return !o.inOrder() || len(h.inOrder) == 0 && (h.free == 0 || !o.isGoodbye())
}

// offer queues o for the bus or, before that, for the store. It returns an error, or, when it may wait, a channel that is closed once it is
// worth another try.
func (s *storing) offer(o *outgoing, wait bool) (space <-chan struct{}, err error) {
	o.spilled = o.Spills()
	h := &o.ns.held
	if !o.spilled && (h.count.Load() == 0 || !o.inOrder()) { // who queues one after the other has seen the count of the first
		return s.pass(o, wait)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !o.spilled && h.passes(o) {
		return s.pass(o, wait)
	}
	if s.closed {
		return nil, ErrClosed
	}
	if err := s.queue.refuses(); err != nil {
		return nil, err
	}
	o.size, o.held = o.Size(), time.Now()
	if o.isGoodbye() {
		s.room.force(o.size)
	} else if space, err := s.room.enter(o.size, wait); space != nil || err != nil {
		return space, err
	}
	if o.spilled {
		if err := s.storer.Add(s.ctx, o); err != nil {
			s.room.leave(o.size)
			return nil, err
		}
	}
	o.ready = !o.spilled
	if o.inOrder() {
		h.inOrder = append(h.inOrder, o)
	} else {
		h.free++
	}
	h.count.Add(1)
	return nil, nil
}

// pass queues o for the bus. There is always room for a namespace's goodbye, because it is not sent again.
func (s *storing) pass(o *outgoing, wait bool) (space <-chan struct{}, err error) {
	if o.isGoodbye() {
		return nil, s.queue.add(o, o.Size())
	}
	return s.queue.offer(o, o.Size(), wait)
}

// stored is called when o was stored, or failed. It passes on all messages that no longer have to wait.
func (s *storing) stored(o *outgoing) {
	s.note(o)
	var failed []*outgoing
	s.mu.Lock()
	o.ready = true
	h := &o.ns.held
	if !o.inOrder() {
		h.free--
		failed = s.release(o, failed)
	}
	for len(h.inOrder) > 0 {
		first := h.inOrder[0]
		if !first.ready || first.isGoodbye() && h.free > 0 {
			break
		}
		h.inOrder[0] = nil
		h.inOrder = h.inOrder[1:]
		failed = s.release(first, failed)
	}
	if len(h.inOrder) == 0 {
		h.inOrder = nil // nor its memory
	}
	if s.closed && s.room.items == 0 {
		s.queue.close()
	}
	s.mu.Unlock()
	for _, o := range failed {
		s.fail(o, o.Err)
	}
}

// note counts and traces the outcome of o's attachment, unless the message was given up before.
func (s *storing) note(o *outgoing) {
	if o.Err == nil && o.Spills() {
		return
	}
	s.failing.Store(o.Err != nil)
	if o.Err == nil {
		s.counts.spilled.Add(1)
	}
	if f := s.trace.Load().AttachmentStored; f != nil {
		s.call("AttachmentStored", func() { f(o.ns.name, o.env.Type, o.size, time.Since(o.held), o.Err) })
	}
}

// release hands o to the queue, or adds it to those that failed. The caller holds mu.
func (s *storing) release(o *outgoing, failed []*outgoing) []*outgoing {
	held := &o.ns.held
	s.room.leave(o.size)
	switch {
	case o.Err == nil:
		if err := s.queue.add(o, o.Size()); err != nil { // without an error, o is not ours any more
			o.Err = err
			failed = append(failed, o)
		}
	case o.ns.cluster.ctx.Err() != nil:
		o.Err = ErrClosed // it was not stored because of that
		fallthrough
	default:
		failed = append(failed, o)
	}
	held.count.Add(-1) // not before it is in the queue
	return failed
}

// close refuses further messages. The queue is closed when the last of those here has joined it.
func (s *storing) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.room.items == 0 {
		s.queue.close()
	}
	s.room.free()
}

var errClosing = errors.New("the store has not answered, and the cluster is being closed")

// giveUpBefore gives up what is not stored when most of the time until ctx's deadline is over: the rest is for the goodbyes, which wait for it.
func (s *storing) giveUpBefore(ctx context.Context) (stop func() bool) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() bool { return true }
	}
	return time.AfterFunc(time.Until(deadline)/10*9, func() { s.giveUp(errClosing) }).Stop
}

// Message, Wanted and Stored make an outgoing a wire.Spilled.
func (o *outgoing) Message() *wire.Outgoing { return &o.Outgoing }

// Wanted implements wire.Spilled.
func (o *outgoing) Wanted() bool { return o.state.Load() == isQueued }

// Stored implements wire.Spilled.
func (o *outgoing) Stored(context.Context) { o.ns.cluster.publisher.storing.stored(o) }

var _ wire.Spilled = (*outgoing)(nil)
