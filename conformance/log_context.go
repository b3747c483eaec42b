package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logContextChecks = []check[*logChecker]{
	{"EndedContextFailsTheCall", "package transport, Contexts",
		"A call whose context has ended starts nothing, and returns the context's error. A server that shuts down " +
			"must not start to wait for a network.", endedContextFailsTheCall},
	{"StalledCallsEnd", "package transport, Contexts",
		"Every method returns soon after its context has ended, also while the server does not answer, with the " +
			"context's error, and the log works as before. A node that gives up must get its goroutine back.",
		stalledCallsEnd},
	{"InterruptedAppendIsKeptOrNot", "transport.Log",
		"An Append whose context ends has kept a prefix of its messages, each once, and what is kept is delivered. " +
			"Nothing of it appears after a later Append.", interruptedAppendIsKeptOrNot},
}

func endedContextFailsTheCall(c *logChecker) {
	log := c.newLog()
	a := c.channel("a")
	after := c.begin(log, a)
	c.append(log, keep(a, "kept")...)
	s := c.openLog(log, a)
	late, release := context.WithTimeout(c.Context(), -time.Second)
	defer release()
	calls := append(c.logCalls(log, a, after, "must not be kept"), logCall{name: "ReceiveRecord",
		call: func(ctx context.Context) error { _, err := s.ReceiveRecord(ctx); return err }})
	for _, call := range calls {
		for _, ctx := range []context.Context{endedContext(c.TB), late} {
			called := call.name + " with a context that has ended"
			if err := c.guard(called, func() error { return call.call(ctx) }); !errors.Is(err, ctx.Err()) {
				c.fail(called, fmt.Sprintf("the error %q", ctx.Err()), "%v", err)
			}
		}
	}
	c.append(log, keep(a, "last")...)
	c.expectPayloads("calls with contexts that have ended, Replay", c.replay(log, a, after, transport.ReadLimit{}),
		[]string{"kept", "last"})
	c.expectPayloads("calls with contexts that have ended, Append, ReceiveRecord",
		c.receive(s, "calls with contexts that have ended, Append", 1), []string{"last"})
}

func stalledCallsEnd(c *logChecker) {
	if c.harness.Stall == nil {
		c.Skip("LogHarness.Stall is nil: not checked")
	}
	log := c.newLog()
	a := c.channel("a")
	begin := c.begin(log, a)
	c.append(log, keep(a, "before")...)
	s := c.openLog(log, a)
	c.noteCall("LogHarness.Stall")
	resume := sync.OnceFunc(c.harness.Stall(c.TB, log))
	c.Cleanup(resume)
	calls := append(c.logCalls(log, a, begin, "interrupted"), logCall{name: "ReceiveRecord",
		call: func(ctx context.Context) error { _, err := s.ReceiveRecord(ctx); return err }})
	calls = slices.DeleteFunc(calls, func(call logCall) bool {
		return call.name == "TrimLog" // what it has begun may still happen
	})
	c.interruptCalls(calls)
	resume()
	const called = "interrupt calls while the medium is stalled, resume"
	c.eventually(called+", Append", func(ctx context.Context) error { return log.Append(ctx, keep(a, "after")) })
	got := c.replayAll(log, a, begin, transport.ReadLimit{})
	interrupted := slices.IndexFunc(got, func(r transport.Record) bool { return string(r.Payload) == "interrupted" })
	if interrupted >= 0 { // what was interrupted may have been kept, once
		got = slices.Delete(got, interrupted, interrupted+1)
	}
	c.expectPayloads(called+", Append, Replay", got, []string{"before", "after"})
}

func interruptedAppendIsKeptOrNot(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	s := c.openLog(two, a)
	after := c.begin(two, a)
	rounds := c.rounds(40, 1000)
	latency := max(c.latency(), 50*time.Microsecond)
	for i := range rounds {
		payloads := numberedPayloads(fmt.Sprint("round ", i), 1+i%40)
		ctx, cancel := context.WithCancel(c.Context())
		stop := time.AfterFunc(2*latency*time.Duration(i)/time.Duration(rounds), cancel)
		const called = "Append, and its context ends during the call"
		err := c.guard(called, func() error { return one.Append(ctx, keep(a, payloads...)) })
		stop.Stop()
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			c.fail(called, "no error, or the context's error", "%q", err)
		}
		end := fmt.Sprint("end of round ", i)
		c.eventually(called+", Append", func(ctx context.Context) error { return one.Append(ctx, keep(a, end)) })
		replayed := c.replayAll(two, a, after, transport.ReadLimit{})
		want := payloads[:min(len(payloads), len(replayed)-1)]
		if err == nil {
			want = payloads
		}
		c.expectPayloads(called+", Append, Replay", replayed, append(want[:len(want):len(want)], end))
		c.expectSame(called+", Append, ReceiveRecord", c.receive(s, called+", Append", len(replayed)), replayed)
		after = replayed[len(replayed)-1].Position()
	}
}
