package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// recorder records what one goroutine publishes on one bus, including what fails, and what arrives at one
// session. At the end it compares the two: of each Publish, the messages that its error allows must have
// arrived, once and in order.
type recorder struct {
	c        *busChecker
	bus      transport.Bus
	channels []string // that the session listens to
	spread   bool     // each Publish uses all channels in turn, not only the first
	calls    []publishCall
	received *receiverLoop
	started  time.Time
	fastest  time.Duration // shortest time from Publish to Receive so far
}

// publishCall is one call of Publish.
type publishCall struct {
	sizes           []int // of the payloads
	spread          bool
	err             error
	atLeast, atMost int  // how many messages arrive, counted from the first
	unknown         bool // any of them may have arrived: the session broke at the same time
	// What the server had read from the broken connection may arrive after messages of a new connection.
	mayBeLate bool
}

// newRecorder starts to receive what is published on five channels of its own.
func (c *busChecker) newRecorder(bus, receiving transport.Bus) *recorder {
	c.Helper()
	r := &recorder{c: c, bus: bus, started: time.Now(), fastest: c.patience}
	c.recorders++
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		r.channels = append(r.channels, fmt.Sprint(name, c.recorders))
	}
	r.startReceiving(receiving)
	return r
}

func (r *recorder) startReceiving(bus transport.Bus) {
	r.c.Helper()
	s := r.c.open(bus)
	if multi, ok := s.(transport.MultiListener); ok {
		names := make([]string, len(r.channels))
		for i, name := range r.channels {
			names[i] = r.c.channel(name)
		}
		r.c.must("ListenAll", func(ctx context.Context) error { return multi.ListenAll(ctx, names...) })
	} else {
		for _, name := range r.channels {
			r.c.listen(s, name)
		}
	}
	r.received = r.c.startReceiver(s)
}

// resumeWithNewSession continues with a new session after the old one was severed. What was published before
// has arrived, and must not arrive again.
func (r *recorder) resumeWithNewSession(called string, receiving transport.Bus) {
	r.c.Helper()
	r.compare(called, true)
	for n := range r.calls {
		if e := &r.calls[n]; !e.unknown {
			e.atLeast, e.atMost = 0, 0
		}
	}
	r.startReceiving(receiving)
}

// recordedPayload is the payload of message i of the n-th Publish. It begins with these two numbers, and is
// never shorter than they are.
func recordedPayload(n, i, size int) []byte {
	p := fmt.Appendf(make([]byte, 0, max(size, 16)), "%d.%d:", n, i)
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for k := n + i; len(p) < size; k = len(p) / 97 { // varies along the payload
		rest := letters[k%len(letters):]
		p = append(p, rest[:min(len(rest), size-len(p))]...)
	}
	return p
}

// messages returns the messages of the n-th Publish.
func (r *recorder) messages(n int, sizes []int) []transport.Message {
	msgs := make([]transport.Message, len(sizes))
	for i, size := range sizes {
		msgs[i] = transport.Message{Channel: r.channelOf(i, r.spread), Payload: recordedPayload(n, i, size)}
	}
	return msgs
}

func (r *recorder) channelOf(i int, spread bool) string {
	if !spread {
		i = 0
	}
	return r.c.channel(r.channels[i%len(r.channels)])
}

// tinySizes returns the sizes of n messages that contain nothing but their numbers.
func tinySizes(n int) []int { return make([]int, n) }

// fitSize returns size, or the limit of the bus if that is smaller.
func (r *recorder) fitSize(size int) int {
	if limit := r.bus.Limits().Payload; limit > 0 {
		return min(size, limit)
	}
	return size
}

// tryPublish publishes messages of the given sizes and records the result.
func (r *recorder) tryPublish(ctx context.Context, called string, sizes ...int) error {
	r.c.Helper()
	msgs := r.messages(len(r.calls), sizes)
	err := r.c.guard(called, func() error { return r.bus.Publish(ctx, msgs...) })
	for _, m := range msgs { // the bus must not use them any more, even if they are still in flight
		overwrite(m.Payload)
	}
	r.recordCall(called, sizes, err)
	return err
}

