package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// DialectHarness tells the suite which dialect to check, and for which buses it is.
type DialectHarness struct {
	// Dialect is the dialect to check. Required.
	Dialect dialect.Dialect

	// Limits are those of the buses that the dialect is for. Most checks run once for each. If there are none, they
	// are those of PostgreSQL (text of at most 7999 bytes, channels of at most 63) and of a bus without limits.
	Limits []transport.Limits

	// Codec is Options.Codec. It may be nil.
	Codec codec.Codec

	// NewBus returns the bus for Options.Bus. Two nodes of a check have the same bus. By default it is a memory.Hub.
	NewBus func(tb testing.TB) transport.Bus

	// Sever breaks the connections of a bus that NewBus has returned, those of a transport.Roster among them. The
	// default bus needs none.
	Sever func(tb testing.TB, bus transport.Bus)

	// Patience is how long a check waits for something that must happen on the bus of NewBus. 0 means 10 seconds.
	Patience time.Duration

	// MaxKept is the maximum memory, in bytes, in which one Wire keeps the pieces of incomplete messages. 0 means 64
	// MiB.
	MaxKept int
}

// Dialect runs the checks of the promises of package dialect, and of the optional interfaces that the Wire of the
// dialect implements. It is for authors of a dialect.
//
// A dialect need not have a message for everything. Where the suite sends something that it may lack, a
// *fault.UnsupportedError is accepted. What Append accepts has to arrive, compared by its meaning as in Codec. Messages
// that do not name their sender are accepted as well, if the others of their type do not name it either. So are rooms
// that arrive as a codec.ListRoomsResponse instead of a codec.SocketRoomsResponse.
func Dialect(t *testing.T, h DialectHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h DialectHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.Dialect == nil {
		t.Fatal("conformance: DialectHarness.Dialect is required, but nil")
	}
	runChecks(t, h.newSuite(soak), dialectChecks(), func(c *checker) *dialectChecker { return newDialectChecker(c, h) })
}

func (h DialectHarness) newSuite(soak bool) *suite { return newSuite("Dialect", soak, h.Patience, nil) }

// dialectChecks returns the checks in the order in which an author should make them pass.
func dialectChecks() []check[*dialectChecker] {
	return slices.Concat(dialectOpenChecks, dialectTypeChecks, dialectDataChecks, dialectAppendChecks,
		dialectChannelChecks, dialectNamespaceChecks, dialectForeignChecks, splitChecks, attachChecks,
		dialectPeekChecks, dialectAnswerChecks, overlapChecks, censusChecks, countedChecks, roomChecks,
		dialectUseChecks)
}

const samplePrefix = "socket.io"

// postgresLimits are the limits of PostgreSQL's NOTIFY.
var postgresLimits = transport.Limits{Payload: 7999, Channel: 63, Text: true, Distinct: true}

// dialectChecker runs one check of a dialect.
type dialectChecker struct {
	*checker
	harness DialectHarness
	data    *codecChecker // makes samples; it has no codec
	bus     transport.Bus
}

func newDialectChecker(c *checker, h DialectHarness) *dialectChecker {
	if len(h.Limits) == 0 {
		h.Limits = []transport.Limits{postgresLimits, {}}
	}
	if h.MaxKept == 0 {
		h.MaxKept = 64 << 20
	}
	if h.NewBus == nil {
		h.NewBus = func(testing.TB) transport.Bus { return memory.NewHub() }
		h.Sever = func(_ testing.TB, bus transport.Bus) { bus.(*memory.Hub).Sever(nil) }
	}
	d := &dialectChecker{checker: c, harness: h, data: &codecChecker{checker: c}}
	d.bus = h.NewBus(c.TB)
	return d
}

// options returns the options of a node on a bus with the given limits.
func (c *dialectChecker) options(limits transport.Limits) dialect.Options {
	return dialect.Options{Prefix: samplePrefix, Codec: c.harness.Codec, Limits: limits, Bus: c.bus}
}

// eachBus calls f with a node on each kind of bus.
func (c *dialectChecker) eachBus(f func(n *wireNode)) {
	c.Helper()
	for _, limits := range c.harness.Limits {
		f(c.open(c.options(limits)))
	}
}

// open returns a node.
func (c *dialectChecker) open(o dialect.Options) *wireNode {
	c.Helper()
	w, err := c.tryOpen(o)
	if err != nil {
		c.fail("Open with "+showOptions(o), "no error", "the error %q", err)
	}
	return c.newNode(w, o)
}

func (c *dialectChecker) newNode(w dialect.Wire, o dialect.Options) *wireNode {
	n := &wireNode{dialectChecker: c, wire: w, options: o, named: make(map[string]bool)}
	switch w.(type) {
	case dialect.Census, dialect.Counted:
		n.census = true
	}
	return n
}

// tryOpen calls Open. It must not panic, and must return either a Wire or an error.
func (c *dialectChecker) tryOpen(o dialect.Options) (w dialect.Wire, err error) {
	c.Helper()
	called := "Open with " + showOptions(o)
	c.data.guardPanic(called, func() { w, err = c.harness.Dialect.Open(o) })
	if (w == nil) == (err == nil) {
		c.fail(called, "a Wire or an error", "the Wire %v and the error %v", w, err)
	}
	return w, err
}
