package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var listenErrorChecks = []check[*busChecker]{
	{"ListenErrorEndsTheSession", "transport.Session.Listen",
		"Any error of Listen, Unlisten or ListenAll ends the session: Receive may still return what had arrived " +
			"before, then a final error. The cluster then opens another session. If the old one stayed half alive, " +
			"messages would be lost or delivered twice.", listenErrorEndsTheSession},
	{"InterruptedListenEndsTheSession", "transport.Session.Listen",
		"If the context of Listen, Unlisten or ListenAll ends during the call, the call succeeds, or it returns " +
			"the context's error and the session has ended. There is no third result: either messages of the channel " +
			"arrive, or the cluster knows that they do not.", interruptedListenEndsTheSession},
}

// listenCall is one of the calls whose error ends a session.
type listenCall struct {
	name string
	call func(ctx context.Context, s transport.Session, channel string) error
	// rejectsLongNames tells that the call must fail for a name over the limit. Unlisten may succeed, because
	// the session does not listen to it.
	rejectsLongNames bool
}

// listenCalls returns the calls that s supports.
func listenCalls(s transport.Session) []listenCall {
	calls := []listenCall{
		{"Listen", func(ctx context.Context, s transport.Session, channel string) error {
			return s.Listen(ctx, channel)
		}, true},
		{"Unlisten", func(ctx context.Context, s transport.Session, channel string) error {
			return s.Unlisten(ctx, channel)
		}, false},
	}
	if _, ok := s.(transport.MultiListener); ok {
		calls = append(calls, listenCall{"ListenAll", func(ctx context.Context, s transport.Session,
			channel string) error {
			return s.(transport.MultiListener).ListenAll(ctx, channel, channel+"2", channel)
		}, true})
	}
	return calls
}

func listenErrorEndsTheSession(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	for _, call := range listenCalls(c.open(two)) {
		for _, waiting := range []int{0, 3} {
			s := c.open(two, "a")
			before := c.publishWaiting(one, waiting)
			called := call.name + " with a context that has ended"
			err := c.guard(called, func() error { return call.call(c.endedContext(), s, c.channel("b")) })
			if err == nil || !errors.Is(err, context.Canceled) {
				c.fail(called, fmt.Sprintf("the error %q", context.Canceled), "%s", showError(err))
			}
			c.expectSessionEnded(one, s, called, before)
		}
		if limit := two.Limits().Channel; limit > 0 {
			s := c.open(two, "a")
			before := c.publishWaiting(one, 1)
			name := c.channel(strings.Repeat("n", limit+1-len(c.channel(""))))
			called := fmt.Sprintf("%s with a name of %d bytes (limit %d)", call.name, len(name), limit)
			err := c.call(called, func(ctx context.Context) error { return call.call(ctx, s, name) })
			switch {
			case err != nil:
				c.expectSessionEnded(one, s, called, before)
			case call.rejectsLongNames:
				c.fail(called, "an error", "no error")
			}
		}
	}
}

// publishWaiting publishes n messages that wait in a session that listens to "a".
func (c *busChecker) publishWaiting(bus transport.Bus, n int) (msgs []transport.Message) {
	c.Helper()
	for i := range n {
		msgs = append(msgs, c.message("a", fmt.Sprintf("before the error %d", i)))
	}
	c.publish(bus, msgs...)
	return msgs
}

// expectSessionEnded fails the check unless s, which listens to "a", returns at most the first of the messages
// before, and then only errors.
func (c *busChecker) expectSessionEnded(bus transport.Bus, s transport.Session, called string,
	before []transport.Message) {
	c.Helper()
	called += ", Publish"
	c.publish(bus, c.message("a", "after the error"))
	for i, ended := 0, 0; ended < 2; {
		m, err, waited := c.receiveOrTimeout(s, called)
		switch {
		case waited:
			c.fail(called+", then Receive", "a final error", "no error for %v", c.patience)
		case err == nil && (ended > 0 || i >= len(before) || !sameMessage(m, before[i])):
			c.fail(called+", then Receive", fmt.Sprintf("at most %s, then a final error", showMessages(before)), "%s",
				showMessage(m))
		case err == nil:
			i++
		default:
			ended++
		}
	}
	for _, call := range listenCalls(s) {
		if err := c.call(called+", "+call.name,
			func(ctx context.Context) error { return call.call(ctx, s, c.channel("c")) }); err == nil {
			c.fail(called+", "+call.name, "an error", "no error")
		}
	}
	c.close(s, called+", Close")
}

// receiveOrTimeout calls Receive. It tells whether Receive waited until its own context ended, because the
// final error of a session may be the error of another context.
func (c *busChecker) receiveOrTimeout(s transport.Session, called string) (m transport.Message, err error,
	waited bool) {
	c.Helper()
	err = c.call(called+", then Receive", func(ctx context.Context) (err error) {
		m, err = s.Receive(ctx)
		waited = err != nil && ctx.Err() != nil
		return err
	})
	return m, err, waited
}

// showError describes err for a failure's text.
func showError(err error) string {
	if err == nil {
		return "no error"
	}
	return fmt.Sprintf("the error %q", err)
}

// interruptedListenEndsTheSession ends contexts at times spread over the duration of a call, and while the
// medium is stalled.
func interruptedListenEndsTheSession(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	for _, call := range listenCalls(c.open(two)) {
		rounds := c.affordableRounds(15, 5, c.scale(20, 200))
		for i := range rounds {
			after := c.latency() * 5 / 4 * time.Duration(i) / time.Duration(rounds)
			c.interruptListen(one, two, call, after, fmt.Sprintf("%s with a context that ends after %v", call.name,
				after), func() func() { return func() {} })
		}
		if c.harness.Stall != nil {
			after := max(2*c.latency(), time.Millisecond)
			c.interruptListen(one, two, call, after,
				call.name+" with a context that ends while the medium is stalled", func() func() {
					return c.stall(two)
				})
		}
	}
}

// interruptListen opens a session that listens to "a", ends the context of a call for "b", and checks the
// result.
func (c *busChecker) interruptListen(one, two transport.Bus, call listenCall, after time.Duration, called string,
	stall func() (resume func())) {
	c.Helper()
	s := c.open(two, "a")
	if call.name == "Unlisten" {
		c.listen(s, "b")
	}
	resume := stall()
	ctx, cancel := context.WithTimeout(c.Context(), after)
	defer cancel()
	err := c.guard(called, func() error { return call.call(ctx, s, c.channel("b")) })
	ended := ctx.Err()
	resume()
	switch {
	case err == nil:
		m := c.message("b", "heard")
		want := []transport.Message{m, c.message("a", "also heard")}
		c.publish(one, want...)
		if call.name == "Unlisten" {
			want = want[1:]
		}
		c.expect(s, called+", which succeeded, Publish", want...)
	case ended == nil || !errors.Is(err, ended):
		c.fail(called, "success, or the context's error", "the error %q", err)
	default:
		c.expectSessionEnded(one, s, called, nil)
	}
}
