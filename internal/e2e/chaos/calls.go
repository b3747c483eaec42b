package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
)

// caller makes calls with a time limit, one after the other. It records how long they took and which nodes the
// results of requests lack.
type caller struct {
	node    int
	visits  bool
	cluster *backplane.Cluster
	ns      *backplane.Namespace
	record  *recorder
	random  *rand.Rand
	peers   *peers
	opened  int // how many namespaces it has opened
}

// peers counts how often each peer has left, as reported by Trace.
type peers struct {
	mu   sync.Mutex
	left map[string]int
}

func (p *peers) leave(uid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left[uid]++
}

func (p *peers) departures(uids []string) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := make([]int, len(uids))
	for i, uid := range uids {
		counts[i] = p.left[uid]
	}
	return counts
}

// callUntil makes a call every pause until ctx ends.
func (a *caller) callUntil(ctx context.Context, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			limit := 200*time.Millisecond + time.Duration(a.random.Int64N(int64(1500*time.Millisecond)))
			switch n := a.random.IntN(4); {
			case n == 0:
				a.change(limit)
			case n == 1 && a.visits:
				a.visit(limit)
			default:
				a.ask(limit)
			}
		case <-ctx.Done():
			return
		}
	}
}

// ask makes a request. Peers that were known before and after the request and did not leave in between must
// have answered or be named in the error.
func (a *caller) ask(limit time.Duration) {
	target := a.ns.Timeout(limit)
	ctx := context.Background()
	before := a.ns.Peers()
	departures := a.peers.departures(before)
	e := Event{Kind: Call, Begin: now(), Limit: limit.Microseconds()}
	var answered []string
	var err error
	switch a.random.IntN(3) {
	case 0:
		e.Name = "FetchSockets"
		var sockets []*backplane.RemoteSocket
		sockets, err = target.FetchSockets(ctx)
		for _, s := range sockets {
			answered = append(answered, s.Node())
		}
	case 1:
		e.Name = "EmitWithAck"
		var values []backplane.Value
		values, err = target.EmitWithAck(ctx, "question")
		answered = texts(values)
	case 2:
		e.Name = "ServerSideEmitWithAck"
		var values []backplane.Value
		values, err = target.ServerSideEmitWithAck(ctx, "question")
		answered = texts(values)
	}
	e.At = now()
	if err != nil {
		e.Text = err.Error()
	}
	var partial *backplane.PartialError
	if errors.As(err, &partial) {
		answered = slices.Concat(answered, partial.Missing, partial.Left, partial.Refused)
	} else if err != nil {
		a.record.note(e)
		return
	}
	after := a.ns.Peers()
	since := a.peers.departures(before)
	for i, uid := range before {
		if !slices.Contains(answered, uid) && slices.Contains(after, uid) && departures[i] == since[i] {
			e.Lacks = append(e.Lacks, uid)
		}
	}
	a.record.note(e)
}

func texts(values []backplane.Value) []string {
	var out []string
	for _, v := range values {
		var s string
		if v.Decode(&s) == nil {
			out = append(out, s)
		}
	}
	return out
}

// change makes a call that does not wait for answers, or one of the old adapter's requests.
func (a *caller) change(limit time.Duration) {
	switch a.random.IntN(5) {
	case 0:
		_ = timed(a.record, "SocketsJoin", limit,
			func(ctx context.Context) error { return a.ns.SocketsJoin(ctx, "room") })
	case 1:
		_ = timed(a.record, "SocketsLeave", limit,
			func(ctx context.Context) error { return a.ns.SocketsLeave(ctx, "room") })
	case 2:
		_ = timed(a.record, "DisconnectSockets", limit, func(ctx context.Context) error {
			return a.ns.To("nobody is in this room").DisconnectSockets(ctx, true)
		})
	case 3:
		_ = timed(a.record, "ServerSideEmit", limit,
			func(ctx context.Context) error { return a.ns.ServerSideEmit(ctx, "remark") })
	case 4:
		_ = timed(a.record, "AllRooms", limit, func(ctx context.Context) error {
			_, err := a.ns.AllRooms(ctx)
			return err
		})
	}
}

// visit opens a namespace, sends a message to it, and closes the namespace.
func (a *caller) visit(limit time.Duration) {
	a.opened++
	name := fmt.Sprintf("/visit-%d-%d", a.node, a.opened)
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	var ns *backplane.Namespace
	var err error
	if a.random.IntN(2) == 0 {
		err = timed(a.record, "Namespace", limit, func(ctx context.Context) (err error) {
			ns, err = a.cluster.Namespace(ctx, name, registry)
			return err
		})
	} else if ns, err = a.cluster.NamespaceAsync(name, registry); err == nil {
		_ = timed(a.record, "WaitReady", limit, ns.WaitReady) // it is closed below in any case
	}
	if err != nil {
		return
	}
	// only the time matters
	_ = timed(a.record, "Emit", limit, func(ctx context.Context) error { return ns.Emit(ctx, "remark") })
	_ = timed(a.record, "Namespace.Close", limit, ns.Close)
}

// timed makes a call with a time limit and records how long it took.
func timed(record *recorder, name string, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	e := Event{Kind: Call, Name: name, Begin: now(), Limit: limit.Microseconds()}
	err := call(ctx)
	e.At = now()
	if err != nil {
		e.Text = err.Error()
	}
	record.note(e)
	return err
}
