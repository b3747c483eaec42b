package core

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
)

// randomID returns 16 random lowercase hexadecimal digits.
func randomID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}

// requests are the requests of one namespace that wait for answers. Each has a deadline.
type requests struct {
	mayRespond func(uid string) bool // whether a request may wait for a node
	room       int                   // the most bytes of answers that a request keeps
	named      func(uid string) bool // whether a node's answers have its name; nil: those of all nodes
	late       func(node string)     // unless named is nil, called for an unexpected answer to a request that was over
	counted    bool                  // unless named is nil: nodes are only numbers
	counts     tallies[tally]        // nil: requests are not counted
	first      uint64                // no id of this node is up to here
	last       atomic.Uint64         // the id of the latest request; the first one is random

	mu     sync.RWMutex // guards all below
	open   map[string]*request
	closed bool
	early  []string // the latest requests that ended before all answers had come, up to maxEarly
	next   int      // which of early is the oldest, once there are so many
}

func newRequests(mayRespond func(uid string) bool, room int) *requests {
	r := &requests{mayRespond: mayRespond, room: room, open: make(map[string]*request)}
	var b [8]byte
	rand.Read(b[:])
	r.first = binary.BigEndian.Uint64(b[:])
	r.last.Store(r.first)
	return r
}

// begin registers a request to uids. It is called before the request is sent.
func (r *requests) begin(kind codec.Type, uids []string) (*request, error) {
	q := &request{id: requestID(r.last.Add(1)), kind: kind, asked: make(map[string]*answerer, len(uids)), room: r.room,
		anonymous: r.named != nil, counted: r.counted, done: make(chan struct{})}
	for _, uid := range uids {
		q.asked[uid] = &answerer{unnamed: r.named != nil && !r.named(uid)}
	}
	q.endIfComplete()
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.open[q.id] = q
	}
	r.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	for _, uid := range uids { // the request learns who leaves from now on, but not who left just before
		if !r.mayRespond(uid) {
			q.forget(uid)
		}
	}
	return q, nil
}

func requestID(number uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], number)
	return hex.EncodeToString(b[:])
}

// latest returns the id of the latest request.
func (r *requests) latest() string { return requestID(r.last.Load()) }

// end counts and forgets a request.
func (r *requests) end(q *request) {
	r.count(q)
	q.mu.Lock()
	early := q.early
	q.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if early && r.open[q.id] != nil {
		r.rememberEarly(q.id)
	}
	delete(r.open, q.id)
}

// maxEarly is how many requests are remembered that ended early. Their other answers come a moment later.
const maxEarly = 64

// rememberEarly notes that a request ended before all answers had come. The caller holds mu.
func (r *requests) rememberEarly(id string) {
	if len(r.early) < maxEarly {
		r.early = append(r.early, id)
		return
	}
	r.early[r.next] = id
	r.next = (r.next + 1) % maxEarly
}

// waiting reports whether there are requests.
func (r *requests) waiting() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.open) > 0
}

// has reports whether there is a request with this id.
func (r *requests) has(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.open[id] != nil
}

// answer passes an answer to its request and reports whether the request waited for it. Answers to requests of other
// nodes, late answers and repeated ones are ignored.
func (r *requests) answer(env *codec.Envelope) bool {
	r.mu.RLock()
	q := r.open[env.RequestID]
	unexpected := q == nil && r.named != nil && r.isOurs(env.RequestID) && !slices.Contains(r.early, env.RequestID)
	r.mu.RUnlock()
	if unexpected {
		r.late(env.Node)
	}
	if q == nil {
		return false
	}
	if r.named == nil {
		return q.answer(env)
	}
	from := *env
	if env.Node != "" {
		from.UID = env.Node
	}
	waited := q.answer(&from)
	if q.hasSurplus() {
		r.late("")
	}
	return waited
}

