package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/dialect"
)

// roomChannels listens to the channels of the rooms in which this process has sockets, in a dialect that has such
// channels. It is a RoomWatcher.
//
// The LocalSockets tell it of rooms under their own lock, so it only notes that then. Await, which the LocalSockets
// call without their lock, hands the changes to the listener, which makes all that wait in one round trip, and waits
// for those rooms. Nothing here waits for the bus while it holds a lock.
type roomChannels struct {
	ns    *Namespace
	route dialect.RoomRoute

	handing sync.Mutex // held while changes are handed to the listener, so that they keep their order

	mu      sync.Mutex              // guards all below, and the fields of rooms
	rooms   map[string]*roomChannel // by channel
	changed []*roomChannel          // what the listener does not know yet
	failed  []*roomChannel          // what could not be listened to
	stop    func()                  // ends the watch; nil: it has not begun
	closed  bool
}

// roomChannel is the channel of a room.
type roomChannel struct {
	channel  string
	wanted   bool          // a socket is in the room
	noted    bool          // it is in changed
	listens  *subscription // nil: the listener was not asked
	heard    bool          // the session listens, or will as soon as there is one again
	ready    chan struct{} // closed when those who wait for heard need not wait any longer; nil: nobody has to wait
	failures int           // in a row
	again    time.Time     // when to ask the listener again, after a failure
}

// watchRooms makes the namespace listen to the channels of rooms, if its dialect has any.
func (ns *Namespace) watchRooms() {
	if ns.rooms == nil {
		return
	}
	r, stop := ns.rooms, ns.local.(RoomSockets).WatchRooms(ns.rooms)
	r.mu.Lock()
	if !r.closed {
		r.stop, stop = stop, nil
	}
	r.mu.Unlock()
	if stop != nil {
		stop()
	}
	r.hand()
}

// newRoomChannels returns nil if rooms have no channels.
func newRoomChannels(ns *Namespace) (*roomChannels, error) {
	route, ok := ns.route.(dialect.RoomRoute)
	if !ok {
		return nil, nil
	}
	if _, ok := ns.local.(RoomSockets); !ok {
		return nil, &ConfigError{Field: "Dialect", Reason: fmt.Sprintf("in the dialect %s, rooms have channels of "+
			"their own, and the LocalSockets of namespace %q are no RoomSockets, which say which rooms have sockets",
			ns.cluster.config.Dialect.Name(), ns.name)}
	}
	return &roomChannels{ns: ns, route: route, rooms: make(map[string]*roomChannel)}, nil
}

// RoomCreated implements RoomWatcher.
func (r *roomChannels) RoomCreated(room string) { r.note(room, true) }

// RoomDeleted implements RoomWatcher.
func (r *roomChannels) RoomDeleted(room string) { r.note(room, false) }

func (r *roomChannels) note(room string, wanted bool) {
	channel := r.route.RoomChannel(room)
	if channel == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	rc := r.rooms[channel]
	if rc == nil {
		rc = &roomChannel{channel: channel}
		r.rooms[channel] = rc
	}
	rc.wanted = wanted
	if wanted && !rc.heard && rc.ready == nil {
		rc.ready = make(chan struct{})
	}
	if !rc.noted {
		rc.noted = true
		r.changed = append(r.changed, rc)
	}
}

// hand hands the changes that were noted to the listener.
func (r *roomChannels) hand() {
	r.handing.Lock()
	defer r.handing.Unlock()
	r.mu.Lock()
	changed := r.changed
	r.changed = nil
	for _, rc := range changed {
		rc.noted = false
	}
	r.mu.Unlock()
	for _, rc := range changed {
		r.change(rc)
	}
}

// change asks the listener for a channel, or leaves it. The caller holds handing.
func (r *roomChannels) change(rc *roomChannel) {
	r.mu.Lock()
	wanted, listens := rc.wanted && !r.closed, rc.listens
	if !wanted {
		rc.listens, rc.heard = nil, false
		rc.release()
		delete(r.rooms, rc.channel)
	}
	r.mu.Unlock()
	c := r.ns.cluster
	switch {
	case wanted && listens == nil:
		c.changeChannels(r.ns, true, rc.channel)
		failed := false // guarded by mu
		s := c.listener.acquire([]string{rc.channel}, func(err error) { r.done(rc, err, &failed) })
		r.mu.Lock()
		if !failed {
			rc.listens = s
		}
		r.mu.Unlock()
	case !wanted && listens != nil:
		c.changeChannels(r.ns, false, rc.channel)
		c.listener.release(listens, nil)
	}
}

