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

// requests are those of one namespace that wait for answers. Each is bounded by a deadline.
type requests struct {
	present func(uid string) bool // whether a node is in the namespace
	room    int                   // the most bytes of answers that a request keeps
	last    atomic.Uint64         // the id of the latest, counted from a random one

	mu     sync.RWMutex // guards all below
	open   map[string]*request
	closed bool
}

func newRequests(present func(uid string) bool, room int) *requests {
	r := &requests{present: present, room: room, open: make(map[string]*request)}
	var b [8]byte
	rand.Read(b[:])
	r.last.Store(binary.BigEndian.Uint64(b[:]))
	return r
}

// begin registers a request to uids, before it is sent.
func (r *requests) begin(kind codec.Type, uids []string) (*request, error) {
	q := &request{id: requestID(r.last.Add(1)), kind: kind, asked: make(map[string]*answerer, len(uids)), room: r.room,
		done: make(chan struct{})}
	for _, uid := range uids {
		q.asked[uid] = &answerer{}
	}
	q.check()
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.open[q.id] = q
	}
	r.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	for _, uid := range uids { // who leaves from now on is told to the request; who left just before, is not
		if !r.present(uid) {
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

// latest returns the id of the request that began last.
func (r *requests) latest() string { return requestID(r.last.Load()) }

// end forgets a request.
func (r *requests) end(q *request) {
	r.mu.Lock()
	delete(r.open, q.id)
	r.mu.Unlock()
}

// waiting reports whether there is any request.
func (r *requests) waiting() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.open) > 0
}

// answer hands an answer to its request, and reports whether that waited for it. Answers to others' requests, late ones and
// repeated ones are nobody's.
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

// expect reports whether a reference may be to an answer that is waited for. Which request it answers is known only once the
// attachment was read.
func (r *requests) expect(env *codec.Envelope) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, q := range r.open {
		if answers(env.Type, q.kind) && q.waits(env.UID) {
			return true
		}
	}
	return false
}

// leave tells all requests that a node is gone.
func (r *requests) leave(uid string) {
	r.each(func(q *request) { q.leave(uid) })
}

// leaveBefore tells the requests up to the one with this id that a node is gone. Ids grow, as they have the same length.
func (r *requests) leaveBefore(uid, id string) {
	r.each(func(q *request) {
		if q.id <= id {
			q.leave(uid)
		}
	})
}

// drop tells all requests not to wait for a node that had said goodbye before they began.
func (r *requests) drop(uid string) {
	r.each(func(q *request) { q.forget(uid) })
}

// leaveUnless tells all requests that those nodes are gone who are not present.
func (r *requests) leaveUnless() {
	r.each(func(q *request) {
		for _, uid := range q.waitsFor() {
			if !r.present(uid) {
				q.leave(uid)
			}
		}
	})
}

// deafen tells all requests that answers may not have arrived.
func (r *requests) deafen() { r.each((*request).deafen) }

// close ends all requests, and those to come, with ErrClosed.
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
