package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/core"
)

var clusterSeverChecks = []check[*clusterCase]{
	{"SeveredNodeReconnects", "A node whose session breaks opens another, listens to all of its namespaces again and says how long it was deaf, " +
		"however often that happens. A node that is deaf and does not know is the worst of all.", severedNodeReconnects},
	{"SeveredNodeKeepsItsPeers", "A node that was deaf for a moment does not take its peers for gone: they could not be heard.",
		severedNodeKeepsItsPeers},
	{"LossesAreReported", "What a node misses was sent within the time of a GapError, and what it gets comes once and in order. Applications fetch " +
		"from their database what they have missed, and a gap that is too short hides a loss.", lossesAreReported},
}

// severed breaks the sessions of a node and waits until it has recovered.
func (n *node) severed(round int) {
	n.c.Helper()
	if n.c.harness.Sever == nil {
		n.c.Skip("ClusterHarness.Sever is nil: not proven")
	}
	later, before := after(n.gaps), time.Now()
	n.c.harness.Sever(n.c.TB, n.config)
	gap, err := await(n.c, n.gaps, later)
	if err != nil {
		n.c.fail(fmt.Sprintf("sever B for the %d. time", round), "that B recovers and says so: Trace.SessionRecovered", "nothing for %v", n.c.patience)
	}
	if gap.Err == nil || gap.Deaf < 0 || gap.Since.After(time.Now()) || gap.Since.Add(gap.Deaf).Before(before) {
		n.c.fail(fmt.Sprintf("sever B for the %d. time", round), "a GapError with the session's error, since when B was deaf and for how long", "%+v", *gap)
	}
	n.wantError("sever B", "the *GapError", func(err error) bool { return errors.As(err, new(*core.GapError)) })
}

func severedNodeReconnects(c *clusterCase) {
	a, b := c.node("A", c.notices), c.node("B", c.notices)
	near, far := a.client("near"), b.client("far")
	registry, second := c.lone("second")
	b.open(c.nsp+"/second", registry)
	sender := a.open(c.nsp+"/second", nobody())
	for round := 1; round <= c.scale(3, 30); round++ {
		b.severed(round)
		called := fmt.Sprintf("sever B for the %d. time, wait until it has recovered, Emit", round)
		c.delivers(called+" on A", a.Target, far)
		c.delivers(called+" on A in another namespace", sender.Target, second)
		c.arrives(called+" on B", b.Target, near)
	}
}

// delivers emits until that works, since the outage may have broken what the sender publishes on. Then the client must get the event: its node
// has said that it listens again.
func (c *clusterCase) delivers(called string, from core.Target, to *client) {
	c.Helper()
	mark := fmt.Sprintf("mark %d", ends.Add(1))
	c.eventually(called, func(ctx context.Context) error { return from.Emit(ctx, mark) })
	if _, err := await(c, to.got, func(p packet) bool { return p.args.Event() == mark }); err != nil {
		c.fail(called, "that it arrives", "nothing for %v", c.patience)
	}
}

// arrives emits until the client gets it: the sender, too, may have been severed, and may not have noticed yet.
func (c *clusterCase) arrives(called string, from core.Target, to *client) {
	c.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		mark := fmt.Sprintf("mark %d", ends.Add(1))
		err := c.call(called, func(ctx context.Context) error { return from.Emit(ctx, mark) })
		if err == nil {
			ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond+4*c.latency()+time.Since(start)/2)
			_, err = to.got.find(ctx, func(p packet) bool { return p.args.Event() == mark })
			cancel()
		}
		if err == nil {
			break
		}
		if time.Since(start) > c.patience {
			c.fail(called, "that it arrives", "nothing for %v: %v", c.patience, err)
		}
	}
}

func severedNodeKeepsItsPeers(c *clusterCase) {
	a, b := c.node("A", c.notices), c.node("B", c.notices)
	c.meet(a, b)
	far := b.client("far")
	for round := 1; round <= 2; round++ {
		b.severed(round)
		c.delivers(fmt.Sprintf("sever B for the %d. time, wait until it has recovered, Emit on A", round), a.Target, far)
		if got := b.Peers(); len(got) != 1 || got[0] != a.UID() {
			c.fail("sever B, Peers", "A: "+quote(a.UID()), "%s", quotes(got))
		}
	}
	if b.left.len() > 0 || a.left.len() > 0 {
		c.fail("sever B, Trace.PeerLeft", "no call", "on A %s, on B %s", quotes(a.left.all()), quotes(b.left.all()))
	}
}

