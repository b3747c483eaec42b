package core

import "github.com/backplane-go/backplane/codec"

// This file has what a request does if nodes are only numbers: see dialect.Counted.

// standIn returns which of the nodes that were asked stands for one that names itself in an answer, and that node. It
// returns nil if the node has finished answering. A node that was not counted stands for none. The caller holds mu.
func (q *request) standIn(uid string) (node string, a *answerer) {
	if node, known := q.standIns[uid]; known {
		return node, q.asked[node]
	}
	if q.standIns == nil {
		q.standIns = make(map[string]string)
	}
	node, a = q.anyUnnamed()
	if a == nil {
		q.surplus, node, a = true, "\x00"+uid, new(answerer)
		if q.kind == codec.Broadcast { // it may have more to say
			q.asked[uid] = a
		}
	}
	q.standIns[uid] = node
	a.unnamed, a.stands = false, true
	return node, a
}

// leaveAll notes that no other nodes are left. As long as there are some, nobody knows which of those that have named
// themselves have left.
func (q *request) leaveAll(self string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || !q.counted {
		return
	}
	for node, a := range q.asked {
		if node != self {
			q.values = append(q.values, a.early...)
			delete(q.asked, node)
			q.left = append(q.left, unknownNode)
		}
	}
	if q.pool.clients > 0 {
		q.pool.clients = 0
		q.left = append(q.left, unknownNode)
	}
	q.endIfComplete()
}

// countInPool notes how many clients a node has asked that does not say which one it is.
func (q *request) countInPool(clients int) bool {
	return q.changePool(0, func(p *answerer, _ bool) {
		if node, a := q.anyUnnamed(); a != nil {
			delete(q.asked, node)
		}
		p.clients += min(max(0, clients), maxClients)
		early := p.early[:min(len(p.early), p.clients)]
		p.clients -= len(early)
		p.early = p.early[len(early):]
		q.add(early...)
	})
}

// ackInPool adds the acknowledgement of a client of such a node.
func (q *request) ackInPool(v codec.Value) bool {
	return q.changePool(sizeOf(v), func(p *answerer, fits bool) {
		switch {
		case p.clients > 0:
			if p.clients--; fits {
				q.add(v)
			}
		case fits:
			p.early = append(p.early, v)
		}
	})
}

// changePool calls f with the pool, and with whether an answer of size bytes may be kept. It ends the request if this
// was the last answer.
func (q *request) changePool(size int, f func(p *answerer, fits bool)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return false
	}
	q.replies++
	q.room -= size
	fits := q.room >= 0
	if !fits {
		q.room = 0
		if q.err == nil {
			q.err = ErrAnswersTooLarge
		}
	}
	f(&q.pool, fits)
	q.endIfComplete()
	return true
}
