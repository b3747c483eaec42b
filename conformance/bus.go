package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Harness tells the suite how to use a bus.
type Harness struct {
	// NewBus returns a bus that is joined to the same medium as the other buses made in this test: what one
	// publishes, all receive. It releases what the bus holds in tb.Cleanup. Checks use channel names of their
	// own, of up to Limits.Channel bytes, so one medium may serve many checks. Required.
	NewBus func(tb testing.TB) transport.Bus

	// Sever breaks the connections of all open sessions of bus, as an outage would, without closing the
	// sessions, and returns once that is done: the sessions may notice it later. Afterwards the medium works.
	Sever func(tb testing.TB, bus transport.Bus)

	// SeverPublisher breaks the connections on which bus publishes, as an outage would, and returns once that is done. Afterwards the
	// medium works. If it is nil, what a Publish does after an outage is proven with Sever alone.
	SeverPublisher func(tb testing.TB, bus transport.Bus)

	// NoServer returns a bus whose server cannot be reached, such as one with the address of a closed port.
	NoServer func(tb testing.TB) transport.Bus

	// Stall makes the medium swallow everything, without closing a connection, until resume is called. What is under way then can
	// only end with its context.
	Stall func(tb testing.TB, bus transport.Bus) (resume func())

	// Leftovers tells what closed sessions left outside of this process, such as connections or temporary
	// queues: one line each, none at best. It is asked repeatedly until there is nothing, or Patience has passed.
	Leftovers func(tb testing.TB) []string

	// Patience is how long a check waits for what must happen. The default is 10 seconds, and 40 times what a message was measured to take.
	Patience time.Duration
}

// Bus proves that a bus keeps the promises of transport.Bus and transport.Session.
func Bus(t *testing.T, h Harness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h Harness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewBus == nil {
		t.Fatal("conformance: Harness.NewBus is nil, but required")
	}
	runChecks(t, h.newSuite(soak), busChecks(), func(c *checker) *busChecker { return newBusChecker(c, h) })
}

func (h Harness) newSuite(soak bool) *suite { return newSuite("Bus", soak, h.Patience, h.measure) }

// measure returns how long a message takes from Publish to Receive, or a Listen if that takes longer.
func (h Harness) measure(ctx context.Context, tb testing.TB) time.Duration {
	c := &busChecker{harness: h, channelPrefix: newID()}
	bus := h.NewBus(tb)
	return measureBus(ctx, bus, func(name string) string { return c.channel(name) })
}

// measureBus is 0 if something fails.
func measureBus(ctx context.Context, bus transport.Bus, channel func(string) string) time.Duration {
	s, err := bus.Open(ctx)
	if err != nil {
		return 0
	}
	defer s.Close(context.WithoutCancel(ctx))
	var all []time.Duration
	for i := range 3 {
		m := transport.Message{Channel: channel(fmt.Sprint("measured ", i)), Payload: []byte("measured")}
		start := time.Now()
		if s.Listen(ctx, m.Channel) != nil {
			return 0
		}
		listened := time.Now()
		if bus.Publish(ctx, m) != nil {
			return 0
		}
		if _, err := s.Receive(ctx); err != nil {
			return 0
		}
		all = append(all, max(listened.Sub(start), time.Since(listened)))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// busChecks returns the checks in the order in which an author of a bus wants them to pass.
func busChecks() []check[*busChecker] {
	return slices.Concat(
		deliveryChecks,
		volumeChecks,
		listenChecks,
		listenManyChecks,
		listenErrorChecks,
		receiveChecks,
		contextChecks,
		interruptChecks,
		partialPublishChecks,
		contentChecks,
		nameChecks,
		limitChecks,
		concurrencyChecks,
		closeChecks,
		busCloseChecks,
		severChecks,
		outageChecks,
		lossChecks,
		slowChecks,
		leakChecks,
	)
}
