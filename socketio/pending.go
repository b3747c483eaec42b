package socketio

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// Until a client has been greeted, events for it wait in its socket's backlog. They are sent after the packet
// that tells the client that it has joined, or dropped if the middlewares refuse the client.

var unkept backplane.Position // of an event that is not kept

// waitingEvent is an event in a backlog.
type waitingEvent struct {
	frame    *wsframe.Frame
	options  engineio.SendOptions
	position backplane.Position // of a kept event
}

// deliver sends a frame to the client, or keeps it in the backlog until the client has been greeted. It returns
// false if the frame was dropped. at is the position of a kept event.
func (s *Socket) deliver(f *wsframe.Frame, o engineio.SendOptions, at backplane.Position) bool {
	if s.state.Load() == client.Connected {
		return s.client.Send(f, o)
	}
	s.mu.Lock()
	switch state := s.state.Load(); {
	case state == client.Connected:
		defer s.mu.Unlock()
		return s.client.Send(f, o)
	case state == client.Disconnected:
		s.mu.Unlock()
		return false
	}
	kept := s.keep(f, o, at)
	s.mu.Unlock()
	if !kept {
		go s.client.Expel(QuotaSendQueue) // the caller may hold a mutex of the log, and Expel calls Config.Audit
	}
	return kept
}

// deliverCounted is deliver for one event that is not kept. It counts the event.
func (s *Socket) deliverCounted(f *wsframe.Frame, o engineio.SendOptions) {
	if s.deliver(f, o, unkept) {
		s.env.counts.sentEvents.Add(1)
	}
}

// keep adds an event to the backlog. It returns false if there is no room. The limits are those of the send
// queue, in which the greeting takes one place. The caller holds mu.
func (s *Socket) keep(f *wsframe.Frame, o engineio.SendOptions, at backplane.Position) bool {
	config := &s.env.config
	if len(s.backlog)+1 >= config.SendQueue || s.backlogBytes >= config.SendQueueBytes {
		return false
	}
	s.backlog = append(s.backlog, waitingEvent{frame: f, options: o, position: at})
	s.backlogBytes += f.Size()
	return true
}

// isPending reports whether the middlewares have not decided about the client yet.
func (s *Socket) isPending() bool { return s.state.Load() == client.Connecting && !s.lost.Load() }

// pendingSockets are the sockets of a namespace that have joined rooms in a middleware, and are not in the
// registry yet. A broadcast to one of their rooms waits for them in their backlogs.
type pendingSockets struct {
	count atomic.Int32

	mu  sync.Mutex // guards all
	all map[*Socket]struct{}
}

// add adds a socket, unless the middlewares have decided about it.
func (p *pendingSockets) add(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.isPending() {
		return // remove has been called, or will be
	}
	if p.all == nil {
		p.all = make(map[*Socket]struct{})
	}
	p.all[s] = struct{}{}
	p.count.Store(int32(len(p.all)))
}

// remove removes a socket that was added to the registry or was refused.
func (p *pendingSockets) remove(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, s)
	p.count.Store(int32(len(p.all)))
}

// in returns the selected sockets. A caller that also needs the sockets in the registry has to read the registry
// after this call: a socket is added to the registry before it is removed here.
func (p *pendingSockets) in(to backplane.Selector) (selected []*Socket) {
	if p.count.Load() == 0 || len(to.Rooms) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.all {
		if s.isPendingIn(to) {
			selected = append(selected, s)
		}
	}
	return selected
}

// isPendingIn reports whether the socket has not been greeted yet, and is selected.
func (s *Socket) isPendingIn(to backplane.Selector) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := func(room string) bool { return room == s.id || slices.Contains(s.rooms, room) }
	state := s.state.Load()
	return (state == client.Connecting || state == client.Registered) && !s.lost.Load() &&
		slices.ContainsFunc(to.Rooms, in) && !slices.ContainsFunc(to.Except, in)
}
