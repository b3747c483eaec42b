package core

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

// census is the presence of a namespace whose dialect counts nodes elsewhere than in messages. Peers have the names
// that the dialect gives them. Not all answers say which of these nodes they come from.
type census struct {
	ns       *Namespace
	source   dialect.Census
	interval time.Duration // between counts
	soon     time.Duration // between counts while a request waits
	timeout  time.Duration // of a count, and of Enter and Leave
	rate     float64       // what the requests of all peers may cost in a second
	pending  int           // how many requests of all peers may wait for clients

	mustEnter atomic.Bool
	busy      atomic.Bool // a count in the background is under way
	lastCount time.Time   // when one began; only the ticker's goroutine uses it

	counting chan struct{} // held while nodes are counted
	counted  time.Time     // when the latest count began; guarded by counting
	latest   dialect.Nodes // what it found; guarded by counting

	mu       sync.Mutex // guards all below
	nodes    []string   // in alphabetical order
	named    map[string]bool
	learned  *learned // nil: not known
	changed  chan struct{}
	closed   bool
	requests budget
}

func newCensus(ns *Namespace, source dialect.Census) *census {
	config := &ns.cluster.config
	return &census{
		ns: ns, source: source, interval: config.HeartbeatInterval, timeout: config.PublishTimeout,
		soon: min(config.HeartbeatInterval, time.Second) / 4, rate: allPeers * float64(config.MaxRequestRate),
		pending: allPeers * config.MaxPendingRequests, counting: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// enter implements presence.
func (c *census) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := callRarely(func() error { return c.source.Enter(ctx, c.ns.name) }); err != nil {
		return &OpError{Op: "be counted", Channel: c.ns.channel, Err: err}
	}
	_, err := c.count(ctx)
	return err
}

// enterAsync implements presence.
func (c *census) enterAsync() {
	c.mustEnter.Store(false)
	c.ns.cluster.group.Go(func() {
		if err := c.enter(c.ns.ctx); err != nil && c.ns.ctx.Err() == nil {
			c.mustEnter.Store(true)
			c.ns.cluster.report(err)
		}
	})
}

// leave implements presence.
func (c *census) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := callRarely(func() error { return c.source.Leave(ctx, c.ns.name) }); err != nil {
		return &OpError{Op: "be counted no more", Channel: c.ns.channel, Err: err}
	}
	return nil
}

// leaveAsync implements presence.
func (c *census) leaveAsync(ctx context.Context) {
	c.ns.cluster.group.Go(func() {
		if err := c.leave(ctx); err != nil {
			c.ns.cluster.report(err)
		}
	})
}

// tick implements presence. It counts the nodes again: in each interval, and more often while a request waits, so that
// it does not wait for a node that is gone.
func (c *census) tick(now, _ time.Time) (doubtful bool) {
	every := c.interval
	if c.ns.requests.waiting() {
		every = c.soon
	}
	if now.Sub(c.lastCount) < every || !c.busy.CompareAndSwap(false, true) {
		return false
	}
	c.lastCount = now
	c.ns.cluster.group.Go(func() {
		defer c.busy.Store(false)
		ctx, cancel := context.WithTimeout(c.ns.ctx, c.timeout)
		defer cancel()
		if c.mustEnter.CompareAndSwap(true, false) {
			c.enterAsync()
		}
		if _, err := c.count(ctx); err != nil && c.ns.ctx.Err() == nil {
			c.ns.cluster.report(err)
		}
	})
	return false
}

// count finds out which nodes there are. A count of another caller that begins after the call is as good.
func (c *census) count(ctx context.Context) (nodes dialect.Nodes, err error) {
	called := time.Now()
	select {
	case c.counting <- struct{}{}:
		defer func() { <-c.counting }()
	case <-ctx.Done():
		return nodes, ctx.Err()
	}
	if c.counted.After(called) {
		return c.latest, nil
	}
	began := time.Now()
	err = callRarely(func() (err error) {
		nodes, err = c.source.Others(ctx, c.ns.name)
		return err
	})
	if err != nil {
		return nodes, &OpError{Op: "count the nodes", Channel: c.ns.channel, Err: err}
	}
	slices.Sort(nodes.Certain)
	slices.Sort(nodes.Possible)
	named := make(map[string]bool)
	for _, node := range nodes.Named {
		named[node] = true
	}
	c.mu.Lock()
	c.named = named
	c.mu.Unlock()
	c.counted, c.latest = began, nodes
	c.update(c.expected(nodes))
	return nodes, nil
}

// update notes which nodes there are.
func (c *census) update(nodes []string) {
	c.mu.Lock()
	before := c.nodes
	c.nodes = nodes
	if !slices.Equal(before, nodes) && !c.closed {
		close(c.changed)
		c.changed = make(chan struct{})
	}
	c.mu.Unlock()
	for _, node := range before {
		if _, still := slices.BinarySearch(nodes, node); !still {
			c.ns.peerLeft(node, true)
			c.ns.requests.leave(node)
		}
	}
	if len(nodes) == 0 && len(before) > 0 {
		c.ns.requests.each(func(q *request) { q.leaveAll(c.ns.uid) })
	}
	for _, node := range nodes {
		if _, already := slices.BinarySearch(before, node); !already {
			c.ns.peerJoined(node)
		}
	}
}

// respondents implements presence.
func (c *census) respondents(ctx context.Context) ([]string, error) {
	ctx, cancel := c.ns.bound(ctx)
	defer cancel()
	nodes, err := c.count(ctx)
	if err != nil {
		return nil, timedOut(ctx, err)
	}
	if len(nodes.Possible) > 0 {
		if err := c.learn(ctx, nodes); err != nil {
			return nil, err
		}
	}
	return c.expected(nodes), nil
}

// uids implements presence.
func (c *census) uids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// number implements presence.
func (c *census) number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.nodes)
}

// wait implements presence.
func (c *census) wait(ctx context.Context, n int) error {
	return waitFor(ctx, n, func() (int, bool, <-chan struct{}) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.nodes), c.closed, c.changed
	})
}

// close implements presence.
func (c *census) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.changed)
	}
}

// admit implements presence. Requests do not say which node they come from.
func (c *census) admit(_ string, waits bool, now time.Time) *budget {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.requests
	if !b.work.open(now, c.rate, savedSeconds*c.rate) || waits && b.pending >= c.pending {
		return nil
	}
	if waits {
		b.pending++
	}
	b.work.spend(1)
	return b
}

// charge implements presence.
func (c *census) charge(b *budget, sockets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.work.spend(float64(sockets))
}

// release implements presence.
func (c *census) release(b *budget) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.pending--
}

// The rest of presence is about heartbeats, or about what messages say of nodes.

func (c *census) heard(*codec.Envelope, time.Time) bool { return true }
func (c *census) left(*codec.Envelope, time.Time)       {}
func (c *census) announced()                            {}
func (c *census) answered(string)                       {}
func (c *census) ofLibrary(string) bool                 { return false }
func (c *census) cameBack(bool, time.Time)              {}
func (c *census) prepare(*codec.Envelope)               {}
func (c *census) processRenamed()                       {}
func (c *census) processForgotten()                     {}
func (c *census) forgiveSilence()                       {}
func (c *census) mayRespond(string) bool                { return true }

// isEmpty implements presence. A node that was not counted yet may listen.
func (c *census) isEmpty(time.Time) bool { return false }
