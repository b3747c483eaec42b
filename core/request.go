package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// request collects the answers of a set of nodes. Only these nodes can answer, and each of them once.
type request struct {
	id   string
	kind codec.Type // Broadcast, FetchSockets or ServerSideEmit

	mu      sync.Mutex           // guards all below
	asked   map[string]*answerer // by uid: the nodes that have not finished answering
	missing []string             // nodes that could not be asked, or answered too much
	left    []string             // nodes that left before they had answered
	refused []string             // nodes that refused to answer
	room    int                  // for how many more bytes of answers there is room
	err     error                // why the request ended, unless all nodes answered
	deaf    bool                 // this node was deaf for a part of the time
	ended   bool
	done    chan struct{} // closed when ended
	values  []codec.Value
	news    chan struct{} // closed when a value is added; nil when nobody waits for it
	sockets []answeredSocket
}

var operations = map[codec.Type]string{
	codec.Broadcast:      "emit with acknowledgement",
	codec.FetchSockets:   "fetch sockets",
	codec.ServerSideEmit: "server-side emit",
}

// answerer is a node that was asked.
type answerer struct {
	counted bool          // it has said how many clients it asks
	clients int           // how many of them have yet to answer, if counted
	early   []codec.Value // acknowledgements that came before it was counted
}

// answeredSocket is a socket and the node it is on.
type answeredSocket struct {
	socket codec.Socket
	uid    string
}

// maxClients bounds how many clients a node can claim to have asked.
const maxClients = math.MaxInt32

// count notes how many clients a node has asked.
func (q *request) count(uid string, clients int) bool {
	return q.change(uid, 0, func(a *answerer) {
		if a.counted {
			return
		}
		clients = min(clients, maxClients)
		early := a.early[:min(len(a.early), clients)]
		a.counted, a.clients, a.early = true, clients-len(early), nil
		q.add(early...)
	})
}

// ack adds the acknowledgement of one client. A node can add as many as it has counted, and can add them before it
// counts.
func (q *request) ack(uid string, v codec.Value) bool {
	return q.change(uid, sizeOf(v), func(a *answerer) {
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

// after returns all acknowledgements but the first n, and waits if there are none. It returns false when there is
// nothing to wait for: the request or ctx has ended.
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

// value adds the answer of a node that gives one only.
func (q *request) value(uid string, v codec.Value) bool {
	return q.change(uid, sizeOf(v), func(a *answerer) {
		a.counted = true
		q.values = append(q.values, v)
	})
}

// found adds the sockets of a node.
func (q *request) found(uid string, sockets []codec.Socket) bool {
	size := 0
	for _, s := range sockets {
		size += len(s.ID) + sizeOf(s.Handshake) + sizeOf(s.Data)
		for _, room := range s.Rooms {
			size += len(room) + 16
		}
	}
	return q.change(uid, size, func(a *answerer) {
		a.counted = true
		for _, s := range sockets {
			q.sockets = append(q.sockets, answeredSocket{s, uid})
		}
	})
}

// sizeOf returns about how much memory v takes.
func sizeOf(v codec.Value) int {
	rest := v.Rest()
	raw, _ := v.Bytes(v.Encoding())
	more, _ := rest.Bytes(rest.Encoding())
	return len(raw) + len(more) + 64
}

// change calls f for a node that has not finished answering, for an answer of size bytes, and ends the request if
// this was the last one. It reports whether the request waited for the node.
func (q *request) change(uid string, size int, f func(*answerer)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.asked[uid]
	if a == nil || q.ended {
		return false
	}
	if q.room -= size; q.room < 0 {
		q.room = 0
		if q.err == nil {
			q.err = ErrAnswersTooLarge
		}
		q.missing = append(q.missing, uid)
		q.values = append(q.values, a.early...)
		delete(q.asked, uid)
		q.endIfComplete()
		return true
	}
	f(a)
	if a.counted && a.clients == 0 {
		delete(q.asked, uid)
		q.endIfComplete()
	}
	return true
}

// refuse notes that a node refuses to answer.
func (q *request) refuse(uid string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked[uid] == nil || q.ended {
		return false
	}
	delete(q.asked, uid)
	q.refused = append(q.refused, uid)
	q.endIfComplete()
	return true
}

// waits reports whether the request waits for a node.
func (q *request) waits(uid string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[uid] != nil && !q.ended
}

// waitsFor returns the nodes for which the request waits.
func (q *request) waitsFor() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return nil
	}
	return slices.Collect(maps.Keys(q.asked))
}

// forget stops waiting for a node, as if it had not been asked.
func (q *request) forget(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked[uid] != nil && !q.ended {
		delete(q.asked, uid)
		q.endIfComplete()
	}
}

// leave notes that a node has left.
func (q *request) leave(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked[uid] == nil || q.ended {
		return
	}
	delete(q.asked, uid)
	q.left = append(q.left, uid)
	q.endIfComplete()
}

// endIfComplete ends the request if all nodes have answered. The caller holds mu, or is the only user.
func (q *request) endIfComplete() {
	if len(q.asked) == 0 && !q.ended {
		q.ended = true
		close(q.done)
	}
}

// endIfLate ends the request if ctx has ended, even if there are no nodes to ask. It is called before the request is
// sent.
func (q *request) endIfLate(ctx context.Context) bool {
	if ctx.Err() == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err = context.Cause(ctx); !q.ended {
		q.ended = true
		close(q.done)
	}
	return true
}

// abort ends the request with an error.
func (q *request) abort(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	if q.deaf && !errors.Is(err, ErrClosed) {
		err = fmt.Errorf("%w: %w", err, ErrDeaf)
	}
	if q.ended = true; q.err == nil {
		q.err = err
	}
	close(q.done)
}

// deafen notes that answers may have been lost.
func (q *request) deafen() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deaf = true
}

// unreachable notes that nodes other than self could not be asked because of err.
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
	q.endIfComplete()
}

// fail notes that a node has no answer because of err.
func (q *request) fail(uid string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.asked, uid)
	q.missing = append(q.missing, uid)
	if q.err == nil {
		q.err = err
	}
	q.endIfComplete()
}

// isOver reports whether the request has ended.
func (q *request) isOver() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}

// wait waits until the request or ctx ends. It returns a *PartialError if nodes have not answered. After wait, the
// answers do not change any more.
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
		q.values = append(q.values, a.early...) // the node never counted, but these clients did answer
		clients += min(a.clients, math.MaxInt-clients)
	}
	if q.err == nil && len(q.left) == 0 && len(q.refused) == 0 {
		return nil
	}
	p := &PartialError{Op: operations[q.kind], Missing: q.missing, Clients: clients, Refused: q.refused, Left: q.left,
		Err: q.err}
	for uid := range q.asked {
		p.Missing = append(p.Missing, uid)
	}
	slices.Sort(p.Missing)
	return p
}
