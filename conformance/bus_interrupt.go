package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var interruptChecks = []check[*busCase]{
	{"InterruptedPublishIsNotSentLater", "What a Publish has left behind that its ctx has ended is a prefix of its messages, each once, and none " +
		"after a message of a later Publish; the next Publish works. After \"your turn\" was given up and \"game over\" was sent, \"your turn\" " +
		"must not come.", interruptedPublishIsNotSentLater},
	{"WhatWasNotSentDoesNotArrive", "ErrNotSent, and a RejectedError for all but its first Accepted messages, say for certain that a message was not " +
		"sent, and that the others were. Who is told so sends the rest again, and it would arrive twice, or never.", whatWasNotSentDoesNotArrive},
}

// shapes returns the sizes of the messages of one Publish, in several ways.
func (l *ledger) shapes(large int) [][]int {
	mixed := make([]int, 60)
	for i := range mixed {
		mixed[i] = l.fit([]int{0, 100, 1000, 4000}[i%4])
	}
	return [][]int{small(1), {l.fit(4 << 10)}, small(20), {l.fit(64 << 10)}, mixed, small(large), {l.fit(l.c.scale(256<<10, 4<<20)), 0, 0}, small(2)}
}

func interruptedPublishIsNotSentLater(c *busCase) {
	one, two := c.bus(), c.bus()
	l := c.ledger(one, two)
	shapes := l.shapes(c.scale(1500, 20000))
	aims := make([]aim, len(shapes))
	for i, shape := range shapes {
		for round := 0; round < 3 && aims[i].latest < noticeable; round++ {
			start := time.Now()
			l.must("Publish "+plural(len(shape)), shape...)
			aims[i].took(time.Since(start))
		}
	}
	n := 0
	interrupt := func() {
		rounds, budget := c.scale(96, 5000), time.Duration(c.scale(200, 20000))*time.Millisecond
		least := 8 * len(shapes)
		if l.slow() {
			least = 2 * len(shapes)
		}
		start := time.Now()
		for turn := 0; turn < rounds && (turn < least || time.Since(start) < budget); turn++ {
			kind := n % len(shapes)
			if len(shapes[kind]) > 500 && n%(3*len(shapes)) != kind { // they take long
				kind = 0
			}
			l.wide = n%2 == 1
			called := "Publish " + plural(len(shapes[kind])) + " with a context that ends meanwhile"
			in, began := c.interruption(n, aims[kind].at(n/3)), time.Now()
			err := l.try(in.ctx, called, shapes[kind]...)
			if err == nil {
				aims[kind].took(time.Since(began))
			}
			in.judge(called, err)
			if n%4 != 3 {
				l.must(called+", Publish another with one that does not end", 0)
			}
			n++
		}
	}
	interrupt()
	l.carry(5000) // what a bus does wrong only later
	interrupt()
	if c.harness.Stall != nil {
		for n, shape := range shapes {
			called := "Publish " + plural(len(shape)) + " with a context that ends, while the medium swallows everything"
			resume := c.stall(one)
			in := c.deadline(max(aims[n].fastest, time.Millisecond))
			in.judge(called, l.try(in.ctx, called, shape...))
			if n%3 == 2 { // two of them
				in := c.cancelled(time.Millisecond)
				in.judge(called, l.try(in.ctx, called, shape...))
			}
			resume()
			l.must(called+", resume, Publish", 0)
		}
	}
	l.finish("Publish with contexts that end meanwhile", l.afterglow())
}

func plural(n int) string {
	if n == 1 {
		return "one message"
	}
	return fmt.Sprint(n, " messages")
}

// unacceptable is what the limits of a bus forbid.
type unacceptable struct {
	what string
	m    transport.Message
}

func (c *busCase) unacceptable(limits transport.Limits) (all []unacceptable) {
	add := func(what, channel string, p string) {
		all = append(all, unacceptable{what, c.msg(channel, p)})
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

func whatWasNotSentDoesNotArrive(c *busCase) {
	one, two := c.bus(), c.bus()
	bad := c.unacceptable(one.Limits())
	if len(bad) == 0 {
		c.Skip("the bus has no limits: nothing is refused")
	}
	l := c.ledger(one, two)
	type place struct{ before, after int }
	places := []place{{0, 0}, {0, 99}, {1, 98}, {50, 49}, {99, 0}, {63, 2}, {64, 2}, {257, 1}, {1023, 1}, {1024, 1}, {2500, 2499}, {4999, 0}}
	refuse := func(after string) {
		for turn := range max(len(places), len(bad)) {
			at, b := places[turn%len(places)], bad[turn%len(bad)]
			l.wide = turn%2 == 0
			called := fmt.Sprintf("%sPublish %s, of which message %d is %s", after, plural(at.before+1+at.after), at.before+1, b.what)
			l.refused(called, at.before, at.after, b.m)
			if after != "" && turn == 0 {
				// A bus that refuses without asking its server has not noticed yet that the connection is broken.
				_ = l.try(l.c.Context(), called+", Publish one message", 0)
			}
			l.must(called+", Publish one message", 0)
		}
	}
	refuse("")
	places = places[:4]
	for _, sever := range c.outages() {
		sever.call(one)
		l.reopen("Publish, and "+sever.name, two)
		refuse(sever.name + ", ")
	}
	l.finish("Publish what is refused", 0)
}

// refused publishes bad among good messages, which must fail. bad cannot have been sent, nor what comes after it.
func (l *ledger) refused(called string, before, after int, bad transport.Message) {
	l.c.Helper()
	sizes := small(before + 1 + after)
	msgs := l.messages(len(l.entries), sizes)
	msgs[before] = bad
	err := l.c.call(called, func(ctx context.Context) error { return l.bus.Publish(ctx, msgs...) })
	if err == nil {
		l.c.fail(called, "an error", "none")
	}
	e := l.note(called, sizes, err)
	if e.least > before {
		l.c.fail(called, fmt.Sprintf("an Accepted of at most %d", before), "a RejectedError with Accepted %d", e.least)
	}
	e.most = min(e.most, before)
	if errors.Is(err, transport.ErrClosed) {
		l.c.fail(called, "an error that is not ErrClosed: nobody has closed the bus", "the error %q", err)
	}
}