// answer adds an answer to the request and reports whether the request waited for it.
func (q *request) answer(env *codec.Envelope) bool {
	switch {
	case env.Type == codec.RequestRefused:
		return q.refuse(env.UID)
	case env.Type == codec.FetchSocketsResponse && q.kind == codec.ListSockets && len(env.Sockets) == 0:
		return q.listed(env.UID, nil) // some dialects do not tell the two kinds of empty lists apart
	case !answers(env.Type, q.kind):
		return false
	}
	switch env.Type {
	case codec.BroadcastClientCount:
		return q.count(env.UID, env.ClientCount)
	case codec.BroadcastAck:
		return q.ack(env.UID, env.Value)
	case codec.ServerSideEmitResponse, codec.CustomRequestResponse:
		return q.value(env.UID, env.Value)
	case codec.ListSocketsResponse, codec.ListRoomsResponse, codec.SocketRoomsResponse:
		return q.listed(env.UID, env.Rooms)
	case codec.SocketChanged:
		if q.kind == codec.CustomRequest {
			return q.value(env.UID, codec.Value{})
		}
		return q.listed(env.UID, nil)
	}
	return q.found(env.UID, env.Sockets)
}

// answers reports whether a message of type t may answer a request of a kind.
func answers(t, kind codec.Type) bool {
	switch t {
	case codec.BroadcastClientCount, codec.BroadcastAck:
		return kind == codec.Broadcast
	case codec.ServerSideEmitResponse:
		return kind == codec.ServerSideEmit
	case codec.FetchSocketsResponse:
		return kind == codec.FetchSockets
	case codec.ListSocketsResponse:
		return kind == codec.ListSockets
	case codec.ListRoomsResponse, codec.SocketRoomsResponse: // some dialects do not tell them apart
		return kind == codec.ListRooms || kind == codec.SocketRooms
	case codec.CustomRequestResponse:
		return kind == codec.CustomRequest
	case codec.SocketChanged: // of a CustomRequest: an answer without data
		switch kind {
		case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.CustomRequest:
			return true
		}
	}
	return false
}

// isOurs reports whether id is that of a request of this node.
func (r *requests) isOurs(id string) bool {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 8 {
		return false
	}
	return binary.BigEndian.Uint64(b)-r.first-1 < r.last.Load()-r.first
}

// expects reports whether a reference may be to an answer that a request waits for. Which request it answers is known
// only after the attachment was read.
func (r *requests) expects(env *codec.Envelope) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, q := range r.open {
		if answers(env.Type, q.kind) && q.waits(env.UID) {
			return true
		}
	}
	return false
}

// leave notes in all requests that a node has left.
func (r *requests) leave(uid string) {
	r.each(func(q *request) { q.leave(uid) })
}

// leaveUpTo notes in the requests up to the one with this id that a node has left. Ids grow, and all have the same
// length.
func (r *requests) leaveUpTo(uid, id string) {
	r.each(func(q *request) {
		if q.id <= id {
			q.leave(uid)
		}
	})
}

// forget makes all requests stop waiting for a node that had left before they began.
func (r *requests) forget(uid string) {
	r.each(func(q *request) { q.forget(uid) })
}

// leaveAbsent notes in all requests that the nodes that may not respond any more have left.
func (r *requests) leaveAbsent() {
	r.each(func(q *request) {
		for _, uid := range q.waitsFor() {
			if !r.mayRespond(uid) {
				q.leave(uid)
			}
		}
	})
}

// deafen notes in all requests that answers may have been lost.
func (r *requests) deafen() { r.each((*request).deafen) }

// close ends all requests with ErrClosed, and those to come.
func (r *requests) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.each(func(q *request) { q.abort(ErrClosed) })
}

func (r *requests) each(f func(*request)) {
	r.mu.RLock()
	all := make([]*request, 0, len(r.open))
	for _, q := range r.open {
		all = append(all, q)
	}
	r.mu.RUnlock()
	for _, q := range all {
		f(q)
	}
}
