package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var lossChecks = []check[*busCase]{
	{"NothingIsReceivedAfterALoss", "A session whose connection breaks returns what had arrived, then a final error, not that of a context, and nothing " +
		"more: it does not reconnect. The cluster opens another one, which receives each message from its Listen on, once, and reports the " +
		"gap. If a session goes on as if nothing had happened, a node has missed messages and nobody knows.", nothingIsReceivedAfterALoss},
}

// moment is one at which sessions are severed.
type moment struct {
	after int  // how many messages the sessions have received before
	busy  bool // whether messages flow at that moment
}

func (o moment) String() string {
	if o.busy {
		return fmt.Sprintf("sever the sessions after %d messages, while others follow", o.after)
	}
	return fmt.Sprintf("sever the sessions after %d messages, while Receive waits", o.after)
}

func nothingIsReceivedAfterALoss(c *busCase) {
	c.needsSever()
	one, two := c.bus(), c.bus()
	s := c.open(one, "a")
	pace := c.pace(one, s, "a")
	c.call("Close", s.Close)
	f := &feed{c: c, stream: c.newStream(0, one.Limits(), largest(one.Limits(), 8000), "a", "b"), failed: make(map[int]bool), travel: pace.travel}
	size := f.stream.size
	f.stream.size = func(n int) int { return max(mark, size(n)) } // each tells its number
	f.usual = within(pace.travel, 100*time.Microsecond, 1, 100)
	moments := []moment{{20, true}, {0, false}, {5200, true}, {3, false}, {0, true}, {100, false}, {1, true}, {1, false}, {300, true}}
	rounds := within(5*time.Second, 40*pace.travel, 4, len(moments)) * c.scale(1, 20)
	for i := range rounds {
		c.outage(f, one, two, moments[i%len(moments)])
	}
}

// outage severs two sessions, one of which is received from, while a stream goes on, and opens another one.
func (c *busCase) outage(f *feed, one, two transport.Bus, o moment) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	sessions := []transport.Session{c.open(two, "a", "b"), c.open(two, "a", "b")}
	if o.after == 1 || o.after == 3 { // with many channels too
		for _, s := range sessions {
			for _, name := range manyNames(within(time.Second, f.travel, 10, 300)) {
				c.listen(s, name)
			}
		}
	}
	read := f.tail(sessions[0], o.String())
	unread := f.tail(sessions[1], o.String()+"; a session that was not received from")
	if o.after > 1000 { // more than a session can keep, perhaps
		c.call("Close", sessions[1].Close)
		unread = nil
	}
	ended, stop := read.follow()
	defer stop()

	if f.batch = f.usual; o.after > 1000 {
		f.batch = max(f.batch, min(o.after/10, int(time.Duration(o.after)*f.travel/(300*time.Millisecond))))
	}
	severed := make(chan struct{})
	target := f.next + o.after
	var published func() error
	if o.busy {
		published = c.meanwhile(func() error { return f.pump(ctx, one, read, severed, f.next+1_000_000) })
		c.wait(read, target, ended, stop)
	} else {
		if o.after > 10 {
			f.batch = o.after / 3
		}
		if err := f.pump(ctx, one, read, nil, target); err != nil {
			c.fail("Publish", "no error", "the error %q", err)
		}
		f.batch = f.usual
		c.wait(read, f.next, ended, stop)
	}
	c.sever(two)
	close(severed)
	if published == nil {
		published = c.meanwhile(func() error { return f.pump(ctx, one, read, severed, f.next+1_000_000) })
	}
	if err := c.watch(o.String()+", Publish on another bus", published); err != nil {
		c.fail(o.String()+", Publish on another bus", "that it works again", "the error %q, for %v", err, c.patience)
	}
	if err := c.call(o.String()+", then Receive", ended); err != nil {
		stop()
		c.fail(o.String()+", then Receive", "an error that is not of a context", "the messages up to number %d, and then nothing for %v", read.next.Load()-1, c.patience)
	}
	if found := stop(); found != nil {
		c.fail(found.called, found.wanted, "%s", found.came)
	}
	tails := []*tail{read}
	if unread != nil {
		tails = append(tails, unread)
		unread.until(1 << 30)
	}
	f.publish(c.Context(), one)
	for _, t := range tails {
		t.stays()
	}

	fresh := f.tail(c.open(two, "a", "b"), o.String()+", Open, Listen, Publish")
	ended, stopFresh := fresh.follow()
	defer stopFresh()
	f.batch = 1
	for _, bus := range []transport.Bus{two, one, two, one} {
		c.eventually(o.String()+", Open, Listen, Publish", func(ctx context.Context) error { return f.publish(ctx, bus) })
	}
	c.wait(fresh, f.next, ended, stopFresh)
	if found := stopFresh(); found != nil {
		c.fail(found.called, found.wanted, "%s", found.came)
	}
	for _, s := range append(sessions, fresh.session) {
		c.call("Close", s.Close)
	}
}

// wait waits until message n-1 was received, with nothing severed yet.
func (c *busCase) wait(t *tail, n int, ended func(context.Context) error, stop func() *finding) {
	c.Helper()
	tick := time.NewTicker(c.patience / 100)
	defer tick.Stop()
	t.target.Store(int64(n))
	for since, last := time.Now(), t.next.Load(); int(t.next.Load()) < n; {
		select {
		case <-t.arrived:
		case <-tick.C:
		}
		if now := t.next.Load(); now != last {
			last, since = now, time.Now()
		}
		if over := ended(c.expired()) == nil; !over && time.Since(since) < c.patience {
			continue
		}
		found := stop()
		if found == nil {
			found = t.found(fmt.Sprintf("message %d", last), "nothing for %v", c.patience)
		}
		if t.err != nil {
			found = t.found(fmt.Sprintf("message %d", last), "the error %q, before anything was severed", t.err)
		}
		c.fail(found.called, found.wanted, "%s", found.came)
	}
}

// follow receives in the background until the session ends. Ended waits for that, stop stops it.
func (t *tail) follow() (ended func(context.Context) error, stop func() *finding) {
	ctx, cancel := context.WithCancel(t.c.Context())
	var found *finding
	over := make(chan struct{})
	done := t.c.background(func() error {
		defer close(over)
		for found == nil && t.err == nil && ctx.Err() == nil {
			found = t.receive(ctx)
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
	return ended, t.stopping(cancel, done, &found)
}

// stopping returns a func that ends what receives in the background, and returns what that has found. It may be called again.
func (t *tail) stopping(cancel context.CancelFunc, done <-chan error, found **finding) func() *finding {
	return sync.OnceValue(func() *finding {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				return t.found("a message, or a final error", "%v", err)
			}
		case <-time.After(t.c.patience):
			return t.found("that it returns when its context has ended", "nothing for %v", t.c.patience)
		}
		return *found
	})
}
