package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/wire"
)

// offload holds back messages that are too large for the bus until the store has their attachments, and messages of
// the same namespace that must not overtake them. All others go straight to the group commit, so that a slow or
// broken store does not delay them.
type offload struct {
	ctx    context.Context
	giveUp context.CancelCauseFunc // ends ctx: attachments that are not stored yet fail
	storer *wire.Storer
	group  *groupcommit.Group[*outgoing] // where all messages go in the end
	fail   func(o *outgoing, err error)
	solo   *solo
	counts *counters
	trace  *atomic.Pointer[Trace]
	call   func(name string, f func()) // calls a function of trace

	mu     sync.Mutex // guards all below, and the heldBack of all namespaces
	room   groupcommit.Capacity
	closed bool
}

// heldBack is what offload holds back of one namespace.
type heldBack struct {
	inOrder []*outgoing // each waits for those before it
	free    int         // how many wait for nothing but the store
}

// inOrder reports whether o keeps its place among the messages of its namespace. Messages to clients, rooms and
// servers do, and so does the leave message, which is the last one. Heartbeats, FetchSockets and answers need not.
func (o *outgoing) inOrder() bool {
	switch t := o.env.Type; t {
	case codec.InitialHeartbeat, codec.Heartbeat, codec.FetchSockets:
		return false
	default:
		return !t.Response()
	}
}

// isLeave reports whether o is the leave message, the last message of its namespace.
func (o *outgoing) isLeave() bool { return o.env.Type == codec.AdapterClose }

// passes reports whether no message has to be published before o.
func (h *heldBack) passes(o *outgoing) bool {
	return !o.inOrder() || len(h.inOrder) == 0 && (h.free == 0 || !o.isLeave())
}

// offer queues o for the bus or, before that, for the store. If there is no room, it returns ErrQueueFull or, with
// wait, a channel that is closed when another try is worth it.
func (f *offload) offer(o *outgoing, wait bool) (space <-chan struct{}, err error) {
	o.offloaded = o.NeedsStore()
	h := &o.ns.held
	f.mu.Lock()
	defer f.mu.Unlock()
	if !o.offloaded && h.passes(o) {
		return f.pass(o, wait)
	}
	if f.closed {
		return nil, ErrClosed
	}
	if err := f.group.Refusal(); err != nil {
		return nil, err
	}
	o.size, o.since = o.Size(), time.Now()
	switch {
	case o.isLeave():
		f.room.Force(o.size)
	case f.room.Enter(o.size):
	case wait:
		return f.room.Space(), nil
	default:
		return nil, ErrQueueFull
	}
	if o.offloaded {
		if err := f.storer.Add(f.ctx, o); err != nil {
			f.room.Leave(o.size)
			return nil, err
		}
	}
	o.ready = !o.offloaded
	if o.inOrder() {
		h.inOrder = append(h.inOrder, o)
	} else {
		h.free++
	}
	return nil, nil
}

// pass queues o for the bus. There is always room for a leave message, because it is not sent a second time.
func (f *offload) pass(o *outgoing, wait bool) (space <-chan struct{}, err error) {
	if o.isLeave() {
		return nil, f.group.Add(o, o.Size())
	}
	return f.group.Offer(o, o.Size(), wait)
}

// stored is called when the attachment of o was stored, or could not be. It passes on all messages that need not wait
// any more.
func (f *offload) stored(o *outgoing) {
	f.noteStored(o)
	var failed []*outgoing
	f.mu.Lock()
	o.ready = true
	h := &o.ns.held
	if !o.inOrder() {
		h.free--
		failed = f.letGo(o, failed)
	}
	for len(h.inOrder) > 0 {
		first := h.inOrder[0]
		if !first.ready || first.isLeave() && h.free > 0 {
			break
		}
		h.inOrder[0] = nil
		h.inOrder = h.inOrder[1:]
		failed = f.letGo(first, failed)
	}
	if len(h.inOrder) == 0 {
		h.inOrder = nil // frees its memory
	}
	if f.closed && f.room.Items() == 0 {
		f.group.Close()
	}
	f.mu.Unlock()
	for _, o := range failed {
		f.fail(o, o.Err)
	}
}

// noteStored counts and traces the outcome of o's attachment, unless the caller of the message left before it was
// stored.
func (f *offload) noteStored(o *outgoing) {
	if o.Err == nil && o.NeedsStore() {
		return
	}
	f.solo.stored(o.Err)
	if o.Err == nil {
		f.counts.attachmentsStored.Add(1)
	} else {
		f.counts.attachmentErrors.Add(1)
	}
	if stored := f.trace.Load().AttachmentStored; stored != nil {
		f.call("AttachmentStored", func() { stored(o.ns.name, o.env.Type, o.size, time.Since(o.since), o.Err) })
	}
}

// letGo queues o for the bus, or adds it to the failed ones. The caller holds mu.
func (f *offload) letGo(o *outgoing, failed []*outgoing) []*outgoing {
	f.room.Leave(o.size)
	switch {
	case o.Err == nil:
		if err := f.group.Add(o, o.Size()); err != nil { // without an error, o may be gone already
			o.Err = err
			failed = append(failed, o)
		}
	case o.ns.cluster.ctx.Err() != nil:
		o.Err = ErrClosed // this is why it was not stored
		fallthrough
	default:
		failed = append(failed, o)
	}
	return failed
}

// close refuses further messages. The group is closed when the last message that is held back has joined it.
func (f *offload) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.room.Items() == 0 {
		f.group.Close()
	}
	f.room.Wake()
}

var errClosing = errors.New("the store has not answered, and the cluster is being closed")

// giveUpBefore gives up the attachments that are not stored when nine tenths of the time until ctx's deadline have
// passed. The rest is for the leave messages, which wait for them.
func (f *offload) giveUpBefore(ctx context.Context) (stop func() bool) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() bool { return true }
	}
	return time.AfterFunc(time.Until(deadline)/10*9, func() { f.giveUp(errClosing) }).Stop
}

// Message implements wire.Attachment.
func (o *outgoing) Message() *wire.Outgoing { return &o.Outgoing }

// Wanted implements wire.Attachment.
func (o *outgoing) Wanted() bool { return o.ticket.Queued() }

// Stored implements wire.Attachment.
func (o *outgoing) Stored(context.Context) { o.ns.cluster.publisher.offload.stored(o) }

var _ wire.Attachment = (*outgoing)(nil)