// emission is an event that was emitted, and when.
type emission struct {
	begun, done time.Time
	err         error
}

func lossesAreReported(c *clusterCase) {
	if c.harness.Sever == nil {
		c.Skip("ClusterHarness.Sever is nil: not proven")
	}
	beats := newInbox[int]()
	quick := func(config *core.Config) { config.HeartbeatInterval = 40*time.Millisecond + 4*c.latency() }
	a, b := c.node("A"), c.node("B", quick, counted(beats))
	c.meet(a, b)
	far := b.client("far")
	var sent []emission // of the goroutine that emits, until it has ended
	stop := make(chan struct{})
	emitted := c.meanwhile(func() error {
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(c.Context(), c.patience)
			e := emission{begun: time.Now()}
			e.err = a.Emit(ctx, "n", i)
			e.done = time.Now()
			sent = append(sent, e)
			cancel()
			pace := time.Duration(0)
			if i%8 == 7 { // a slow bus can keep few at a time
				pace = 2*time.Millisecond + 2*c.latency()
			}
			select {
			case <-stop:
				return nil
			case <-time.After(pace):
			}
		}
	})
	end := sync.OnceFunc(func() {
		close(stop)
		_ = emitted()
	})
	defer end()
	for round := 1; round <= c.scale(3, 10); round++ {
		c.flows(far, c.scale(50, 200))
		for range 2 { // what has come before a heartbeat of B is before every gap from then on
			if _, err := await(c, beats, after(beats)); err != nil {
				c.fail("leave B alone", "a heartbeat", "nothing for %v", c.patience)
			}
			c.flows(far, 1)
		}
		b.severed(round)
		c.flows(far, 1)
	}
	end()
	c.delivers("Emit after the last outage", a.Target, far)
	last := -1
	for _, p := range far.got.all() {
		i := eventNumber(p)
		if i < 0 {
			continue
		}
		if i <= last {
			c.fail("Emit numbered events on A while B is severed", fmt.Sprintf("on B after event %d only later ones", last), "event %d", i)
		}
		for lost := last + 1; lost < i; lost++ {
			c.excused(b, lost, sent[lost])
		}
		last = i
	}
	for lost := last + 1; lost < len(sent); lost++ {
		c.excused(b, lost, sent[lost])
	}
}

// eventNumber returns which of the numbered events p is, -1 if it is another one.
func eventNumber(p packet) int {
	i := -1
	if p.args.Event() != "n" || p.args.Decode(&i) != nil {
		return -1
	}
	return i
}

// after finds what comes into an inbox from now on.
func after[T any](b *inbox[T]) func(T) bool {
	n := b.len()
	return func(T) bool { n--; return n < 0 }
}

// flows returns once a client has got so many more events.
func (c *clusterCase) flows(cl *client, more int) {
	c.Helper()
	called := fmt.Sprintf("Emit events on A, one after the other, until client %s has got %d more", cl.id, more)
	c.does(called)
	for n := cl.got.len(); more > 0; more-- {
		n++
		left := n
		if _, err := await(c, cl.got, func(packet) bool { left--; return left == 0 }); err != nil {
			c.fail(called, "that they arrive", "%d fewer, and nothing for %v", more, c.patience)
		}
	}
}

// excused fails if an event is missing on a node and not within the time of a GapError.
func (c *clusterCase) excused(n *node, i int, e emission) {
	c.Helper()
	if e.err != nil {
		return
	}
	_, err := await(c, n.gaps, func(gap *core.GapError) bool {
		return !e.done.Before(gap.Since) && !e.begun.After(gap.Since.Add(gap.Deaf))
	})
	if err != nil {
		var windows []string
		for _, gap := range n.gaps.all() {
			from := gap.Since.Sub(e.begun)
			windows = append(windows, fmt.Sprintf("from %v to %v", from, from+gap.Deaf))
		}
		c.fail(fmt.Sprintf("Emit event %d on A while B is severed", i), "that it arrives on B, or that B reports a GapError for that time",
			"neither; the gaps, counted from when it was sent, are %s, and sending took %v", quotes(windows), e.done.Sub(e.begun))
	}
}
