package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var interruptChecks = []check[*busChecker]{
	{"InterruptedPublishIsNotSentLater", "transport.Bus.Publish",
		"A Publish whose ctx ends has sent a prefix of its messages, each once, and none after a message of a " +
			"later Publish; the next Publish works. After the caller gave up \"your turn\" and sent \"game over\", " +
			"\"your turn\" must not arrive.", interruptedPublishIsNotSentLater},
	{"UnsentMessagesDoNotArrive", "transport.ErrNotSent",
		"ErrNotSent, and a RejectedError for all but its first Accepted messages, guarantee that a message was " +
			"not sent, and that the others were. The caller sends the rest again, which would otherwise arrive twice " +
			"or never.", unsentMessagesDoNotArrive},
}

// batchShapes returns the payload sizes of several kinds of batches.
func (r *recorder) batchShapes(large int) [][]int {
	mixed := make([]int, 60)
	for i := range mixed {
		mixed[i] = r.fitSize([]int{0, 100, 1000, 4000}[i%4])
	}
	return [][]int{tinySizes(1), {r.fitSize(4 << 10)}, tinySizes(20), {r.fitSize(64 << 10)}, mixed, tinySizes(large),
		{r.fitSize(r.c.scale(256<<10, 4<<20)), 0, 0}, tinySizes(2)}
}

func interruptedPublishIsNotSentLater(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	rec := c.newRecorder(one, two)
	shapes := rec.batchShapes(c.scale(1500, 20000))
	latencies := make([]callLatency, len(shapes))
	for i, shape := range shapes {
		for round := 0; round < 3 && latencies[i].last < slowCallTime; round++ {
			start := time.Now()
			rec.mustPublish("Publish "+countMessages(len(shape)), shape...)
			latencies[i].add(time.Since(start))
		}
	}
	n := 0
	interrupt := func() {
		rounds, budget := c.scale(96, 5000), time.Duration(c.scale(200, 20000))*time.Millisecond
		least := 8 * len(shapes)
		if rec.isSlow() {
			least = 2 * len(shapes)
		}
		start := time.Now()
		for attempt := 0; attempt < rounds && (attempt < least || time.Since(start) < budget); attempt++ {
			kind := n % len(shapes)
			if len(shapes[kind]) > 500 && n%(3*len(shapes)) != kind { // a large batch takes long
				kind = 0
			}
			rec.spread = n%2 == 1
			called := "Publish " + countMessages(len(shapes[kind])) + " with a context that ends during the call"
			in, began := c.interruption(n, latencies[kind].estimate(n/3)), time.Now()
			err := rec.tryPublish(in.ctx, called, shapes[kind]...)
			if err == nil {
				latencies[kind].add(time.Since(began))
			}
			in.checkError(called, err)
			if n%4 != 3 {
				rec.mustPublish(called+", Publish one message with a context that does not end", 0)
			}
			n++
		}
	}
	interrupt()
	rec.publishSmall(5000) // some bugs only appear after many messages
	interrupt()
	if c.harness.Stall != nil {
		for n, shape := range shapes {
			called := "Publish " + countMessages(len(shape)) + " with a context that ends, while the medium is stalled"
			resume := c.stall(one)
			in := c.deadlineAfter(max(latencies[n].fastest, time.Millisecond))
			in.checkError(called, rec.tryPublish(in.ctx, called, shape...))
			if n%3 == 2 { // two interrupted calls in a row
				in := c.cancelledAfter(time.Millisecond)
				in.checkError(called, rec.tryPublish(in.ctx, called, shape...))
			}
			resume()
			rec.mustPublish(called+", resume, Publish", 0)
		}
	}
	rec.finish("Publish with contexts that end during the call", rec.settleTime())
}

// countMessages returns "one message" or the number of messages.
func countMessages(n int) string {
	if n == 1 {
		return "one message"
	}
	return fmt.Sprint(n, " messages")
}

// forbiddenMessage is a message that the limits of a bus forbid.
type forbiddenMessage struct {
	what string
	m    transport.Message
}

func (c *busChecker) forbiddenMessages(limits transport.Limits) (all []forbiddenMessage) {
	add := func(what, channel string, p string) {
		all = append(all, forbiddenMessage{what, c.message(channel, p)})
	}
	if limits.Payload > 0 {
		add("a payload one byte over the limit", "a", strings.Repeat("x", limits.Payload+1))
	}
	if limits.Channel > 0 {
		add("a channel name one byte over the limit", strings.Repeat("n", limits.Channel+1-len(c.channel(""))), "x")
	}
	if limits.Text {
		add("a payload with NUL", "a", "a\x00b")
		add("a payload that is not UTF-8", "a", "a\xffb")
	}
	return all
}

func unsentMessagesDoNotArrive(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	bad := c.forbiddenMessages(one.Limits())
	if len(bad) == 0 {
		c.Skip("the bus has no limits: it rejects nothing")
	}
	rec := c.newRecorder(one, two)
	type place struct{ before, after int }
	places := []place{{0, 0}, {0, 99}, {1, 98}, {50, 49}, {99, 0}, {63, 2}, {64, 2}, {257, 1}, {1023, 1}, {1024, 1},
		{2500, 2499}, {4999, 0}}
	refuse := func(after string) {
		for i := range max(len(places), len(bad)) {
			at, b := places[i%len(places)], bad[i%len(bad)]
			rec.spread = i%2 == 0
			called := fmt.Sprintf("%sPublish %s, of which message %d is %s", after,
				countMessages(at.before+1+at.after), at.before+1, b.what)
			rec.publishRefused(called, at.before, at.after, b.m)
			if after != "" && i == 0 {
				// A bus that rejects without asking its server has not noticed yet that the connection is
				// broken.
				_ = rec.tryPublish(rec.c.Context(), called+", Publish one message", 0)
			}
			rec.mustPublish(called+", Publish one message", 0)
		}
	}
	refuse("")
	places = places[:4]
	for _, sever := range c.severHooks() {
		sever.sever(one)
		rec.resumeWithNewSession("Publish, and "+sever.name, two)
		refuse(sever.name + ", ")
	}
	rec.finish("Publish rejected batches", 0)
}

// publishRefused publishes bad among good messages. Publish must fail, and must not have sent bad or the
// messages after it.
func (r *recorder) publishRefused(called string, before, after int, bad transport.Message) {
	r.c.Helper()
	sizes := tinySizes(before + 1 + after)
	msgs := r.messages(len(r.calls), sizes)
	msgs[before] = bad
	err := r.c.call(called, func(ctx context.Context) error { return r.bus.Publish(ctx, msgs...) })
	if err == nil {
		r.c.fail(called, "an error", "no error")
	}
	e := r.recordCall(called, sizes, err)
	if e.atLeast > before {
		r.c.fail(called, fmt.Sprintf("Accepted at most %d", before), "a RejectedError with Accepted %d", e.atLeast)
	}
	e.atMost = min(e.atMost, before)
	if errors.Is(err, transport.ErrClosed) {
		r.c.fail(called, "an error other than ErrClosed: nobody has closed the bus", "the error %q", err)
	}
}
