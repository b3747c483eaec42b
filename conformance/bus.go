package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Harness tells the suite how to create buses and how to inject faults.
type Harness struct {
	// NewBus returns a bus on the same medium as the other buses of this test: what one bus publishes, the
	// sessions of all buses receive. NewBus registers the release of the bus with tb.Cleanup. Each check uses
	// its own channel names of up to Limits.Channel bytes, so that many checks can share one medium. Required.
	NewBus func(tb testing.TB) transport.Bus

	// Sever breaks the connections of all open sessions of bus, as an outage would, without closing the
	// sessions. It returns once the connections are broken; the sessions may notice later. Afterwards the
	// medium works again.
	Sever func(tb testing.TB, bus transport.Bus)

	// SeverPublisher breaks the connections on which bus publishes, as an outage would, and returns once they
	// are broken. Afterwards the medium works again. If it is nil, the checks of Publish after an outage use
	// Sever only.
	SeverPublisher func(tb testing.TB, bus transport.Bus)

	// NoServer returns a bus whose server cannot be reached, such as a bus with the address of a closed port.
	NoServer func(tb testing.TB) transport.Bus

	// Stall makes the medium hold back all traffic, without closing a connection, until the test calls resume.
	// A call in progress can then only end with its context.
	Stall func(tb testing.TB, bus transport.Bus) (resume func())

	// Foreign shows a name in the roster of bus, as another program does, until leave is called. It is only for
	// a bus that is a transport.Roster.
	Foreign func(tb testing.TB, bus transport.Bus, name string) (leave func())

	// SeverEntries breaks the connections of all entries of bus, as Sever does those of its sessions. It is only
	// for a bus that is a transport.Roster.
	SeverEntries func(tb testing.TB, bus transport.Bus)

	// Leftovers lists what closed sessions have left outside this process, such as connections or temporary
	// queues: one line each, empty if nothing is left. The suite calls it repeatedly until the list is empty or
	// Patience has passed.
	Leftovers func(tb testing.TB) []string

	// Patience is how long a check waits for something that must happen. The default is 10 seconds plus 40
	// times the measured latency of a message.
	Patience time.Duration
}

// Bus runs the checks of the promises of transport.Bus and transport.Session.
func Bus(t *testing.T, h Harness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h Harness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewBus == nil {
		t.Fatal("conformance: Harness.NewBus is required, but nil")
	}
	runChecks(t, h.newSuite(soak), busChecks(), func(c *checker) *busChecker { return newBusChecker(c, h) })
}

func (h Harness) newSuite(soak bool) *suite { return newSuite("Bus", soak, h.Patience, h.measure) }

// measure returns the time from Publish to Receive, or the time of a Listen if that is longer.
func (h Harness) measure(ctx context.Context, tb testing.TB) time.Duration {
	c := &busChecker{harness: h, channelPrefix: newID()}
	bus := h.NewBus(tb)
	return measureBus(ctx, bus, func(name string) string { return c.channel(name) })
}

// measureBus returns the median of three measurements, or 0 if a call fails.
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

// busChecks returns the checks in the order in which the author of a bus should make them pass.
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
		prefixChecks,
		counterChecks,
		rosterChecks,
		rosterEndChecks,
		severChecks,
		outageChecks,
		lossChecks,
		slowChecks,
		leakChecks,
	)
}
