package core

import (
	"context"
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

// requests are those of one namespace that wait for answers. Each is bounded by a deadline.
type requests struct {
	present func(uid string) bool // whether a node is in the namespace
	last    atomic.Uint64         // the id of the latest, counted from a random one

	mu     sync.RWMutex // guards all below
	open   map[string]*request
	closed bool
}

func newRequests(present func(uid string) bool) *requests {
	r := &requests{present: present, open: make(map[string]*request)}
	var b [8]byte
	rand.Read(b[:])
	r.last.Store(binary.BigEndian.Uint64(b[:]))
	return r
}

// request collects the answers of a set of nodes. Each counts once, and strangers do not.
type request struct {
	id   string
	kind codec.Type // Broadcast, FetchSockets or ServerSideEmit

	mu      sync.Mutex           // guards all below
	asked   map[string]*answerer // by uid: who has not finished answering
	missing []string             // who could not be asked
	left    []string             // who was gone before having answered
	err     error                // why it ended, if not because all answered
	ended   bool
	done    chan struct{} // closed when ended
	values  []codec.Value
	news    chan struct{} // closed by the next of values; nil when nobody waits for that
	sockets []answeredSocket
}

var operations = map[codec.Type]string{
	codec.Broadcast:      "emit with acknowledgement",
	codec.FetchSockets:   "fetch sockets",
	codec.ServerSideEmit: "server-side emit",
}

// answerer is a node that is asked for the acknowledgements of its clients.
type answerer struct {
	counted bool // it told how many
	clients int  // who have yet to answer, once it is counted
	early   []codec.Value
}

// answeredSocket is a socket and the node it is on.
type answeredSocket struct {
	socket codec.Socket
	uid    string
}

// begin registers a request to uids, before it is sent.
func (r *requests) begin(kind codec.Type, uids []string) (*request, error) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], r.last.Add(1))
	q := &request{id: hex.EncodeToString(b[:]), kind: kind, asked: make(map[string]*answerer, len(uids)), done: make(chan struct{})}
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

// answer hands an answer to its request. Answers to others' requests, late ones and repeated ones are nobody's.
func (r *requests) answer(env *codec.Envelope) {
	r.mu.RLock()
	q := r.open[env.RequestID]
	r.mu.RUnlock()
	if q == nil {
		return
	}
	switch {
	case q.kind == codec.Broadcast && env.Type == codec.BroadcastClientCount:
		q.count(env.UID, env.ClientCount)
	case q.kind == codec.Broadcast && env.Type == codec.BroadcastAck:
		q.ack(env.UID, env.Value)
	case q.kind == codec.ServerSideEmit && env.Type == codec.ServerSideEmitResponse:
		q.value(env.UID, env.Value)
	case q.kind == codec.FetchSockets && env.Type == codec.FetchSocketsResponse:
		q.found(env.UID, env.Sockets)
	}
}

// leave tells all requests that a node is gone.
func (r *requests) leave(uid string) {
	r.each(func(q *request) { q.leave(uid) })
}

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

// count notes how many clients a node has asked.
func (q *request) count(uid string, clients int) {
	q.change(uid, func(a *answerer) {
		if a.counted {
			return
		}
		early := a.early[:min(len(a.early), clients)]
		a.counted, a.clients, a.early = true, clients-len(early), nil
		q.add(early...)
	})
}

// ack adds the acknowledgement of one client. A node may give as many as it counts, also before it has counted.
func (q *request) ack(uid string, v codec.Value) {
	q.change(uid, func(a *answerer) {
		if !a.counted {
			a.early = append(a.early, v)
			return
		}
		a.clients--
		q.add(v)
	})
}

// add keeps acknowledgements. The caller holds mu.
func (q *request) add(values ...codec.Value) {
	if len(values) == 0 {
		return
	}
	q.values = append(q.values, values...)
	if q.news != nil {
		close(q.news)
		q.news = nil
	}
}

// after returns the acknowledgements but for the first n, and waits for one if there is none. It is false when there is
// nothing more to wait for: the request or ctx has ended.
func (q *request) after(ctx context.Context, n int) (values []codec.Value, more bool) {
	for {
		q.mu.Lock()
		if values, ended := q.values[n:len(q.values):len(q.values)], q.ended; ended || len(values) > 0 {
			q.mu.Unlock()
			return values, !ended
		}
		if q.news == nil {
			q.news = make(chan struct{})
		}
		news := q.news
		q.mu.Unlock()
		select {
		case <-news:
		case <-q.done:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// value adds the only answer of a node.
func (q *request) value(uid string, v codec.Value) {
	q.change(uid, func(a *answerer) {
		a.counted = true
		q.values = append(q.values, v)
	})
}

// found adds the sockets of a node.
func (q *request) found(uid string, sockets []codec.Socket) {
	q.change(uid, func(a *answerer) {
		a.counted = true
		for _, s := range sockets {
			q.sockets = append(q.sockets, answeredSocket{s, uid})
		}
	})
}

// change applies f to a node that has not finished answering, and ends the request if it was the last.
func (q *request) change(uid string, f func(*answerer)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.asked[uid]
	if a == nil || q.ended {
		return
	}
	f(a)
	if a.counted && a.clients == 0 {
		delete(q.asked, uid)
		q.check()
	}
}

// forget does not ask a node after all.
func (q *request) forget(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked[uid] != nil && !q.ended {
		delete(q.asked, uid)
		q.check()
	}
}

func (q *request) leave(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked[uid] == nil || q.ended {
		return
	}
	delete(q.asked, uid)
	q.left = append(q.left, uid)
	q.check()
}

// check ends the request if nobody is left to answer. The caller holds mu, or is alone.
func (q *request) check() {
	if len(q.asked) == 0 && !q.ended {
		q.ended = true
		close(q.done)
	}
}

// abort ends the request with an error.
func (q *request) abort(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	if q.ended = true; q.err == nil {
		q.err = err
	}
	close(q.done)
}

// unreachable notes that the nodes other than self could not be asked, because of err.
func (q *request) unreachable(self string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	q.err = err
	for uid := range q.asked {
		if uid != self {
			delete(q.asked, uid)
			q.missing = append(q.missing, uid)
		}
	}
	q.check()
}

// complete reports whether there is nobody left to wait for.
func (q *request) complete() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// wait waits for the request to end, at the latest with ctx, and tells who did not answer. After it the answers do not
// change any more.
func (q *request) wait(ctx context.Context) error {
	select {
	case <-q.done:
	case <-ctx.Done():
		q.abort(context.Cause(ctx))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	clients := 0
	for _, a := range q.asked {
		q.values = append(q.values, a.early...) // it never counted, but these clients did answer
		clients += a.clients
	}
	if q.err == nil && len(q.left) == 0 {
		return nil
	}
	p := &PartialError{Op: operations[q.kind], Missing: q.missing, Clients: clients, Left: q.left, Err: q.err}
	for uid := range q.asked {
		p.Missing = append(p.Missing, uid)
	}
	slices.Sort(p.Missing)
	return p
}
