package socketio

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// While the middlewares decide about a client, what is sent to it waits in its socket's backlog: it comes after the packet that
// tells the client that it has joined, or is dropped if the client may not.

// arriving reports whether the middlewares have not decided yet.
func (s *Socket) arriving() bool { return s.state.Load() == connecting && !s.lost.Load() }

// keep adds an event to the backlog. It is false if there is no room for it: the limits are those of the send queue, in which the greeting
// takes one place. The caller holds mu.
func (s *Socket) keep(f *engineio.Frame, o engineio.SendOptions, offset string) bool {
	config := &s.client.server.config
	if len(s.backlog)+1 >= config.SendQueue || s.backlogBytes >= config.SendQueueBytes {
		return false
	}
	s.backlog = append(s.backlog, backward{frame: f, options: o, offset: offset})
	s.backlogBytes += f.Size()
	return true
}

// arrivals are the sockets of a namespace that have joined rooms before they are connected: a broadcast to one of their rooms waits
// for them too.
type arrivals struct {
	count atomic.Int32

	mu  sync.Mutex // guards all
	all map[*Socket]struct{}
}

// add notes a socket whose middlewares have not decided yet.
func (a *arrivals) add(s *Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !s.arriving() {
		return // they have meanwhile, and remove was called, or will be
	}
	if a.all == nil {
		a.all = make(map[*Socket]struct{})
	}
	a.all[s] = struct{}{}
	a.count.Store(int32(len(a.all)))
}

// remove is called when they have decided, and the socket has become a member, or may not.
func (a *arrivals) remove(s *Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, s)
	a.count.Store(int32(len(a.all)))
}

// in returns the sockets in one of the rooms that are selected. Who looks at the members too does that afterwards: a socket becomes
// one before it leaves the arrivals.
func (a *arrivals) in(to backplane.Selector) (selected []*Socket) {
	if a.count.Load() == 0 || len(to.Rooms) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.all {
		if s.awaitedIn(to) {
			selected = append(selected, s)
		}
	}
	return selected
}

// awaitedIn reports whether the socket will be in one of the rooms that are selected.
func (s *Socket) awaitedIn(to backplane.Selector) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := func(room string) bool { return room == s.id || slices.Contains(s.rooms, room) }
	state := s.state.Load()
	return (state == connecting || state == held) && !s.lost.Load() && slices.ContainsFunc(to.Rooms, in) && !slices.ContainsFunc(to.Except, in)
}
