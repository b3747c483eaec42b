package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var outageChecks = []check[*busChecker]{
	{"PublishAfterOutage", "package transport, Delivery",
		"A Publish after an outage arrives once or returns an error, and so does a batch, from its first message " +
			"on; the Publish after the first error works. A bus that sends again what may have been sent delivers it " +
			"twice; a bus that says nothing loses it silently.", publishAfterOutage},
	{"NoServerFailsAtOnce", "transport.Bus.Open",
		"Open and Publish, and Enter and Entries of a transport.Roster, fail, rather than wait, when the server " +
			"cannot be reached, with an error that is not a context's error, and leave nothing behind. A node " +
			"retries, and informs its users in the meantime.",
		noServerFailsAtOnce},
}

// severHook is a hook that breaks connections.
type severHook struct {
	name           string
	sever          func(bus transport.Bus)
	breaksSessions bool // it also breaks the sessions of the bus
}

// severHooks returns the hooks that the harness has.
func (c *busChecker) severHooks() (all []severHook) {
	if c.harness.SeverPublisher != nil {
		all = append(all, severHook{"sever the publisher", func(bus transport.Bus) {
			c.noteCall("Harness.SeverPublisher")
			c.harness.SeverPublisher(c.TB, bus)
		}, false})
	}
	if c.harness.Sever != nil {
		all = append(all, severHook{"sever the sessions", c.sever, true})
	}
	return all
}

func publishAfterOutage(c *busChecker) {
	hooks := c.severHooks()
	if len(hooks) == 0 {
		c.Skip("Harness.SeverPublisher and Harness.Sever are nil: not checked")
	}
	one, two := c.newBus(), c.newBus()
	rec := c.newRecorder(one, two)
	for n := 0; n < 3 || n < 10 && rec.isSlow(); n++ {
		rec.mustPublish("Publish one message", 0)
	}
	slow := rec.isSlow()
	for _, hook := range hooks {
		c.open(one, "a") // otherwise there may be no connection to sever
		afterwards := func(shape []int) {
			hook.sever(one)
			rec.resumeWithNewSession("Publish, and "+hook.name, two)
			rec.publishUntilWorks(hook.name, shape)
		}
		for n, shape := range rec.batchShapes(300) {
			rec.spread = n/2%2 == 1
			afterwards(shape)
			if n < 4 && !slow {
				afterwards(shape) // again: the first Publish after the second outage
			}
		}
		rec.publishSmall(100)
		afterwards(tinySizes(1))
		rec.publishSmall(c.scale(5000, 100000))
		afterwards(tinySizes(1))
		afterwards(tinySizes(100))
		rounds := c.affordableRounds(10, 3, c.scale(15, 60))
		for n := range rounds {
			rec.severWhilePublishing(hook, one, two, tinySizes([]int{1, 20, 200}[n%3]),
				c.latency()*5/4*time.Duration(n)/time.Duration(rounds))
		}
	}
	rec.finish("Publish before and after outages", rec.settleTime())
}

// publishUntilWorks publishes until it works: only the first Publish may fail.
func (r *recorder) publishUntilWorks(name string, shape []int) {
	r.c.Helper()
	called := fmt.Sprintf("%s, Publish %s", name, countMessages(len(shape)))
	ctx, cancel := context.WithTimeout(r.c.Context(), r.c.patience)
	defer cancel()
	if err := r.tryPublish(ctx, called, shape...); err != nil {
		if isContextError(err) {
			r.c.fail(called, "no error, or one that is not a context's error", "the error %q", err)
		}
		called += " with an error"
	}
	for range 2 {
		r.mustPublish(called+", Publish one message", 0)
	}
}

// severWhilePublishing publishes batches of the given sizes while there is an outage. The outage begins a while
// after Publish was called: before the bus has sent anything, or when only the answer is missing.
func (r *recorder) severWhilePublishing(hook severHook, one, two transport.Bus, sizes []int, after time.Duration) {
	r.c.Helper()
	called := fmt.Sprintf("%s while Publish sends batches of %d", hook.name, len(sizes))
	first := len(r.calls)
	stop := r.publishInBackground(called, sizes...)
	time.Sleep(after)
	hook.sever(one)
	r.continueAfterOutage(called, two, first, stop() || hook.breaksSessions)
}

// continueAfterOutage publishes until it works again. If the outage has broken the session too, it opens a new
// session, and the outcome of the calls from first on is unknown.
func (r *recorder) continueAfterOutage(called string, receiving transport.Bus, first int, broken bool) {
	r.c.Helper()
	if broken {
		for n := range r.calls[first:] {
			r.calls[first+n].unknown = true
		}
		r.resumeWithNewSession(called, receiving)
	}
	r.publishUntilWorks(called, tinySizes(1))
}

func noServerFailsAtOnce(c *busChecker) {
	if c.harness.NoServer == nil {
		c.Skip("Harness.NoServer is nil: not checked")
	}
	c.noteCall("Harness.NoServer")
	bus := c.harness.NoServer(c.TB)
	calls := []operation{
		{name: "Open without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error {
				s, err := bus.Open(ctx)
				if err == nil {
					c.closeAtEnd(s.Close)
				}
				return err
			}
		}},
		{name: "Publish one message without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error { return bus.Publish(ctx, c.message("a", "1")) }
		}},
		{name: "Publish two messages without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error { return bus.Publish(ctx, c.message("a", "1"), c.message("a", "2")) }
		}},
	}
	if r, ok := bus.(transport.Roster); ok {
		calls = append(calls, operation{name: "Enter without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error {
				e, err := r.Enter(ctx, c.channel("a"))
				if err == nil {
					c.closeAtEnd(e.Close)
				}
				return err
			}
		}}, operation{name: "Entries without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error { _, err := r.Entries(ctx, c.channel("a")); return err }
		}})
	}
	const wanted = "an error soon, and not a context's error"
	fastest := make([]time.Duration, len(calls))
	fails := func() {
		for i, call := range calls {
			start := time.Now()
			ctx, cancel := context.WithCancel(c.Context()) // without a deadline: the bus must not wait for one
			err := c.guard(call.name, func() error { return call.prepare()(ctx) })
			cancel()
			var rejected *transport.RejectedError
			if took := time.Since(start); fastest[i] == 0 || took < fastest[i] {
				fastest[i] = took
			}
			switch {
			case err == nil:
				c.fail(call.name, wanted, "no error")
			case isContextError(err) || errors.Is(err, transport.ErrClosed):
				c.fail(call.name, wanted, "the error %q", err)
			case errors.As(err, &rejected) && rejected.Accepted != 0:
				c.fail(call.name, "an error, and Accepted 0", "a RejectedError with Accepted %d", rejected.Accepted)
			}
		}
	}
	start := time.Now()
	fails()
	before := goroutines()
	done := 0
	for done < leakRounds && (done < 2 || time.Since(start) < c.patience/4) {
		fails()
		done++
	}
	for i, call := range calls {
		if fastest[i] > c.patience/8 {
			c.fail(call.name, wanted, "an error after %v at the earliest", fastest[i])
		}
	}
	c.expectNoneLeft(fmt.Sprintf("Open and Publish without a server, %d times", done), func() []string {
		if left := newGoroutines(before); len(left) >= done {
			return left
		}
		return nil
	})
	if closer, ok := bus.(transport.Closer); ok {
		for range 2 {
			c.call("Close without a server", closer.Close)
		}
	}
}
