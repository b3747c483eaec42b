package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var closeChecks = []check[*busCase]{
	{"CloseIsFinal", "After Close, the methods of a session return ErrClosed, whatever has come of it before, and closing again does nothing. The " +
		"cluster tells by that error that it ended the session itself, and whoever cleans up need not know who cleaned up before.", closeIsFinal},
	{"CloseEndsWhatIsUnderWay", "Close may be called while another method is under way, which then returns ErrClosed. A server that shuts down would " +
		"otherwise hang in Receive, or report an outage.", closeEndsWhatIsUnderWay},
	{"CloseDropsWhatWaits", "Close ends the session at once, also when messages wait that nobody will receive. A server would " +
		"otherwise hang when it shuts down under load.", closeDropsWhatWaits},
	{"CloseEndsOnlyItsSession", "Close ends one session: the bus and its other sessions go on, and lose nothing. The cluster closes a session " +
		"whenever it reconnects.", closeEndsOnlyItsSession},
}

func (c *busCase) close(s transport.Session, called string) {
	c.Helper()
	c.must(called, s.Close)
}

// closeEnded closes a session with a context that has ended: Close may say so, or not.
func (c *busCase) closeEnded(s transport.Session, called string) {
	c.Helper()
	called += ", Close with a context that has ended"
	if err := c.watch(called, func() error { return s.Close(c.expired()) }); err != nil && !errors.Is(err, context.Canceled) {
		c.fail(called, fmt.Sprintf("no error, or %q", context.Canceled), "the error %q", err)
	}
}

// past is what a session may have behind it when it is closed.
type past struct {
	name string
	live func(s transport.Session)
}

// pasts returns them. Each session listens to "a".
func (c *busCase) pasts(bus transport.Bus) []past {
	pasts := []past{
		{"Listen", func(transport.Session) {}},
		{"Publish", func(transport.Session) { c.publish(bus, c.msg("a", "nobody receives this")) }},
		{"Publish, Receive", func(s transport.Session) {
			m := c.msg("a", "received")
			c.publish(bus, m)
			c.expect(s, "Publish", m)
			c.publish(bus, c.msg("a", "nobody receives this"))
		}},
		{"Receive until its context ends", func(s transport.Session) { c.interrupted(s, "Listen", c.latency()) }},
		{"Receive with a context that has ended", func(s transport.Session) { c.interrupted(s, "Listen", 0) }},
		{"Listen with a context that has ended", func(s transport.Session) {
			c.watch("Listen", func() error { return s.Listen(c.expired(), c.channel("b")) })
		}},
	}
	if c.harness.Sever != nil {
		pasts = append(pasts,
			past{"sever the session", func(transport.Session) { c.sever(bus) }},
			past{"sever the session, Receive its final error", func(s transport.Session) {
				c.sever(bus)
				c.final(s, "sever the session")
			}})
	}
	return pasts
}

func closeIsFinal(c *busCase) {
	bus := c.bus()
	ways := []func(s transport.Session, called string){
		func(s transport.Session, called string) { c.close(s, called+", Close") },
		c.closeEnded,
		func(s transport.Session, called string) { c.closeAtOnce(called+", Close", s.Close) },
	}
	for _, past := range c.pasts(bus) {
		for _, closes := range ways {
			s := c.open(bus, "a")
			past.live(s)
			closes(s, past.name)
			c.isClosed(s, past.name+", Close")
			closes(s, past.name+", Close")
			c.close(s, past.name+", Close, Close")
			c.isClosed(s, past.name+", Close, Close")
		}
	}
}

// isClosed fails unless all methods of s return ErrClosed.
func (c *busCase) isClosed(s transport.Session, called string) {
	c.Helper()
	m, err := c.tryReceive(s, called)
	if err == nil {
		c.fail(called+", then Receive", fmt.Sprintf("the error %q", transport.ErrClosed), "%s", show(m))
	}
	c.wantClosed(called+", then Receive", err)
	for _, call := range listenCalls(s) {
		c.wantClosed(called+", then "+call.name, c.call(called+", then "+call.name, func(ctx context.Context) error {
			return call.f(ctx, s, c.channel("a"))
		}))
	}
}

func (c *busCase) wantClosed(called string, err error) {
	c.Helper()
	if !errors.Is(err, transport.ErrClosed) {
		c.fail(called, fmt.Sprintf("the error %q", transport.ErrClosed), "%s", showError(err))
	}
}

// closeAtOnce calls a method Close on several goroutines.
func (c *busCase) closeAtOnce(called string, end func(ctx context.Context) error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	start := make(chan struct{})
	var waits []<-chan error
	for range 3 {
		waits = append(waits, c.background(func() error {
			<-start
			return end(ctx)
		}))
	}
	close(start)
	for _, wait := range waits {
		if err := c.watch(called+" on several goroutines at once", func() error { return <-wait }); err != nil {
			c.fail(called+" on several goroutines at once", "no error", "the error %q", err)
		}
	}
}