// recordCall records the result of a Publish.
func (r *recorder) recordCall(called string, sizes []int, err error) *publishCall {
	r.c.Helper()
	e := publishCall{sizes: sizes, spread: r.spread, err: err, atMost: len(sizes)}
	var rejected *transport.RejectedError
	switch {
	case err == nil:
		e.atLeast = len(sizes)
	case errors.As(err, &rejected):
		if rejected.Accepted < 0 || rejected.Accepted > len(sizes) {
			r.c.fail(called, fmt.Sprintf("Accepted from 0 to %d", len(sizes)), "a RejectedError with Accepted %d",
				rejected.Accepted)
		}
		e.atLeast, e.atMost = rejected.Accepted, rejected.Accepted
	case errors.Is(err, transport.ErrClosed):
		r.c.fail(called, "an error other than ErrClosed: nobody has closed the bus", "the error %q", err)
	case errors.Is(err, transport.ErrNotSent):
		e.atMost = 0
	}
	r.calls = append(r.calls, e)
	return &r.calls[len(r.calls)-1]
}

// mustPublish publishes messages of the given sizes and waits until they have arrived. It fails the check if
// Publish fails.
func (r *recorder) mustPublish(called string, sizes ...int) {
	r.c.Helper()
	ctx, cancel := context.WithTimeout(r.c.Context(), r.c.patience)
	defer cancel()
	start := time.Now()
	if err := r.tryPublish(ctx, called, sizes...); err != nil {
		r.c.fail(called, "no error", "the error %q", err)
	}
	r.waitForLast(called)
	r.fastest = min(r.fastest, time.Since(start))
}

// isSlow tells whether the bus itself is slow, not only a busy machine. Then the checks send fewer messages.
func (r *recorder) isSlow() bool { return r.fastest > slowCallTime }

// publishSmall publishes n small messages in batches.
func (r *recorder) publishSmall(n int) {
	r.c.Helper()
	for ; n > 0; n -= 500 {
		r.mustPublish("Publish up to 500 small messages", tinySizes(min(n, 500))...)
	}
}

// waitForLast waits until the last published message has arrived. Its Publish must have succeeded.
func (r *recorder) waitForLast(called string) {
	r.c.Helper()
	last := len(r.calls) - 1
	index := len(r.calls[last].sizes) - 1
	if !r.received.waitFor(last, index, r.c.patience) {
		r.compare(called, false)
		r.c.fail(called+", then Receive", fmt.Sprintf("the last message of Publish %d", last+1), "%s",
			r.received.describeSilence(r.c.patience))
	}
}

// publishInBackground publishes batches until stop is called. Stop tells whether the session has ended in
// between.
func (r *recorder) publishInBackground(called string, sizes ...int) (stop func() (broken bool)) {
	r.c.Helper()
	var errs []error
	first := len(r.calls)
	started, stopped := make(chan struct{}), make(chan struct{})
	done := r.c.runInBackground(func() error {
		for n := 0; ; n++ {
			select {
			case <-stopped:
				return nil
			case <-r.c.Context().Done(): // the check has failed
				return nil
			default:
			}
			if n == 3 {
				close(started)
			}
			ctx, cancel := context.WithTimeout(r.c.Context(), r.c.patience)
			err := r.bus.Publish(ctx, r.messages(first+n, sizes)...)
			cancel()
			errs = append(errs, err)
			if err == nil && !r.received.waitFor(first+n, len(sizes)-1, r.c.patience) && !r.received.hasEnded() {
				return nil // compare finds what is lost
			}
		}
	})
	select {
	case <-started:
	case <-time.After(r.c.patience):
	}
	return func() bool {
		r.c.Helper()
		close(stopped)
		if err := r.c.guard(called, func() error { return <-done }); err != nil {
			r.c.fail(called, "no panic", "the error %q", err)
		}
		for _, err := range errs {
			if err != nil && isContextError(err) {
				r.c.fail(called, "no context error, because its own context has not ended", "the error %q", err)
			}
			r.recordCall(called, sizes, err).mayBeLate = err != nil
		}
		return r.received.hasEnded()
	}
}

// settleTime is how long the check watches the bus after the last interrupted call, because a client that
// retries waits before it does. In the quick profile it is a fraction of the time that the check takes anyway.
func (r *recorder) settleTime() time.Duration {
	const least, most = 60 * time.Millisecond, 600 * time.Millisecond
	return time.Duration(r.c.scale(1, 5)) * max(least, min(time.Since(r.started)/2, most))
}

// finish publishes messages that must succeed for the duration watch, and compares. What was published before
// must not arrive after them.
func (r *recorder) finish(called string, watch time.Duration) {
	r.c.Helper()
	for start, n := time.Now(), 0; n < 2 || time.Since(start) < watch; n++ {
		r.mustPublish(called+", Publish one message", 0)
		time.Sleep(watch / 10)
	}
	r.compare(called, true)
}
