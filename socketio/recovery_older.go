package socketio

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/retention"
)

// olderReader reads from the log of the cluster what clients have missed and this node does not have in memory, for
// example because it has just started. Clients that wait at the same time share one reading.
type olderReader struct {
	mu      sync.Mutex // guards all below
	waiting []*olderRequest
	running bool
}

// olderRequest is a client that waits.
type olderRequest struct {
	missed *missed
	done   chan struct{} // closed when it was read, or cannot be
	ok     bool
}

// read collects what a client has missed up to now. It returns false if the log does not have it, or ctx ends first.
func (c *clusterRecovery) readOlder(ctx context.Context, m *missed) bool {
	r := &olderRequest{missed: m, done: make(chan struct{})}
	o := &c.older
	o.mu.Lock()
	o.waiting = append(o.waiting, r)
	if !o.running {
		o.running = c.store.goUnlessClosed(c.readAllOlder)
	}
	o.mu.Unlock()
	select {
	case <-r.done:
		return r.ok
	case <-ctx.Done():
		return false
	}
}

// readAllOlder reads for the clients that wait, until there are none.
func (c *clusterRecovery) readAllOlder() {
	o := &c.older
	for {
		o.mu.Lock()
		group := o.waiting
		o.waiting = nil
		o.running = len(group) > 0
		o.mu.Unlock()
		if len(group) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(c.store.ctx, 2*recoveryWait)
		c.readFor(ctx, group)
		cancel()
		for _, r := range group {
			close(r.done)
		}
	}
}

var errTooMuchMissed = errors.New("clients that have come back have missed more than Recovery.Memory.MaxBytes")

// readFor reads for a group of clients.
func (c *clusterRecovery) readFor(ctx context.Context, group []*olderRequest) {
	slices.SortFunc(group, func(a, b *olderRequest) int {
		return a.missed.upTo.Offset.Compare(b.missed.upTo.Offset)
	})
	// The log has what follows the positions from one on.
	first := sort.Search(len(group), func(i int) bool { return c.canRead(ctx, group[i].missed.upTo) })
	if group = group[first:]; len(group) == 0 {
		return
	}
	var stream *retention.Stream[*keptEntry]
	var upTo backplane.Position
	err := untilReached(ctx, func(ctx context.Context) (err error) {
		stream, upTo, err = c.readStream(ctx, group)
		return err
	})
	switch {
	case errors.Is(err, errTooMuchMissed) && len(group) > 1:
		c.readFor(ctx, group[:len(group)/2])
		c.readFor(ctx, group[len(group)/2:])
	case err != nil:
		c.store.report(err)
	default:
		for _, r := range group {
			r.ok = r.missed.collect(stream, c.log.env.config.roomsFit)
			r.missed.upTo = upTo
		}
	}
}

// canRead reports whether the log can be read after a position.
func (c *clusterRecovery) canRead(ctx context.Context, after backplane.Position) bool {
	err := untilReached(ctx, func(ctx context.Context) error {
		for _, err := range c.ns.ReadLog(ctx, after) {
			return err
		}
		return nil
	})
	if err != nil && !isAnswer(err) {
		c.store.report(err)
	}
	return err == nil
}

// readStream reads what a group of clients has missed, and up to which position. The group is in the order of upTo.
func (c *clusterRecovery) readStream(ctx context.Context, group []*olderRequest) (
	stream *retention.Stream[*keptEntry], upTo backplane.Position, err error) {
	rooms := make(map[string]struct{})
	for _, r := range group {
		for _, room := range r.missed.rooms {
			rooms[room] = struct{}{}
		}
	}
	in := func(room string) bool { _, in := rooms[room]; return in }
	start := group[0].missed.upTo
	if upTo, err = c.ns.Head(ctx); err != nil { // the last entries may be for servers
		return nil, upTo, err
	}
	var log retention.Log[*keptEntry]
	stream = log.Open(start.Offset)
	for e, err := range c.ns.ReadLog(ctx, start) {
		if err != nil {
			return nil, upTo, err
		}
		upTo = later(upTo, e.Position)
		if len(e.To.Rooms) > 0 && !slices.ContainsFunc(e.To.Rooms, in) {
			continue
		}
		k := entryOf(e)
		if k == nil {
			continue
		}
		for _, room := range k.rooms {
			rooms[room] = struct{}{}
		}
		stream.Append(retention.Entry[*keptEntry]{Position: e.Position.Offset, Rooms: e.To.Rooms, Except: e.To.Except,
			Payload: k}, k.size(), time.Time{})
		if log.Bytes() > c.log.Memory.MaxBytes {
			return nil, upTo, errTooMuchMissed
		}
	}
	return stream, upTo, nil
}

// entryOf returns what is kept of an entry of the cluster's log; nil: nothing.
func entryOf(e *backplane.LogEntry) *keptEntry {
	k := &keptEntry{kind: e.Type, position: e.Position, rooms: e.Rooms}
	switch e.Type {
	case codec.Broadcast:
		k.args = e.Packet.Args
	case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
	default:
		return nil
	}
	return k
}
