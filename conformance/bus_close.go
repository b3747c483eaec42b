package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var closeChecks = []check[*busChecker]{
	{"CloseIsFinal", "transport.Session.Close",
		"After Close, the methods of a session return ErrClosed, whatever happened before, and closing again " +
			"does nothing. The cluster recognizes by that error that it closed the session itself, and cleanup code " +
			"need not know whether the session is already closed.", closeIsFinal},
	{"CloseEndsPendingCalls", "transport.Session.Close",
		"Close may be called while another method is in progress, which then returns ErrClosed. Otherwise a " +
			"server that shuts down hangs in Receive or reports an outage.", closeEndsPendingCalls},
	{"CloseDropsQueuedMessages", "transport.Session.Close",
		"Close ends the session at once, even if messages wait that nobody will receive. Otherwise a server " +
			"hangs when it shuts down under load.", closeDropsQueuedMessages},
	{"CloseEndsOnlyItsSession", "transport.Session.Close",
		"Close ends one session: the bus and its other sessions continue and lose nothing. The cluster closes a " +
			"session whenever it reconnects.", closeEndsOnlyItsSession},
}

func (c *busChecker) close(s transport.Session, called string) {
	c.Helper()
	c.must(called, s.Close)
}

// closeWithEndedContext closes a session with a context that has ended. Close may return the context's error or
// nil.
func (c *busChecker) closeWithEndedContext(s transport.Session, called string) {
	c.Helper()
	called += ", Close with a context that has ended"
	if err := c.guard(called, func() error { return s.Close(c.endedContext()) }); err != nil &&
		!errors.Is(err, context.Canceled) {
		c.fail(called, fmt.Sprintf("no error, or the error %q", context.Canceled), "the error %q", err)
	}
}

// history is what a session has been used for before it is closed.
type history struct {
	name   string
	replay func(s transport.Session)
}

// histories returns the histories to try. Each session listens to "a".
func (c *busChecker) histories(bus transport.Bus) []history {
	histories := []history{
		{"Listen", func(transport.Session) {}},
		{"Publish", func(transport.Session) { c.publish(bus, c.message("a", "nobody receives this")) }},
		{"Publish, Receive", func(s transport.Session) {
			m := c.message("a", "received")
			c.publish(bus, m)
			c.expect(s, "Publish", m)
			c.publish(bus, c.message("a", "nobody receives this"))
		}},
		{"Receive until its context ends", func(s transport.Session) { c.receiveFor(s, "Listen", c.latency()) }},
		{"Receive with a context that has ended", func(s transport.Session) { c.receiveFor(s, "Listen", 0) }},
		{"Listen with a context that has ended", func(s transport.Session) {
			c.guard("Listen", func() error { return s.Listen(c.endedContext(), c.channel("b")) })
		}},
	}
	if c.harness.Sever != nil {
		histories = append(histories,
			history{"sever the session", func(transport.Session) { c.sever(bus) }},
			history{"sever the session, Receive its final error", func(s transport.Session) {
				c.sever(bus)
				c.receiveFinalError(s, "sever the session")
			}})
	}
	return histories
}

func closeIsFinal(c *busChecker) {
	bus := c.newBus()
	ways := []func(s transport.Session, called string){
		func(s transport.Session, called string) { c.close(s, called+", Close") },
		c.closeWithEndedContext,
		func(s transport.Session, called string) { c.closeConcurrently(called+", Close", s.Close) },
	}
	for _, h := range c.histories(bus) {
		for _, closes := range ways {
			s := c.open(bus, "a")
			h.replay(s)
			closes(s, h.name)
			c.expectClosed(s, h.name+", Close")
			closes(s, h.name+", Close")
			c.close(s, h.name+", Close, Close")
			c.expectClosed(s, h.name+", Close, Close")
		}
	}
}

// expectClosed fails the check unless all methods of s return ErrClosed.
func (c *busChecker) expectClosed(s transport.Session, called string) {
	c.Helper()
	m, err := c.tryReceive(s, called)
	if err == nil {
		c.fail(called+", then Receive", fmt.Sprintf("the error %q", transport.ErrClosed), "%s", showMessage(m))
	}
	c.expectErrClosed(called+", then Receive", err)
	for _, call := range listenCalls(s) {
		c.expectErrClosed(called+", then "+call.name, c.call(called+", then "+call.name,
			func(ctx context.Context) error {
				return call.call(ctx, s, c.channel("a"))
			}))
	}
}

func (c *busChecker) expectErrClosed(called string, err error) {
	c.Helper()
	if !errors.Is(err, transport.ErrClosed) {
		c.fail(called, fmt.Sprintf("the error %q", transport.ErrClosed), "%s", showError(err))
	}
}

