package core

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/backplane-go/backplane/codec"
)

// maxClients bounds how many clients a node can claim to have asked.
const maxClients = math.MaxInt32

// count notes how many clients a node has asked.
func (q *request) count(uid string, clients int) bool {
	if q.counted && uid == "" {
		return q.countInPool(clients)
	}
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
	if q.counted && uid == "" {
		return q.ackInPool(v)
	}
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

// listed adds the names of a node.
func (q *request) listed(uid string, names []string) bool {
	size := 0
	for _, name := range names {
		size += len(name) + 16
	}
	return q.change(uid, size, func(a *answerer) {
		a.counted = true
		q.names = append(q.names, names...)
		if q.oneIsEnough || q.wanted != "" && slices.Contains(names, q.wanted) {
			q.early = !q.oneIsEnough && len(q.asked) > 1
			clear(q.asked)
		}
	})
}

// answers returns how many nodes have answered.
func (q *request) answers() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.replies
}

// hasSurplus reports whether more answers without names have come than were expected.
func (q *request) hasSurplus() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.surplus
}

// senders returns which nodes have named themselves in answers, and how many answers have named no node.
func (q *request) senders() (named map[string]bool, unnamed int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.answered), q.unnamed
}

// nodeOf returns for which of the nodes that have not finished an answer counts, and that node. It returns nil if the
// answer is not accepted. The caller holds mu.
//
// If answers need not say which node they come from, one without a name counts for any of the nodes that have none in
// their answers. One of a node that was not asked counts for none: it is accepted, but the request waits for as many
// others as before.
func (q *request) nodeOf(uid string) (node string, a *answerer) {
	if !q.anonymous {
		return uid, q.asked[uid]
	}
	if q.answered == nil {
		q.answered, q.taken = make(map[string]bool), make(map[string]bool)
	}
	if uid != "" {
		a = q.asked[uid]
		if q.counted && (a == nil || a.unnamed || a.stands) { // not this node
			return q.standIn(uid)
		}
		if a == nil && !q.answered[uid] {
			a = new(answerer)
		}
		q.answered[uid] = true
		return uid, a
	}
	q.unnamed++
	if node, a = q.anyUnnamed(); a == nil {
		q.surplus = true
		return uid, new(answerer)
	}
	q.taken[node] = true
	return node, a
}

// anyUnnamed returns one of the nodes that have not finished answering and whose answers do not have their names. The
// caller holds mu.
func (q *request) anyUnnamed() (node string, a *answerer) {
	for node, a := range q.asked {
		if a.unnamed {
			return node, a
		}
	}
	return "", nil
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
	if q.ended {
		return false
	}
	if q.anonymous {
		size += len(uid) + 64 // nodeOf keeps the name, and anybody may invent names
	}
	uid, a := q.nodeOf(uid)
	if a == nil {
		return false
	}
	q.replies++
	if q.room -= size; q.room < 0 {
		q.room = 0
		if q.err == nil {
			q.err = ErrAnswersTooLarge
		}
		if q.asked[uid] != nil {
			q.missing = append(q.missing, uid)
		}
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
