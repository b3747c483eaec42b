package core

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
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
	last       atomic.Uint64         // the id of the latest request; the first one is random

	mu     sync.RWMutex // guards all below
	open   map[string]*request
	closed bool
}

func newRequests(mayRespond func(uid string) bool, room int) *requests {
	r := &requests{mayRespond: mayRespond, room: room, open: make(map[string]*request)}
	var b [8]byte
	rand.Read(b[:])
	r.last.Store(binary.BigEndian.Uint64(b[:]))
	return r
}

// begin registers a request to uids. It is called before the request is sent.
func (r *requests) begin(kind codec.Type, uids []string) (*request, error) {
	q := &request{id: requestID(r.last.Add(1)), kind: kind, asked: make(map[string]*answerer, len(uids)), room: r.room,
		done: make(chan struct{})}
	for _, uid := range uids {
		q.asked[uid] = &answerer{}
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

// end forgets a request.
func (r *requests) end(q *request) {
	r.mu.Lock()
	delete(r.open, q.id)
	r.mu.Unlock()
}

// waiting reports whether there are requests.
func (r *requests) waiting() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.open) > 0
}

// answer passes an answer to its request and reports whether the request waited for it. Answers to requests of other
// nodes, late answers and repeated ones are ignored.
func (r *requests) answer(env *codec.Envelope) bool {
	r.mu.RLock()
	q := r.open[env.RequestID]
	r.mu.RUnlock()
	if q == nil {
		return false
	}
	switch {
	case env.Type == codec.RequestRefused:
		return q.refuse(env.UID)
	case !answers(env.Type, q.kind):
		return false
	}
	switch env.Type {
	case codec.BroadcastClientCount:
		return q.count(env.UID, env.ClientCount)
	case codec.BroadcastAck:
		return q.ack(env.UID, env.Value)
	case codec.ServerSideEmitResponse:
		return q.value(env.UID, env.Value)
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
	}
	return false
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
