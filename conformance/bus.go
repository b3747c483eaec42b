package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Harness tells the suite how to use a bus.
type Harness struct {
	// NewBus returns a bus that is joined to the same medium as the other buses made in this test: what one
	// publishes, all receive. It releases what the bus holds in tb.Cleanup. Checks use channel names of their
	// own, of at least 32 bytes, so one medium may serve many checks. Required.
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

	// Patience is how long a check waits for what must happen. The default is 10 seconds.
	Patience time.Duration
}

// Bus proves that a bus keeps the promises of transport.Bus and transport.Session.
func Bus(t *testing.T, h Harness) {
	t.Helper()
	if h.NewBus == nil {
		t.Fatal("conformance: Harness.NewBus is nil, but required")
	}
	run(t, busChecks(), func(tb testing.TB, c check[*busCase]) *busCase { return newBusCase(tb, c, h) })
}

// busChecks returns the checks in the order in which an author of a bus wants them to pass.
func busChecks() []check[*busCase] {
	return slices.Concat(deliveryChecks, orderChecks, listenChecks, receiveChecks, contentChecks, nameChecks, limitChecks,
		concurrencyChecks, closeChecks, severChecks, leftoverChecks)
}
