package conformance

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

// compare compares what was published with what has arrived. If complete is true, everything must have arrived.
func (r *recorder) compare(called string, complete bool) {
	r.c.Helper()
	then := called + ", then Receive"
	counts := make([]int, len(r.calls))
	latest := 0
	for _, a := range r.received.arrivals() {
		if a.unexpected == "" && (a.publish >= len(r.calls) || a.message >= len(r.calls[a.publish].sizes)) {
			a.unexpected = fmt.Sprintf("message %d of Publish %d", a.message+1, a.publish+1)
		}
		if a.unexpected != "" {
			r.c.fail(then, "the published messages only", "%s", a.unexpected)
		}
		which := fmt.Sprintf("message %d of Publish %d", a.message+1, a.publish+1)
		e := r.calls[a.publish]
		if e.unknown {
			continue
		}
		switch {
		case a.size != max(e.sizes[a.message], len(recordedPayload(a.publish, a.message, 0))) ||
			a.channel != r.channelOf(a.message, e.spread):
			r.c.fail(then, fmt.Sprintf("%s with %d bytes on %s", which, e.sizes[a.message],
				quote(r.channelOf(a.message, e.spread))), "%d bytes on %s", a.size, quote(a.channel))
		case a.message < counts[a.publish]:
			r.c.fail(then, "each message once", "%s twice; its Publish returned %s", which, e.outcome())
		case a.publish < latest && !e.mayBeLate:
			r.c.fail(then, "no message of a Publish after a message of a later one",
				"%s, which returned %s, after a message of Publish %d",
				which, e.outcome(), latest+1)
		case a.message > counts[a.publish]:
			r.c.fail(then, "the messages of a Publish from the first on, without a gap",
				"%s but not message %d; its Publish returned %s",
				which, counts[a.publish]+1, e.outcome())
		case a.message >= e.atMost:
			r.c.fail(then, fmt.Sprintf("only the first %d messages of Publish %d, which returned %s", e.atMost,
				a.publish+1, e.outcome()), "%s", which)
		}
		latest = max(latest, a.publish)
		counts[a.publish]++
	}
	for n, e := range r.calls {
		if complete && !e.unknown && counts[n] < e.atLeast {
			r.c.fail(then, fmt.Sprintf("%d messages of Publish %d, which returned %s", e.atLeast, n+1, e.outcome()),
				"%d", counts[n])
		}
	}
}

// outcome describes the result of a Publish.
func (p publishCall) outcome() string {
	var rejected *transport.RejectedError
	switch {
	case p.err == nil:
		return fmt.Sprintf("no error for %d messages", len(p.sizes))
	case errors.As(p.err, &rejected):
		return fmt.Sprintf("a RejectedError with Accepted %d for %d messages", rejected.Accepted, len(p.sizes))
	}
	return fmt.Sprintf("the error %q for %d messages", p.err, len(p.sizes))
}
