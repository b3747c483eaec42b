package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// ledger holds what one goroutine publishes on one bus, also what fails, and what of it arrives at one session. At the end both
// are compared: after each Publish the messages that arrived must be those that its error allows, once and in order.
type ledger struct {
	c        *busCase
	bus      transport.Bus
	channels []string // that the session listens to
	wide     bool     // each Publish uses all channels in turn, not only the first
	entries  []entry
	receiver *receiver
	began    time.Time
	fastest  time.Duration // from Publish to Receive, until now
}

// entry is one Publish.
type entry struct {
	sizes       []int // of the payloads
	wide        bool
	err         error
	least, most int  // how many messages arrive, from the first on
	lost        bool // nobody knows: the session broke meanwhile
	broken      bool // its connection broke: what the server had read already may arrive after what comes over another one
}

// ledger starts to receive what is published on some channels.
func (c *busCase) ledger(bus, receiving transport.Bus) *ledger {
	c.Helper()
	l := &ledger{c: c, bus: bus, began: time.Now(), fastest: c.patience}
	c.ledgers++
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		l.channels = append(l.channels, fmt.Sprint(name, c.ledgers))
	}
	l.listen(receiving)
	return l
}

func (l *ledger) listen(bus transport.Bus) {
	l.c.Helper()
	s := l.c.open(bus)
	if multi, ok := s.(transport.MultiListener); ok {
		names := make([]string, len(l.channels))
		for i, name := range l.channels {
			names[i] = l.c.channel(name)
		}
		l.c.must("ListenAll", func(ctx context.Context) error { return multi.ListenAll(ctx, names...) })
	} else {
		for _, name := range l.channels {
			l.c.listen(s, name)
		}
	}
	l.receiver = l.c.receiver(s)
}

// reopen goes on with a new session: the old one was severed. What was published before has arrived, and must not arrive again.
func (l *ledger) reopen(called string, receiving transport.Bus) {
	l.c.Helper()
	l.judge(called, true)
	for n := range l.entries {
		if e := &l.entries[n]; !e.lost {
			e.least, e.most = 0, 0
		}
	}
	l.listen(receiving)
}

// payload is message i of the n-th Publish. It begins with these numbers, and is never shorter than they are.
func payload(n, i, size int) []byte {
	p := fmt.Appendf(make([]byte, 0, max(size, 16)), "%d.%d:", n, i)
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for k := n + i; len(p) < size; k = len(p) / 97 { // which differs from place to place
		rest := letters[k%len(letters):]
		p = append(p, rest[:min(len(rest), size-len(p))]...)
	}
	return p
}

// messages returns those of the n-th Publish.
func (l *ledger) messages(n int, sizes []int) []transport.Message {
	msgs := make([]transport.Message, len(sizes))
	for i, size := range sizes {
		msgs[i] = transport.Message{Channel: l.channel(i, l.wide), Payload: payload(n, i, size)}
	}
	return msgs
}

func (l *ledger) channel(i int, wide bool) string {
	if !wide {
		i = 0
	}
	return l.c.channel(l.channels[i%len(l.channels)])
}

// small returns the sizes of n small messages.
func small(n int) []int { return make([]int, n) }

// fit returns the size of a payload that is allowed.
func (l *ledger) fit(size int) int {
	if limit := l.bus.Limits().Payload; limit > 0 {
		return min(size, limit)
	}
	return size
}

// try publishes messages of certain sizes and takes down what comes of it.
func (l *ledger) try(ctx context.Context, called string, sizes ...int) error {
	l.c.Helper()
	msgs := l.messages(len(l.entries), sizes)
	err := l.c.watch(called, func() error { return l.bus.Publish(ctx, msgs...) })
	for _, m := range msgs { // they are not retained, not even those that are still under way
		overwrite(m.Payload)
	}
	l.note(called, sizes, err)
	return err
}

// note takes down what came of a Publish.
func (l *ledger) note(called string, sizes []int, err error) *entry {
	l.c.Helper()
	e := entry{sizes: sizes, wide: l.wide, err: err, most: len(sizes)}
	var rejected *transport.RejectedError
	switch {
	case err == nil:
		e.least = len(sizes)
	case errors.As(err, &rejected):
		if rejected.Accepted < 0 || rejected.Accepted > len(sizes) {
			l.c.fail(called, fmt.Sprintf("an Accepted from 0 to %d", len(sizes)), "a RejectedError with Accepted %d", rejected.Accepted)
		}
		e.least, e.most = rejected.Accepted, rejected.Accepted
	case errors.Is(err, transport.ErrClosed):
		l.c.fail(called, "an error that does not say that the bus was closed: nobody has done that", "the error %q", err)
	case errors.Is(err, transport.ErrNotSent):
		e.most = 0
	}
	l.entries = append(l.entries, e)
	return &l.entries[len(l.entries)-1]
}

// must publishes messages of certain sizes, which must work, and waits until they have arrived.
func (l *ledger) must(called string, sizes ...int) {
	l.c.Helper()
	ctx, cancel := context.WithTimeout(l.c.Context(), l.c.patience)
	defer cancel()
	start := time.Now()
	if err := l.try(ctx, called, sizes...); err != nil {
		l.c.fail(called, "no error", "the error %q", err)
	}
	l.sync(called)
	l.fastest = min(l.fastest, time.Since(start))
}

// slow tells whether the bus is slow, and not only a machine that is busy. Then there are fewer messages.
func (l *ledger) slow() bool { return l.fastest > noticeable }

