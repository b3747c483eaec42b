package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var partialPublishChecks = []check[*busChecker]{
	{"HalfWrittenPublishIsReported", "transport.Bus.Publish",
		"When its ctx ends or its connection breaks in the middle of a large Publish, Publish returns soon, and " +
			"its error does not claim more than is known: some of the messages may have been sent. A publisher that " +
			"learns that nothing was sent sends that part again, and one that still waits hangs for as long as the " +
			"network does.", halfWrittenPublishIsReported},
}

// halfWrittenPublishIsReported publishes more than connection buffers hold while the medium is stalled, so that
// part of it is in flight.
func halfWrittenPublishIsReported(c *busChecker) {
	if c.harness.Stall == nil {
		c.Skip("Harness.Stall is nil: not checked")
	}
	one, two := c.newBus(), c.newBus()
	rec := c.newRecorder(one, two)
	each := c.patience
	for range 3 { // the machine may be busy for a moment
		start := time.Now()
		rec.mustPublish("Publish 20 messages", tinySizes(20)...)
		each = min(each, time.Since(start)/20)
	}
	size := rec.fitSize(4 << 10)
	sizes := slices.Repeat([]int{size}, c.scale(8<<20, 32<<20)/size)
	if time.Duration(len(sizes))*each > max(c.patience/2, 5*time.Second) {
		c.Skipf("a Publish of %d messages takes too long: not checked", len(sizes))
	}
	start := time.Now()
	rec.mustPublish("Publish "+countMessages(len(sizes)), sizes...)
	moment := min(max(slowCallTime, time.Since(start)), c.patience/4)
	for range c.scale(1, 10) {
		called := fmt.Sprintf("Publish %s of %d bytes, while the medium is stalled, with a context that ends",
			countMessages(len(sizes)), size)
		resume := c.stall(one)
		msgs := rec.messages(len(rec.calls), sizes)
		in, start := c.deadlineAfter(moment), time.Now()
		err := c.guard(called, func() error { return one.Publish(in.ctx, msgs...) })
		c.expectPromptReturn(called, time.Since(start)-moment)
		rec.recordCall(called, sizes, err)
		in.checkError(called, err)
		resume()
		rec.mustPublish(called+", resume, Publish one message", 0)
		if c.harness.SeverPublisher != nil {
			for range 2 {
				rec.severDuringPublish(one, two, sizes, moment)
			}
		}
	}
	rec.finish("Publish large batches that are interrupted", 0)
}

// severDuringPublish breaks the connection of a Publish that has written as much as it could while the medium
// was stalled.
func (r *recorder) severDuringPublish(one, two transport.Bus, sizes []int, moment time.Duration) {
	r.c.Helper()
	called := fmt.Sprintf("Publish %s of %d bytes, and sever the publisher in the middle", countMessages(len(sizes)),
		sizes[0])
	resume := r.c.stall(one)
	msgs := r.messages(len(r.calls), sizes)
	ctx, cancel := context.WithTimeout(r.c.Context(), r.c.patience)
	defer cancel()
	done := r.c.runInBackground(func() error { return one.Publish(ctx, msgs...) })
	time.Sleep(moment)
	resume()
	r.c.noteCall("Harness.SeverPublisher")
	r.c.harness.SeverPublisher(r.c.TB, one)
	err := r.c.guard(called, func() error { return <-done })
	r.recordCall(called, sizes, err).mayBeLate = err != nil
	last := len(r.calls) - 1
	if err == nil {
		r.received.waitFor(last, len(sizes)-1, r.c.patience)
	}
	r.continueAfterOutage(called, two, last, r.received.hasEnded()) // the session may have used the same connection
}
