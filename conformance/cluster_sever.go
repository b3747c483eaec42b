package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/core"
)

var clusterSeverChecks = []check[*clusterChecker]{
	{"SeveredNodeReconnects", "core.GapError",
		"A node whose session breaks opens another, listens to all of its namespaces again and reports how long " +
			"it was deaf (without a session), however often that happens. A node that is deaf without knowing it " +
			"gives wrong answers indefinitely.", severedNodeReconnects},
	{"SeveredNodeKeepsItsPeers", "core.Namespace.Peers",
		"A node that was deaf for a moment does not consider its peers dead: it could not hear them.",
		severedNodeKeepsItsPeers},
	{"LossesAreReported", "core.GapError",
		"The time of every message that a node misses is within the time of a GapError, and the messages that it " +
			"receives arrive once and in order. Applications fetch from their database what they have missed, and a " +
			"gap that is too short hides a loss.", lossesAreReported},
}

// requireSever skips the check if the harness has no Sever.
func (c *clusterChecker) requireSever() {
	c.Helper()
	if c.harness.Sever == nil {
		c.Skip("ClusterHarness.Sever is nil: not checked")
	}
}

// severAndRecover breaks the sessions of a node and waits until it has recovered.
func (n *node) severAndRecover(round int) {
	n.c.Helper()
	n.c.requireSever()
	later, before := anyLaterItem(n.gaps), time.Now()
	n.c.harness.Sever(n.c.TB, n.config)
	gap, err := awaitMatch(n.c, n.gaps, later)
	if err != nil {
		n.c.fail(fmt.Sprintf("sever B, round %d", round), "B recovers and calls Trace.SessionRecovered",
			"no call for %v", n.c.patience)
	}
	if gap.Err == nil || gap.Deaf < 0 || gap.Since.After(time.Now()) || gap.Since.Add(gap.Deaf).Before(before) {
		n.c.fail(fmt.Sprintf("sever B, round %d", round),
			"a GapError with the session's error, the start and the duration of the gap", "%+v", *gap)
	}
	n.expectReported("sever B", "the *GapError", func(err error) bool { return errors.As(err, new(*core.GapError)) })
}

func severedNodeReconnects(c *clusterChecker) {
	a, b := c.node("A", c.detectBrokenSession), c.node("B", c.detectBrokenSession)
	near, far := a.client("near"), b.client("far")
	registry, second := c.registryWithClient("second")
	b.open(c.namespace+"/second", registry)
	sender := a.open(c.namespace+"/second", emptyRegistry())
	for round := 1; round <= c.scale(3, 30); round++ {
		b.severAndRecover(round)
		called := fmt.Sprintf("sever B, round %d, wait until it has recovered, Emit", round)
		c.expectDelivery(called+" on A", a.Target, far)
		c.expectDelivery(called+" on A in another namespace", sender.Target, second)
		c.expectEventualDelivery(called+" on B", b.Target, near)
	}
}

// expectDelivery emits until Emit succeeds, because the outage may have broken the sender's connection too.
// Then the client must receive the event: its node has reported that it listens again.
func (c *clusterChecker) expectDelivery(called string, from core.Target, to *client) {
	c.Helper()
	mark := fmt.Sprintf("mark %d", endMarkers.Add(1))
	c.eventually(called, func(ctx context.Context) error { return from.Emit(ctx, mark) })
	if _, err := awaitMatch(c, to.events, func(p receivedEvent) bool { return p.args.Event() == mark }); err != nil {
		c.fail(called, "the event", "no event for %v", c.patience)
	}
}

// expectEventualDelivery emits until the client receives an event: the sender may have been severed too,
// without having noticed yet.
func (c *clusterChecker) expectEventualDelivery(called string, from core.Target, to *client) {
	c.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		mark := fmt.Sprintf("mark %d", endMarkers.Add(1))
		err := c.call(called, func(ctx context.Context) error { return from.Emit(ctx, mark) })
		if err == nil {
			ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond+4*c.latency()+time.Since(start)/2)
			_, err = to.events.find(ctx, func(p receivedEvent) bool { return p.args.Event() == mark })
			cancel()
		}
		if err == nil {
			break
		}
		if time.Since(start) > c.patience {
			c.fail(called, "the event", "no event for %v: %v", c.patience, err)
		}
	}
}

func severedNodeKeepsItsPeers(c *clusterChecker) {
	a, b := c.node("A", c.detectBrokenSession), c.node("B", c.detectBrokenSession)
	c.waitForPeers(a, b)
	far := b.client("far")
	for round := 1; round <= 2; round++ {
		b.severAndRecover(round)
		c.expectDelivery(fmt.Sprintf("sever B, round %d, wait until it has recovered, Emit on A", round), a.Target, far)
		if got := b.Peers(); len(got) != 1 || got[0] != a.UID() {
			c.fail("sever B, Peers", "A: "+quote(a.UID()), "%s", quoteAll(got))
		}
	}
	if b.left.len() > 0 || a.left.len() > 0 {
		c.fail("sever B, Trace.PeerLeft", "no calls", "on A %s, on B %s", quoteAll(a.left.all()),
			quoteAll(b.left.all()))
	}
}