// carry publishes n small messages in batches.
func (l *ledger) carry(n int) {
	l.c.Helper()
	for ; n > 0; n -= 500 {
		l.must("Publish up to 500 small messages", small(min(n, 500))...)
	}
}

// sync waits until what was published last has arrived. That must have succeeded.
func (l *ledger) sync(called string) {
	l.c.Helper()
	last := len(l.entries) - 1
	index := len(l.entries[last].sizes) - 1
	if !l.receiver.wait(last, index, l.c.patience) {
		l.judge(called, false)
		l.c.fail(called+", then Receive", fmt.Sprintf("the last message of Publish %d", last+1), "%s", l.receiver.silence(l.c.patience))
	}
}

// stream publishes batches in the background until stop is called, which tells whether the session has ended meanwhile.
func (l *ledger) stream(called string, sizes ...int) (stop func() (broken bool)) {
	l.c.Helper()
	var errs []error
	first := len(l.entries)
	started, stopped := make(chan struct{}), make(chan struct{})
	done := l.c.background(func() error {
		for n := 0; ; n++ {
			select {
			case <-stopped:
				return nil
			case <-l.c.Context().Done(): // the check has failed meanwhile
				return nil
			default:
			}
			if n == 3 {
				close(started)
			}
			ctx, cancel := context.WithTimeout(l.c.Context(), l.c.patience)
			err := l.bus.Publish(ctx, l.messages(first+n, sizes)...)
			cancel()
			errs = append(errs, err)
			if err == nil && !l.receiver.wait(first+n, len(sizes)-1, l.c.patience) && !l.receiver.broken() {
				return nil // what is lost is found in the end
			}
		}
	})
	select {
	case <-started:
	case <-time.After(l.c.patience):
	}
	return func() bool {
		l.c.Helper()
		close(stopped)
		if err := l.c.watch(called, func() error { return <-done }); err != nil {
			l.c.fail(called, "no panic", "the error %q", err)
		}
		for _, err := range errs {
			if err != nil && ofContext(err) {
				l.c.fail(called, "no error of a context: its own has not ended", "the error %q", err)
			}
			l.note(called, sizes, err).broken = err != nil
		}
		return l.receiver.broken()
	}
}

// afterglow is how long a bus is watched after the last call that was interrupted: a client that sends again waits a while before. In the quick
// profile it is a part of the time that the check takes anyway.
func (l *ledger) afterglow() time.Duration {
	const least, most = 60 * time.Millisecond, 600 * time.Millisecond
	return time.Duration(l.c.scale(1, 5)) * max(least, min(time.Since(l.began)/2, most))
}

// finish ends with a Publish that works, and compares. What was published before must not arrive after it, nor for a while.
func (l *ledger) finish(called string, watch time.Duration) {
	l.c.Helper()
	for start, n := time.Now(), 0; n < 2 || time.Since(start) < watch; n++ {
		l.must(called+", Publish one message", 0)
		time.Sleep(watch / 10)
	}
	l.judge(called, true)
}

// judge compares what was published with what has arrived. If complete, everything must have.
func (l *ledger) judge(called string, complete bool) {
	l.c.Helper()
	then := called + ", then Receive"
	counts := make([]int, len(l.entries))
	latest := 0
	for _, a := range l.receiver.arrivals() {
		if a.odd == "" && (a.n >= len(l.entries) || a.i >= len(l.entries[a.n].sizes)) {
			a.odd = fmt.Sprintf("message %d of Publish %d", a.i+1, a.n+1)
		}
		if a.odd != "" {
			l.c.fail(then, "messages as they were published", "%s", a.odd)
		}
		which := fmt.Sprintf("message %d of Publish %d", a.i+1, a.n+1)
		e := l.entries[a.n]
		if e.lost {
			continue
		}
		switch {
		case a.size != max(e.sizes[a.i], len(payload(a.n, a.i, 0))) || a.channel != l.channel(a.i, e.wide):
			l.c.fail(then, fmt.Sprintf("%s with %d bytes on %s", which, e.sizes[a.i], quote(l.channel(a.i, e.wide))), "%d bytes on %s", a.size, quote(a.channel))
		case a.i < counts[a.n]:
			l.c.fail(then, "each message once", "%s again; that Publish returned %s", which, e.outcome())
		case a.n < latest && !e.broken:
			l.c.fail(then, "nothing of a Publish after a message of a later one", "%s, which returned %s, after a message of Publish %d",
				which, e.outcome(), latest+1)
		case a.i > counts[a.n]:
			l.c.fail(then, "the messages of a Publish from the first on, none left out", "%s without message %d; that Publish returned %s",
				which, counts[a.n]+1, e.outcome())
		case a.i >= e.most:
			l.c.fail(then, fmt.Sprintf("the first %d messages of Publish %d, which returned %s", e.most, a.n+1, e.outcome()), "%s", which)
		}
		latest = max(latest, a.n)
		counts[a.n]++
	}
	for n, e := range l.entries {
		if complete && !e.lost && counts[n] < e.least {
			l.c.fail(then, fmt.Sprintf("%d messages of Publish %d, which returned %s", e.least, n+1, e.outcome()), "%d", counts[n])
		}
	}
}

func (e entry) outcome() string {
	var rejected *transport.RejectedError
	switch {
	case e.err == nil:
		return fmt.Sprintf("no error for %d messages", len(e.sizes))
	case errors.As(e.err, &rejected):
		return fmt.Sprintf("a RejectedError with Accepted %d for %d messages", rejected.Accepted, len(e.sizes))
	}
	return fmt.Sprintf("the error %q for %d messages", e.err, len(e.sizes))
}