// release ends the waiting for a channel. The caller holds mu.
func (rc *roomChannel) release() {
	if rc.ready != nil {
		close(rc.ready)
		rc.ready = nil
	}
}

// The time after which a channel that could not be listened to is tried again grows from one to the other.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// done notes that this node listens to a channel, or could not.
func (r *roomChannels) done(rc *roomChannel, err error, failed *bool) {
	r.mu.Lock()
	rc.release()
	again := err != nil && rc.wanted && !r.closed && !errors.Is(err, ErrClosed)
	switch {
	case err == nil:
		rc.heard, rc.failures = true, 0
	case again:
		rc.again = time.Now().Add(min(firstRetry<<min(rc.failures, 10), lastRetry))
		rc.failures++
		r.failed = append(r.failed, rc)
		fallthrough
	default:
		*failed, rc.listens = true, nil
	}
	r.mu.Unlock()
	if again {
		r.ns.cluster.report(&OpError{Op: "listen", Channel: rc.channel, Err: err})
	}
}

// Await implements RoomWatcher.
func (r *roomChannels) Await(rooms ...string) {
	r.hand()
	for _, room := range rooms {
		if channel := r.route.RoomChannel(room); channel != "" {
			r.await(channel)
		}
	}
}

// await waits until this node listens to a channel. It does not wait while there is no session: until the next one
// listens to all channels, messages are lost anyway, and that is reported.
func (r *roomChannels) await(channel string) {
	r.mu.Lock()
	var ready chan struct{}
	if rc := r.rooms[channel]; rc != nil {
		ready = rc.ready
	}
	r.mu.Unlock()
	if ready == nil || !r.ns.cluster.listener.health.isUp() {
		return
	}
	late := time.NewTimer(r.ns.cluster.config.PublishTimeout)
	defer late.Stop()
	select {
	case <-ready:
	case <-r.ns.ctx.Done():
	case <-late.C: // the goroutine that listens may be the one that waits here
		r.ns.cluster.report(&OpError{Op: "listen", Channel: channel, Err: context.DeadlineExceeded})
	}
}

// awaitAll waits for the channels of all rooms that there are.
func (r *roomChannels) awaitAll() {
	r.mu.Lock()
	var waiting []string
	for channel, rc := range r.rooms {
		if rc.ready != nil {
			waiting = append(waiting, channel)
		}
	}
	r.mu.Unlock()
	for _, channel := range waiting {
		r.await(channel)
	}
}

// sessionLost ends all waiting.
func (r *roomChannels) sessionLost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rc := range r.rooms {
		rc.release()
	}
}

// tick tries channels again that could not be listened to.
func (r *roomChannels) tick(now time.Time) {
	r.mu.Lock()
	due := false
	still := r.failed[:0]
	for _, rc := range r.failed {
		switch {
		case rc.again.After(now):
			still = append(still, rc)
		case rc.wanted && !rc.noted:
			rc.noted = true
			r.changed = append(r.changed, rc)
			due = true
		}
	}
	clear(r.failed[len(still):])
	r.failed = still
	r.mu.Unlock()
	if due {
		r.hand()
	}
}

// hears reports whether this node listens to a channel of a room.
func (r *roomChannels) hears(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	rc := r.rooms[channel]
	return rc != nil && rc.heard
}

// close leaves all channels. It does not wait for the bus.
func (r *roomChannels) close() {
	r.mu.Lock()
	stop := r.stop
	r.closed, r.stop = true, nil
	r.changed, r.failed = nil, nil
	for _, rc := range r.rooms {
		rc.noted = true
		r.changed = append(r.changed, rc)
	}
	r.mu.Unlock()
	if stop != nil {
		stop()
	}
	r.hand()
}