// emittedEvent is the time of an Emit, and its error.
type emittedEvent struct {
	begun, done time.Time
	err         error
}

func lossesAreReported(c *clusterChecker) {
	c.requireSever()
	beats := newInbox[int]()
	quick := func(config *core.Config) { config.HeartbeatInterval = 40*time.Millisecond + 4*c.latency() }
	a, b := c.node("A"), c.node("B", quick, countPublishes(beats))
	c.waitForPeers(a, b)
	far := b.client("far")
	var sent []emittedEvent // used by the goroutine that emits, until it has ended
	stop := make(chan struct{})
	emitted := c.runAlongside(func() error {
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(c.Context(), c.patience)
			e := emittedEvent{begun: time.Now()}
			e.err = a.Emit(ctx, "n", i)
			e.done = time.Now()
			sent = append(sent, e)
			cancel()
			if i%8 == 7 { // a slow bus can buffer few
				time.Sleep(2*time.Millisecond + 2*c.latency())
			}
			select {
			case <-stop:
				return nil
			default:
			}
		}
	})
	end := sync.OnceFunc(func() {
		close(stop)
		_ = emitted()
	})
	defer end()
	for round := 1; round <= c.scale(3, 10); round++ {
		c.waitForEvents(far, c.scale(50, 200))
		for range 2 { // what arrived before a heartbeat of B is before every later gap
			if _, err := awaitMatch(c, beats, anyLaterItem(beats)); err != nil {
				c.fail("wait for B", "a heartbeat", "no heartbeat for %v", c.patience)
			}
			c.waitForEvents(far, 1)
		}
		b.severAndRecover(round)
		c.waitForEvents(far, 1)
	}
	end()
	c.expectDelivery("Emit after the last outage", a.Target, far)
	last := -1
	for _, p := range far.events.all() {
		i := eventNumber(p)
		if i < 0 {
			continue
		}
		if i <= last {
			c.fail("Emit numbered events on A while B is severed", fmt.Sprintf("only events after %d on B", last),
				"event %d", i)
		}
		for lost := last + 1; lost < i; lost++ {
			c.expectReportedGap(b, lost, sent[lost])
		}
		last = i
	}
	for lost := last + 1; lost < len(sent); lost++ {
		c.expectReportedGap(b, lost, sent[lost])
	}
}

// eventNumber returns the number of a numbered event, or -1 for any other event.
func eventNumber(p receivedEvent) int {
	i := -1
	if p.args.Event() != "n" || p.args.Decode(&i) != nil {
		return -1
	}
	return i
}

// anyLaterItem returns a func for find that selects the first value that arrives from now on.
func anyLaterItem[T any](b *inbox[T]) func(T) bool {
	n := b.len()
	return func(T) bool { n--; return n < 0 }
}

// waitForEvents returns once a client has received the given number of further events.
func (c *clusterChecker) waitForEvents(cl *client, more int) {
	c.Helper()
	called := fmt.Sprintf("Emit events on A, one after the other, until client %s has received %d more", cl.id, more)
	c.noteCall(called)
	for n := cl.events.len(); more > 0; more-- {
		n++
		left := n
		if _, err := awaitMatch(c, cl.events, func(receivedEvent) bool { left--; return left == 0 }); err != nil {
			c.fail(called, "all of them", "%d fewer, and nothing for %v", more, c.patience)
		}
	}
}

// expectReportedGap fails the check if an event is missing on a node and no GapError covers the time of its
// Emit.
func (c *clusterChecker) expectReportedGap(n *node, i int, e emittedEvent) {
	c.Helper()
	if e.err != nil {
		return
	}
	_, err := awaitMatch(c, n.gaps, func(gap *core.GapError) bool {
		return !e.done.Before(gap.Since) && !e.begun.After(gap.Since.Add(gap.Deaf))
	})
	if err != nil {
		var windows []string
		for _, gap := range n.gaps.all() {
			from := gap.Since.Sub(e.begun)
			windows = append(windows, fmt.Sprintf("from %v to %v", from, from+gap.Deaf))
		}
		c.fail(fmt.Sprintf("Emit event %d on A while B is severed", i),
			"the event on B, or a GapError of B for that time",
			"neither; relative to the start of the Emit, the gaps are %s; the Emit took %v", quoteAll(windows),
			e.done.Sub(e.begun))
	}
}
