package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var halfChecks = []check[*busCase]{
	{"HalfWrittenPublishIsReported", "When its ctx ends or its connection breaks in the middle of a large Publish, that returns soon, with an error that says no more than is " +
		"known: a part of the messages may have been sent. A publisher that is told that nothing was sent doubles that part, and one that still waits " +
		"stands still for as long as the network does.", halfWrittenPublishIsReported},
}

// halfWrittenPublishIsReported publishes more than the buffers of connections hold while the medium is stalled, so that a part of it is on its way.
func halfWrittenPublishIsReported(c *busCase) {
	if c.harness.Stall == nil {
		c.Skip("Harness.Stall is nil: not proven")
	}
	one, two := c.bus(), c.bus()
	l := c.ledger(one, two)
	each := c.patience
	for range 3 { // the machine may be busy for a moment
		start := time.Now()
		l.must("Publish 20 messages", small(20)...)
		each = min(each, time.Since(start)/20)
	}
	size := l.fit(4 << 10)
	sizes := slices.Repeat([]int{size}, c.scale(8<<20, 32<<20)/size)
	if time.Duration(len(sizes))*each > max(c.patience/2, 5*time.Second) {
		c.Skipf("a Publish of %d messages takes too long: not proven", len(sizes))
	}
	start := time.Now()
	l.must("Publish "+plural(len(sizes)), sizes...)
	moment := min(max(noticeable, time.Since(start)), c.patience/4)
	for range c.scale(1, 10) {
		called := fmt.Sprintf("Publish %s of %d bytes, while the medium swallows everything, with a context that ends", plural(len(sizes)), size)
		resume := c.stall(one)
		msgs := l.messages(len(l.entries), sizes)
		in, start := c.deadline(moment), time.Now()
		err := c.watch(called, func() error { return one.Publish(in.ctx, msgs...) })
		c.soon(called, time.Since(start)-moment)
		l.note(called, sizes, err)
		in.judge(called, err)
		resume()
		l.must(called+", resume, Publish one message", 0)
		if c.harness.SeverPublisher != nil {
			for range 2 {
				l.breakOff(one, two, sizes, moment)
			}
		}
	}
	l.finish("Publish what breaks off in the middle", 0)
}

// breakOff breaks the connection of a Publish that has written as much as it could while the medium was stalled.
func (l *ledger) breakOff(one, two transport.Bus, sizes []int, moment time.Duration) {
	l.c.Helper()
	called := fmt.Sprintf("Publish %s of %d bytes, and sever the publisher in the middle", plural(len(sizes)), sizes[0])
	resume := l.c.stall(one)
	msgs := l.messages(len(l.entries), sizes)
	ctx, cancel := context.WithTimeout(l.c.Context(), l.c.patience)
	defer cancel()
	done := l.c.background(func() error { return one.Publish(ctx, msgs...) })
	time.Sleep(moment)
	resume()
	l.c.does("Harness.SeverPublisher")
	l.c.harness.SeverPublisher(l.c.TB, one)
	err := l.c.watch(called, func() error { return <-done })
	e := l.note(called, sizes, err)
	e.broken = err != nil
	if err == nil {
		l.receiver.wait(len(l.entries)-1, len(sizes)-1, l.c.patience)
	}
	if l.receiver.broken() { // it used the same connection
		e.lost = true
		l.reopen(called, two)
	}
	l.afterOutage(called, small(1))
}
