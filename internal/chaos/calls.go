package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
)

// asker makes requests with a time limit, one after the other, and notes how long they took and whom they left out.
type asker struct {
	ns     *backplane.Namespace
	record *recorder
	random *rand.Rand
	peers  *peers
}

// peers counts how often each peer has left, as Trace tells it.
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

func (a *asker) run(ctx context.Context, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.ask()
		case <-ctx.Done():
			return
		}
	}
}

// ask makes one request. Peers that were known before and after, and have not left in between, have to be among those that
// answered or those that the error names.
func (a *asker) ask() {
	limit := 200*time.Millisecond + time.Duration(a.random.Int64N(int64(1500*time.Millisecond)))
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
		answered = append(append(answered, partial.Missing...), partial.Left...)
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
