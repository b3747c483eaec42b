package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var contextChecks = []check[*busChecker]{
	{"EndedContextFailsFast", "package transport, Contexts",
		"A call that waits ends with its ctx, and does not start if ctx has already ended. A server that shuts " +
			"down must not start to wait for a network.", endedContextFailsFast},
	{"ContextEndsOnlyItsCall", "package transport, Contexts",
		"A context limits one call only. A session that ends with the context of Open or Listen, or a deadline " +
			"that stays on a connection, breaks later calls for no visible reason.", contextEndsOnlyItsCall},
	{"CallsEndWithTheirContext", "package transport, Contexts",
		"Every method returns soon after its ctx has ended, also while it is in progress, with the error of ctx. " +
			"Otherwise a node can neither answer its users nor shut down while the network hangs.",
		callsEndWithTheirContext},
}

// operation is a method that takes a context.
type operation struct {
	name string
	// prepare returns a call, on a new session if the method belongs to a session.
	prepare      func() func(ctx context.Context) error
	mayReturnNil bool // the call may finish in spite of its ended context
}

// operations returns all methods of a bus and its sessions.
func (c *busChecker) operations(bus transport.Bus) []operation {
	session := func(call func(ctx context.Context, s transport.Session) error) func() func(context.Context) error {
		return func() func(context.Context) error {
			s := c.open(bus, "a")
			return func(ctx context.Context) error { return call(ctx, s) }
		}
	}
	publish := func(n int) func() func(context.Context) error {
		return func() func(context.Context) error {
			msgs := make([]transport.Message, n)
			for i := range msgs {
				msgs[i] = c.message("nobody's", fmt.Sprint("message ", i))
			}
			return func(ctx context.Context) error { return bus.Publish(ctx, msgs...) }
		}
	}
	all := []operation{
		{"Publish", publish(1), true},
		{"Publish 500 messages", publish(500), true},
		{"Open", func() func(context.Context) error {
			return func(ctx context.Context) error {
				s, err := bus.Open(ctx)
				if err == nil {
					c.closeAtEnd(s.Close)
				}
				return err
			}
		}, true},
		{"Listen", session(func(ctx context.Context, s transport.Session) error {
			return s.Listen(ctx, c.channel("b"))
		}), true},
		{"Unlisten", session(func(ctx context.Context, s transport.Session) error {
			return s.Unlisten(ctx, c.channel("a"))
		}), true},
		{"Receive", session(receiveAndDiscard), false},
	}
	if _, ok := c.open(bus).(transport.MultiListener); ok {
		all = append(all, operation{"ListenAll", session(func(ctx context.Context, s transport.Session) error {
			return s.(transport.MultiListener).ListenAll(ctx, c.channel("b"), c.channel("c"))
		}), true})
	}
	if r, ok := bus.(transport.Roster); ok {
		all = append(all, operation{"Enter", func() func(context.Context) error {
			return func(ctx context.Context) error {
				e, err := r.Enter(ctx, c.channel("entry"))
				if err == nil {
					c.closeAtEnd(e.Close)
				}
				return err
			}
		}, true}, operation{"Entries", func() func(context.Context) error {
			return func(ctx context.Context) error { _, err := r.Entries(ctx, c.channel("entry")); return err }
		}, true})
	}
	return all
}

func endedContextFailsFast(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "nobody's")
	for _, op := range c.operations(one) {
		for _, end := range []func() *interruption{c.alreadyCancelled, c.deadlinePassed} {
			call, in := op.prepare(), end()
			called := op.name + " with a context that has ended"
			if err := c.guard(called, func() error { return call(in.ctx) }); err == nil {
				c.fail(called, fmt.Sprintf("the error %q", in.want), "no error")
			} else {
				in.checkError(called, err)
			}
		}
	}
	c.expectNothing(one, s, "nobody's", "Publish with a context that has ended")
	usable := c.open(one, "a")
	for range 3 {
		in := c.alreadyCancelled()
		c.guard("Receive with a context that has ended", func() error { _, err := usable.Receive(in.ctx); return err })
		m := c.message("a", "usable")
		c.publish(one, m)
		c.expect(usable, "Publish, Open and Receive with a context that has ended, Publish", m)
	}
}

func contextEndsOnlyItsCall(c *busChecker) {
	bus, other := c.newBus(), c.newBus()
	var s transport.Session
	var a, b string
	for patience := max(4*c.latency(), time.Millisecond); ; patience *= 4 {
		ctx, cancel := context.WithTimeout(c.Context(), patience)
		c.Cleanup(cancel)
		a, b = fmt.Sprint("a", patience), fmt.Sprint("b", patience)
		called := fmt.Sprintf("Open, Listen, Publish, Receive and Unlisten with a deadline of %v", patience)
		err := c.guard(called, func() (err error) {
			if s, err = bus.Open(ctx); err != nil {
				return err
			}
			c.closeAtEnd(s.Close)
			return errors.Join(s.Listen(ctx, c.channel(a)), s.Listen(ctx, c.channel(b)), s.Unlisten(ctx, c.channel(b)),
				bus.Publish(ctx, c.message(a, "in time")), receiveAndDiscard(ctx, s))
		})
		if err == nil {
			c.noteCall("wait until the deadline has passed")
			<-ctx.Done()
			break
		}
		if patience > c.patience {
			c.fail(called, "no error", "the error %q", err)
		}
	}
	called := "Open, Listen, Publish, Receive and Unlisten in time, and wait until their context has ended"
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	must := func(name string, f func() error) {
		if err := c.guard(called+", "+name, f); err != nil {
			c.fail(called+", "+name+" with another context", "no error", "the error %q", err)
		}
	}
	m := c.message(a, "later")
	must("Publish", func() error { return bus.Publish(ctx, m) })
	c.expect(s, called+", Publish", m)
	must("Listen", func() error { return s.Listen(ctx, c.channel(b)) })
	must("Unlisten", func() error { return s.Unlisten(ctx, c.channel(a)) })
	m = c.message(b, "later")
	c.publish(other, m)
	c.expect(s, called+", Listen, Publish", m)
	c.interruptBesideOthers(bus, other)
	// A session that ends with the context of Open or Listen may take a moment to do so.
	m = c.message(b, "much later")
	c.publish(other, m)
	c.expect(s, called+", Listen, Publish twice", m)
}

// interruptBesideOthers interrupts some calls of Publish while others are in progress on the same bus. The
// others must succeed.
func (c *busChecker) interruptBesideOthers(bus, other transport.Bus) {
	c.Helper()
	rec := c.newRecorder(bus, other)
	const called = "Publish, while calls with ending contexts are in progress on the same bus"
	stop := rec.publishInBackground(called, tinySizes(2)...)
	usual := max(c.latency(), 10*time.Microsecond)
	rounds, budget := c.scale(60, 2000), time.Duration(c.scale(50, 5000))*time.Millisecond
	start := time.Now()
	for n := 0; n < rounds && (n < 6 || time.Since(start) < budget); n++ {
		in := c.interruption(n, usual)
		in.checkError(called,
			c.guard(called, func() error { return bus.Publish(in.ctx, c.message("nobody's", fmt.Sprint(n))) }))
	}
	stop()
	rec.finish(called, 0)
}

// receiveAndDiscard returns the error of Receive.
func receiveAndDiscard(ctx context.Context, s transport.Session) error {
	_, err := s.Receive(ctx)
	return err
}

// startReceiving receives from s in a loop until Receive fails.
func (c *busChecker) startReceiving(ctx context.Context, s transport.Session) *callLoop {
	return c.startLoop(0, func(int) error { return receiveAndDiscard(ctx, s) })
}