// closeEndsWhatIsUnderWay closes sessions whose other methods are called in a loop, on another goroutine.
func closeEndsWhatIsUnderWay(c *busCase) {
	bus := c.bus()
	calls := append(listenCalls(c.open(bus)), listenCall{"Receive", func(ctx context.Context, s transport.Session, _ string) error {
		m, err := s.Receive(ctx)
		if err == nil {
			err = fmt.Errorf("none, and the message %s", show(m))
		}
		return err
	}, false})
	for _, call := range calls {
		for i := range c.affordable(10*len(calls), 3, c.scale(12, 150)) {
			s := c.open(bus, "a")
			called := fmt.Sprintf("Close while %s is under way", call.name)
			loop := c.loop(i/3, func(n int) error { return call.f(c.Context(), s, c.channel(fmt.Sprint("b", n%4))) })
			if call.name == "Receive" {
				loop.parked(c.probe)
			} else {
				loop.began(c.probe)
			}
			switch i % 3 {
			case 0:
				c.close(s, called)
			case 1:
				c.closeEnded(s, call.name+" is under way on another goroutine")
			case 2:
				c.closeAtOnce(called, s.Close)
			}
			if err := c.watch(called, loop.ended); !errors.Is(err, transport.ErrClosed) {
				c.fail(called+"; the error of that", fmt.Sprintf("the error %q", transport.ErrClosed), "%s", showError(err))
			}
		}
	}
	if c.harness.Stall != nil {
		c.closeWhileStalled(bus, calls)
	}
}

// closeWhileStalled closes sessions while nobody answers.
func (c *busCase) closeWhileStalled(bus transport.Bus, calls []listenCall) {
	c.Helper()
	for _, call := range calls {
		s := c.open(bus, "a")
		resume := c.harness.Stall(c.TB, bus)
		loop := c.loop(0, func(int) error { return call.f(c.Context(), s, c.channel("b")) })
		loop.parked(c.probe)
		called := call.name + " while the medium swallows everything"
		c.closeEnded(s, called)
		err := c.watch(called+", Close", loop.ended)
		resume()
		if !errors.Is(err, transport.ErrClosed) {
			c.fail(called+", Close; the error of "+call.name, fmt.Sprintf("the error %q", transport.ErrClosed), "%s", showError(err))
		}
	}
}

func closeDropsWhatWaits(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	batch := make([]transport.Message, 500)
	for i := range batch {
		batch[i] = c.msg("a", fmt.Sprint("nobody receives message ", i))
	}
	for range 4 {
		c.publish(one, batch...)
	}
	c.receive(s, "Publish 2000 messages")
	stopped := make(chan struct{})
	flowing := c.background(func() error { // others follow: Close cannot wait until there are no more
		for {
			select {
			case <-stopped:
				return nil
			case <-time.After(time.Millisecond):
			}
			if err := one.Publish(c.Context(), batch[:5]...); err != nil {
				return err
			}
		}
	})
	const called = "Publish 2000 messages, Receive one, Close while others follow"
	stop := sync.OnceFunc(func() { close(stopped) })
	defer stop()
	start := time.Now()
	c.close(s, called)
	stop()
	if err := c.watch(called, func() error { return <-flowing }); err != nil {
		c.fail(called, "no error of Publish", "the error %q", err)
	}
	if took := time.Since(start); took > c.patience/2 {
		c.fail(called, "that it returns soon", "that after %v", took)
	}
}

// closeEndsOnlyItsSession closes sessions one after the other while a stream flows to all of them.
func closeEndsOnlyItsSession(c *busCase) {
	one, two := c.bus(), c.bus()
	stays, late := c.open(two, "a"), c.open(two)
	called := "Close other sessions of the bus while messages flow"
	n := 0
	some := func(howMany int) (msgs []transport.Message) {
		for range howMany {
			n++
			msgs = append(msgs, c.msg("a", fmt.Sprint(n)))
		}
		return msgs
	}
	for i := range c.affordable(12, 6, c.scale(50, 500)) {
		s := c.open(two, "a")
		msgs := some(5)
		published := c.meanwhile(func() error {
			for _, m := range msgs {
				if err := one.Publish(c.Context(), m); err != nil {
					return err
				}
			}
			return nil
		})
		c.expect(s, "Publish", msgs[:i%4]...)
		c.close(s, "Close while messages flow")
		if err := c.watch(called+", Publish", published); err != nil {
			c.fail(called+", Publish", "no error", "the error %q", err)
		}
		own := some(1)
		c.publish(two, own...)
		c.expect(stays, called+"; another session", append(msgs, own...)...)
	}
	c.listen(late, "a")
	last := some(1)
	c.publish(two, last...)
	c.expect(late, called+", Listen in another session, Publish", last...)
	c.expect(stays, called+"; another session", last...)
}
