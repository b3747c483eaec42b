package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var lossChecks = []check[*busChecker]{
	{"NothingIsReceivedAfterALoss", "package transport, Delivery",
		"A session whose connection breaks returns what had arrived, then a final error that is not a context's " +
			"error, and nothing more: it does not reconnect. The cluster opens another session, which receives each " +
			"message from its Listen on, once, and reports the gap. If a session continued as if nothing had " +
			"happened, a node would have missed messages and nobody would know.", nothingIsReceivedAfterALoss},
}

// severMoment is a moment at which sessions are severed.
type severMoment struct {
	after int  // how many messages the sessions have received before
	busy  bool // messages flow at that moment
}

func (m severMoment) String() string {
	if m.busy {
		return fmt.Sprintf("sever the sessions after %d messages, while more arrive", m.after)
	}
	return fmt.Sprintf("sever the sessions after %d messages, while Receive waits", m.after)
}

func nothingIsReceivedAfterALoss(c *busChecker) {
	c.requireSever()
	one, two := c.newBus(), c.newBus()
	s := c.open(one, "a")
	timing := c.measureTiming(one, s, "a")
	c.call("Close", s.Close)
	outgoing := &sender{c: c, sequence: c.newSequence(0, one.Limits(), capPayload(one.Limits(), 8000), "a", "b"),
		failed: make(map[int]bool), latency: timing.latency}
	size := outgoing.sequence.size
	outgoing.sequence.size = func(n int) int { return max(headSize, size(n)) } // each contains its number
	outgoing.usualBatch = countWithin(timing.latency, 100*time.Microsecond, 1, 100)
	moments := []severMoment{{20, true}, {0, false}, {5200, true}, {3, false}, {0, true}, {100, false}, {1, true},
		{1, false}, {300, true}}
	rounds := countWithin(5*time.Second, 40*timing.latency, 4, len(moments)) * c.scale(1, 20)
	for i := range rounds {
		c.severAndCompare(outgoing, one, two, moments[i%len(moments)])
	}
}

// severAndCompare severs two sessions while a sequence is published, one of which has a reader, and then opens
// a third. It fails the check unless each session receives what it must.
func (c *busChecker) severAndCompare(s *sender, one, two transport.Bus, m severMoment) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	sessions := []transport.Session{c.open(two, "a", "b"), c.open(two, "a", "b")}
	if m.after == 1 || m.after == 3 { // also with many channels
		for _, session := range sessions {
			for _, name := range manyNames(countWithin(time.Second, s.latency, 10, 300)) {
				c.listen(session, name)
			}
		}
	}
	read := s.newReader(sessions[0], m.String())
	unread := s.newReader(sessions[1], m.String()+"; a session that nobody received from")
	if m.after > 1000 { // perhaps more than a session can buffer
		c.call("Close", sessions[1].Close)
		unread = nil
	}
	ended, stop := read.receiveInBackground()
	defer stop()

	if s.batch = s.usualBatch; m.after > 1000 {
		s.batch = max(s.batch, min(m.after/10, int(time.Duration(m.after)*s.latency/(300*time.Millisecond))))
	}
	severed := make(chan struct{})
	target := s.next + m.after
	var published func() error
	if m.busy {
		published = c.runAlongside(func() error {
			return s.publishUntilSevered(ctx, one, read, severed, s.next+1_000_000)
		})
		c.waitForMessage(read, target, ended, stop)
	} else {
		if m.after > 10 {
			s.batch = m.after / 3
		}
		if err := s.publishUntilSevered(ctx, one, read, nil, target); err != nil {
			c.fail("Publish", "no error", "the error %q", err)
		}
		s.batch = s.usualBatch
		c.waitForMessage(read, s.next, ended, stop)
	}
	c.sever(two)
	close(severed)
	if published == nil {
		published = c.runAlongside(func() error {
			return s.publishUntilSevered(ctx, one, read, severed, s.next+1_000_000)
		})
	}
	if err := c.guard(m.String()+", Publish on another bus", published); err != nil {
		c.fail(m.String()+", Publish on another bus", "success within the patience", "the error %q for %v", err,
			c.patience)
	}
	if err := c.call(m.String()+", then Receive", ended); err != nil {
		stop()
		c.fail(m.String()+", then Receive", "an error that is not a context's error",
			"the messages up to number %d, then nothing for %v", read.next.Load()-1, c.patience)
	}
	c.report(stop())
	readers := []*gaplessReader{read}
	if unread != nil {
		readers = append(readers, unread)
		unread.receiveUntil(1 << 30)
	}
	s.publishBatch(c.Context(), one)
	for _, r := range readers {
		r.expectErrorForever()
	}

	fresh := s.newReader(c.open(two, "a", "b"), m.String()+", Open, Listen, Publish")
	ended, stopFresh := fresh.receiveInBackground()
	defer stopFresh()
	s.batch = 1
	for _, bus := range []transport.Bus{two, one, two, one} {
		c.eventually(m.String()+", Open, Listen, Publish",
			func(ctx context.Context) error { return s.publishBatch(ctx, bus) })
	}
	c.waitForMessage(fresh, s.next, ended, stopFresh)
	c.report(stopFresh())
	for _, session := range append(sessions, fresh.session) {
		c.call("Close", session.Close)
	}
}

// waitForMessage waits until message n-1 has been received, before anything is severed.
func (c *busChecker) waitForMessage(r *gaplessReader, n int, ended func(context.Context) error, stop func() *problem) {
	c.Helper()
	tick := time.NewTicker(c.patience / 100)
	defer tick.Stop()
	r.target.Store(int64(n))
	for since, last := time.Now(), r.next.Load(); int(r.next.Load()) < n; {
		select {
		case <-r.reachedTarget:
		case <-tick.C:
		}
		if now := r.next.Load(); now != last {
			last, since = now, time.Now()
		}
		if over := ended(c.endedContext()) == nil; !over && time.Since(since) < c.patience {
			continue
		}
		found := stop()
		if found == nil {
			found = r.problem(fmt.Sprintf("message %d", last), "no message for %v", c.patience)
		}
		if r.err != nil {
			found = r.problem(fmt.Sprintf("message %d", last), "the error %q, before anything was severed", r.err)
		}
		c.report(found)
	}
}

// receiveInBackground receives until the session ends. The func ended waits for that, stop ends it early.
func (r *gaplessReader) receiveInBackground() (ended func(context.Context) error, stop func() *problem) {
	ctx, cancel := context.WithCancel(r.c.Context())
	var found *problem
	over := make(chan struct{})
	done := r.c.runInBackground(func() error {
		defer close(over)
		for found == nil && r.err == nil && ctx.Err() == nil {
			found = r.receiveOne(ctx)
		}
		return nil
	})
	ended = func(ctx context.Context) error {
		select {
		case <-over:
			return nil
		default:
		}
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ended, r.stopFunc(cancel, done, &found)
}

// stopFunc returns a func that stops a background reader and returns the problem it has found. It may be called
// again.
func (r *gaplessReader) stopFunc(cancel context.CancelFunc, done <-chan error, found **problem) func() *problem {
	return sync.OnceValue(func() *problem {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				return r.problem("a message, or a final error", "%v", err)
			}
		case <-time.After(r.c.patience):
			return r.problem("a return when its context ends", "it still waits after %v", r.c.patience)
		}
		return *found
	})
}
