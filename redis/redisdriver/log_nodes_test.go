package redisdriver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// listeningNode is a node of a cluster with a log, and what it has delivered.
type listeningNode struct {
	*backplane.Registry
	sessions *proxy.Proxy // to its session, and not to its publisher
	cluster  *backplane.Cluster
	ns       *backplane.Namespace
	gaps     atomic.Int64

	mu        sync.Mutex // guards all below
	delivered []string   // what is kept, in order
	changed   chan struct{}
	failed    []error
}

// Broadcast implements backplane.LocalSockets.
func (n *listeningNode) Broadcast(p *backplane.Packet, _ backplane.Selector) {
	var id string
	if p.Position.IsZero() || p.Args.Decode(&id) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delivered = append(n.delivered, id)
	close(n.changed)
	n.changed = make(chan struct{})
}

// await waits until the node has delivered an event.
func (n *listeningNode) await(t *testing.T, id string) {
	t.Helper()
	for ctx, from := bounded(t), 0; ; {
		n.mu.Lock()
		all, changed := n.delivered, n.changed
		n.mu.Unlock()
		for ; from < len(all); from++ {
			if all[from] == id {
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%q was not delivered", id)
		}
	}
}

func (n *listeningNode) report(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var gap *backplane.GapError
	switch {
	case errors.As(err, &gap):
		n.gaps.Add(1)
		if !gap.Filled {
			n.failed = append(n.failed, err)
		}
	case errors.As(err, new(*backplane.LogGap)):
		n.failed = append(n.failed, err)
	}
}

func startNode(t *testing.T, server *redistest.Server) *listeningNode {
	t.Helper()
	n := &listeningNode{Registry: backplane.NewRegistry(backplane.RegistryConfig{}), changed: make(chan struct{}),
		sessions: proxy.Start(t, server.Address())}
	bus := redisdriver.NewWithClients(client(t, n.sessions.Address()), client(t, server.Address()), fast)
	var err error
	n.cluster, err = backplane.Open(bounded(t), backplane.Config{Bus: bus, Log: &backplane.LogConfig{},
		MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, ErrorHandler: n.report})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.cluster.Close(context.Background())) })
	n.ns, err = n.cluster.Namespace(bounded(t), "/", n)
	require.NoError(t, err)
	return n
}

// TestNodesMissNothing breaks the connections of nodes while all of them emit. Every node delivers every event that was
// accepted, once, and all in the same order.
func TestNodesMissNothing(t *testing.T) {
	server := redistest.New(t, "client-output-buffer-limit pubsub 256kb 0 0")
	nodes := []*listeningNode{startNode(t, server), startNode(t, server), startNode(t, server)}
	var accepted, refused sync.Map
	var total atomic.Int64
	padding := strings.Repeat("x", 4000)
	ended := make(chan struct{})
	var emitters sync.WaitGroup
	stop := sync.OnceFunc(func() {
		close(ended)
		emitters.Wait()
	})
	t.Cleanup(stop)
	for i, n := range nodes {
		for j := range 4 {
			emitters.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-ended:
						return
					default:
					}
					id := fmt.Sprint(i, " ", j, " ", k)
					switch err := n.ns.Emit(context.Background(), "event", id, padding); {
					case err == nil:
						accepted.Store(id, true)
						total.Add(1)
					case !errors.Is(err, backplane.ErrUnconfirmed):
						refused.Store(id, err)
					}
				}
			})
		}
	}
	passes := func(n int64) {
		for ctx, until := bounded(t), total.Load()+n; total.Load() < until; {
			require.NoError(t, ctx.Err())
			<-time.After(time.Millisecond)
		}
	}
	for round := range 8 {
		n := nodes[round%3]
		passes(50)
		for ctx := bounded(t); len(server.Subscribers(t)) < len(nodes); {
			require.NoError(t, ctx.Err())
		}
		switch round % 4 {
		case 0:
			n.sessions.Sever()
		case 1: // its output buffer is full
			resume := proxy.Stall(n.sessions)
			for ctx := bounded(t); len(server.Subscribers(t)) == len(nodes); {
				require.NoError(t, ctx.Err())
				passes(20)
			}
			resume()
		case 2:
			server.KillSubscribers(t)
		case 3:
			server.Do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}
	}
	passes(50)
	stop()
	last := ""
	for ctx, i := bounded(t), 0; ; i++ {
		if last = fmt.Sprint("last ", i); nodes[0].ns.Emit(ctx, "event", last) == nil {
			break
		}
		require.NoError(t, ctx.Err())
	}
	var want []string
	for i, n := range nodes {
		n.await(t, last)
		n.mu.Lock()
		got, failed := n.delivered, n.failed
		n.mu.Unlock()
		require.Empty(t, failed, "node %d", i)
		require.NotZero(t, n.gaps.Load(), "node %d was never deaf", i)
		if i == 0 {
			want = got
		}
		require.Equal(t, want, got, "node %d has another order", i)
	}
	seen := make(map[string]bool)
	for _, id := range want {
		require.False(t, seen[id], "%q came twice", id)
		_, wrong := refused.Load(id)
		require.False(t, wrong, "%q was refused and kept", id)
		seen[id] = true
	}
	accepted.Range(func(id, _ any) bool {
		require.True(t, seen[id.(string)], "%q was accepted and lost", id)
		return true
	})
}

// TestRestartIsAGapThatIsReported: what a server without a disk has kept is gone when it was restarted.
func TestRestartIsAGapThatIsReported(t *testing.T) {
	server := redistest.New(t)
	n := startNode(t, server)
	require.NoError(t, n.ns.Emit(bounded(t), "event", "before"))
	n.await(t, "before")
	before, err := n.ns.Head(bounded(t))
	require.NoError(t, err)
	server.Kill(t)
	server.Up(t)
	for ctx := bounded(t); n.ns.Emit(ctx, "event", "after") != nil; {
		require.NoError(t, ctx.Err())
	}
	n.await(t, "after")
	_, err = n.ns.History(bounded(t), before, 10)
	require.ErrorIs(t, err, backplane.ErrPositionEpoch)
	for ctx := bounded(t); n.gaps.Load() == 0; { // it is reported after the log was read
		require.NoError(t, ctx.Err())
		<-time.After(time.Millisecond)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	require.NotEmpty(t, n.failed)
	for _, err := range n.failed {
		if gap := new(backplane.GapError); errors.As(err, &gap) {
			require.NotEmpty(t, gap.Unfilled)
			err = gap.Unfilled[0]
		}
		require.ErrorIs(t, err, backplane.ErrPositionEpoch)
	}
}
