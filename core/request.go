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
	tallied bool          // it has been counted, or need not be
	done    chan struct{} // closed when ended
	names   []string      // ids of sockets or names of rooms
	replies int           // how many answers have come
	// The request ends early with the first answer if oneIsEnough is set, and when a node has answered the name wanted.
	oneIsEnough bool
	wanted      string
	// early: the request ended before all answers had come, because a node answered the name wanted.
	early bool
	// anonymous: answers need not say which node they come from. answered are the senders that answers have named,
	// unnamed is how many answers have named none, and taken are the nodes for which those were counted. surplus:
	// there were more of those than nodes that they may come from.
	anonymous bool
	answered  map[string]bool
	unnamed   int
	taken     map[string]bool
	surplus   bool
	// counted: the nodes that are asked are numbers, and an answer may come from any of them. pool has the clients that
	// answers have counted without naming a sender, and their acknowledgements.
	// standIns are the numbers that stand for nodes that have named themselves, by uid.
	counted  bool
	pool     answerer
	standIns map[string]string
	values   []codec.Value
	news     chan struct{} // closed when a value is added; nil when nobody waits for it
	sockets  []answeredSocket
}

var operations = map[codec.Type]string{
	codec.Broadcast:      "emit with acknowledgement",
	codec.FetchSockets:   "fetch sockets",
	codec.ServerSideEmit: "server-side emit",

	codec.ListSockets: "clients", codec.ListRooms: "all rooms", codec.SocketRooms: "client rooms",
	codec.SocketsJoin: "remote join", codec.SocketsLeave: "remote leave", codec.DisconnectSockets: "remote disconnect",
	codec.CustomRequest: "custom request",
}

// answerer is a node that was asked.
type answerer struct {
	unnamed bool          // its answers do not have its name
	stands  bool          // it stands for a node that has named itself in an answer
	counted bool          // it has said how many clients it asks
	clients int           // how many of them have yet to answer, if counted
	early   []codec.Value // acknowledgements that came before it was counted
}

// answeredSocket is a socket and the node it is on.
type answeredSocket struct {
	socket codec.Socket
	uid    string
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
	if q.ended {
		return
	}
	node := uid
	if q.counted || q.asked[uid] == nil && q.taken[uid] { // it counts as answered, for another one
		node, _ = q.anyUnnamed()
	}
	if q.asked[node] == nil {
		return
	}
	delete(q.asked, node)
	q.left = append(q.left, q.nameOf(uid))
	q.endIfComplete()
}

// nameOf returns the name of a node in errors.
func (q *request) nameOf(uid string) string {
	if q.counted {
		return unknownNode
	}
	return uid
}

// endIfComplete ends the request if all nodes have answered. The caller holds mu, or is the only user.
func (q *request) endIfComplete() {
	if len(q.asked) == 0 && q.pool.clients <= 0 && !q.ended {
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

// unknownNode stands for a missing node when answers have not said which nodes they come from.
const unknownNode = "unknown node"

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
	if len(q.asked) > 0 { // nodes that have not counted, though these clients did answer
		q.values = append(q.values, q.pool.early...)
	}
	clients := q.pool.clients
	for _, a := range q.asked {
		q.values = append(q.values, a.early...) // the node never counted, but these clients did answer
		clients += min(a.clients, math.MaxInt-clients)
	}
	if q.err == nil && len(q.left) == 0 && len(q.refused) == 0 {
		return nil
	}
	p := &PartialError{Op: operations[q.kind], Missing: q.missing, Clients: clients, Refused: q.refused, Left: q.left,
		Err: q.err}
	for uid, a := range q.asked {
		if a.unnamed && (q.counted || len(q.taken) > 0) || a.stands {
			uid = unknownNode
		}
		p.Missing = append(p.Missing, uid)
	}
	slices.Sort(p.Missing)
	return p
}