// closeConcurrently calls a Close method on several goroutines at once.
func (c *busChecker) closeConcurrently(called string, end func(ctx context.Context) error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	start := make(chan struct{})
	var waits []<-chan error
	for range 3 {
		waits = append(waits, c.runInBackground(func() error {
			<-start
			return end(ctx)
		}))
	}
	close(start)
	for _, wait := range waits {
		c.mustGuard(called+" on several goroutines at once", func() error { return <-wait })
	}
}

// closeEndsPendingCalls closes sessions while another goroutine calls one of their methods in a loop.
func closeEndsPendingCalls(c *busChecker) {
	bus := c.newBus()
	calls := append(listenCalls(c.open(bus)), listenCall{"Receive",
		func(ctx context.Context, s transport.Session, _ string) error {
			m, err := s.Receive(ctx)
			if err == nil {
				err = fmt.Errorf("no error, but the message %s", showMessage(m))
			}
			return err
		}, false})
	for _, call := range calls {
		for i := range c.affordableRounds(10*len(calls), 3, c.scale(12, 150)) {
			s := c.open(bus, "a")
			called := fmt.Sprintf("Close while %s is in progress", call.name)
			loop := c.startLoop(i/3,
				func(n int) error { return call.call(c.Context(), s, c.channel(fmt.Sprint("b", n%4))) })
			if call.name == "Receive" {
				loop.waitBlocked(c.checker)
			} else {
				loop.waitBegun(c.checker)
			}
			switch i % 3 {
			case 0:
				c.close(s, called)
			case 1:
				c.closeWithEndedContext(s, call.name+" is in progress on another goroutine")
			case 2:
				c.closeConcurrently(called, s.Close)
			}
			if err := c.guard(called, loop.waitEnded); !errors.Is(err, transport.ErrClosed) {
				c.fail(called+"; the error of that call", fmt.Sprintf("the error %q", transport.ErrClosed), "%s",
					showError(err))
			}
		}
	}
	if c.harness.Stall != nil {
		c.closeWhileStalled(bus, calls)
	}
}

// closeWhileStalled closes sessions while the server does not answer.
func (c *busChecker) closeWhileStalled(bus transport.Bus, calls []listenCall) {
	c.Helper()
	for _, call := range calls {
		s := c.open(bus, "a")
		resume := c.harness.Stall(c.TB, bus)
		loop := c.startLoop(0, func(int) error { return call.call(c.Context(), s, c.channel("b")) })
		loop.waitBlocked(c.checker)
		called := call.name + " while the medium is stalled"
		c.closeWithEndedContext(s, called)
		err := c.guard(called+", Close", loop.waitEnded)
		resume()
		if !errors.Is(err, transport.ErrClosed) {
			c.fail(called+", Close; the error of "+call.name, fmt.Sprintf("the error %q", transport.ErrClosed), "%s",
				showError(err))
		}
	}
}

func closeDropsQueuedMessages(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a")
	batch := make([]transport.Message, 500)
	for i := range batch {
		batch[i] = c.message("a", fmt.Sprint("nobody receives message ", i))
	}
	for range 4 {
		c.publish(one, batch...)
	}
	c.receive(s, "Publish 2000 messages")
	stopped := make(chan struct{})
	flowing := c.runInBackground(func() error { // messages keep coming: Close must not wait until they end
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
	const called = "Publish 2000 messages, Receive one, Close while more arrive"
	stop := sync.OnceFunc(func() { close(stopped) })
	defer stop()
	start := time.Now()
	c.close(s, called)
	stop()
	if err := c.guard(called, func() error { return <-flowing }); err != nil {
		c.fail(called, "no error of Publish", "the error %q", err)
	}
	if took := time.Since(start); took > c.patience/2 {
		c.fail(called, "Close returns soon", "it returned after %v", took)
	}
}

// closeEndsOnlyItsSession closes sessions one after the other while messages flow to all sessions.
func closeEndsOnlyItsSession(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	stays, late := c.open(two, "a"), c.open(two)
	called := "Close other sessions of the bus while messages flow"
	n := 0
	some := func(howMany int) (msgs []transport.Message) {
		for range howMany {
			n++
			msgs = append(msgs, c.message("a", fmt.Sprint(n)))
		}
		return msgs
	}
	for i := range c.affordableRounds(12, 6, c.scale(50, 500)) {
		s := c.open(two, "a")
		msgs := some(5)
		published := c.runAlongside(func() error {
			for _, m := range msgs {
				if err := one.Publish(c.Context(), m); err != nil {
					return err
				}
			}
			return nil
		})
		c.expect(s, "Publish", msgs[:i%4]...)
		c.close(s, "Close while messages flow")
		c.mustGuard(called+", Publish", published)
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
