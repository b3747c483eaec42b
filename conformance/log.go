package conformance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// LogHarness tells the suite how to create buses that keep a log, and how to inject faults.
type LogHarness struct {
	// NewLog returns a bus on the same medium as the other buses of this test. It registers the release of the bus
	// with tb.Cleanup. If the bus is a transport.LogPreparer, the suite prepares it. Each check uses its own channel
	// names, but the checks trim the log of all channels, so no other test may use the same medium. Required.
	NewLog func(tb testing.TB) transport.Log

	// Trim makes the log forget the oldest messages of a channel, at least those up to an offset, as its limits would
	// do. It is for a bus that is not a transport.LogTrimmer.
	Trim func(tb testing.TB, log transport.Log, channel string, upTo transport.Offset)

	// NewEpoch makes the log begin a new epoch, as if it had been created again. It returns when that is done. The
	// sessions may end with an error.
	NewEpoch func(tb testing.TB, log transport.Log)

	// Crash ends the server as a failure would, while it works, and starts it again. It returns when the server can be
	// reached. The sessions end with an error.
	Crash func(tb testing.TB, log transport.Log)

	// Begin begins a transaction of the application.
	Begin func(tb testing.TB, log transport.Log) LogTransaction

	// Unwritable makes the log refuse to keep messages, as a full disk does, until the test calls repair.
	Unwritable func(tb testing.TB, log transport.Log) (repair func())

	// NoServer returns a bus whose server cannot be reached.
	NoServer func(tb testing.TB) transport.Log

	// Stall makes the medium hold back all traffic, without closing a connection, until the test calls resume.
	Stall func(tb testing.TB, log transport.Log) (resume func())

	// Patience is how long a check waits for something that must happen. The default is 10 seconds plus 40 times the
	// measured latency of a message.
	Patience time.Duration
}

// LogTransaction is a transaction of the application that appends to a log.
type LogTransaction struct {
	transport.Appender
	Commit, Rollback func(ctx context.Context) error
}

// Log runs the checks of the promises of transport.Log, and of the optional interfaces transport.LogPreparer,
// LogTrimmer, LogInspector and Outbox. A bus must also pass the suite Bus, once as it is and once as AppendingBus
// returns it.
func Log(t *testing.T, h LogHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h LogHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewLog == nil {
		t.Fatal("conformance: LogHarness.NewLog is required, but nil")
	}
	runChecks(t, h.newSuite(soak), logChecks(), func(c *checker) *logChecker { return newLogChecker(c, h) })
}

func (h LogHarness) newSuite(soak bool) *suite { return newSuite("Log", soak, h.Patience, h.measure) }

// measure returns the time from Append to ReceiveRecord, or the time of a Listen if that is longer.
func (h LogHarness) measure(ctx context.Context, tb testing.TB) time.Duration {
	log, prefix := h.NewLog(tb), newID()
	if p, ok := log.(transport.LogPreparer); ok && p.PrepareLog(ctx) != nil {
		return 0
	}
	return measureBus(ctx, AppendingBus(log), func(name string) string { return prefix + "#" + name })
}

// logChecks returns the checks in the order in which the author of a log should make them pass.
func logChecks() []check[*logChecker] {
	return slices.Concat(
		logDeliveryChecks,
		logReplayChecks,
		logReadChecks,
		logBoundsChecks,
		logPositionChecks,
		logChannelChecks,
		logOrderChecks,
		logListenChecks,
		logTransactionChecks,
		logTrimChecks,
		logEpochChecks,
		logErrorChecks,
		logContextChecks,
		logCrashChecks,
		logInspectChecks,
	)
}

// AppendingBus returns a bus whose Publish appends messages to be kept, and whose sessions are those of OpenLog. Pass
// it to the suite Bus: what is kept must be delivered as well as what is not.
func AppendingBus(log transport.Log) transport.Bus {
	b := appendingBus{log}
	if closer, ok := log.(transport.Closer); ok {
		return struct {
			appendingBus
			transport.Closer
		}{b, closer}
	}
	return b
}

type appendingBus struct{ log transport.Log }

func (b appendingBus) Limits() transport.Limits { return b.log.Limits() }

func (b appendingBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	records := make([]transport.Record, len(msgs))
	for i, m := range msgs {
		records[i] = transport.Record{Message: m, Keep: true}
	}
	return b.log.Append(ctx, records)
}

func (b appendingBus) Open(ctx context.Context) (transport.Session, error) {
	s, err := b.log.OpenLog(ctx)
	if err != nil {
		return nil, err
	}
	if multi, ok := s.(transport.MultiListener); ok {
		return multiRecordSession{recordSession{s}, multi}, nil
	}
	return recordSession{s}, nil
}

// recordSession is a session whose Receive is ReceiveRecord.
type recordSession struct{ transport.LogSession }

func (s recordSession) Receive(ctx context.Context) (transport.Message, error) {
	r, err := s.ReceiveRecord(ctx)
	return r.Message, err
}

type multiRecordSession struct {
	recordSession
	transport.MultiListener
}

// logChecker runs one check of a log.
type logChecker struct {
	*checker
	harness LogHarness
	prefix  string // starts all channel names of this check
}

func newLogChecker(c *checker, h LogHarness) *logChecker { return &logChecker{c, h, newID()} }

// channel returns a channel name that only this check uses.
func (c *logChecker) channel(name string) string { return c.prefix + "#" + name }

// newLog returns a log that is prepared.
func (c *logChecker) newLog() transport.Log {
	c.Helper()
	log := c.newUnprepared()
	if p, ok := log.(transport.LogPreparer); ok {
		c.must("PrepareLog", p.PrepareLog)
	}
	return log
}

func (c *logChecker) newUnprepared() transport.Log {
	c.Helper()
	c.noteCall("LogHarness.NewLog")
	log := c.harness.NewLog(c.TB)
	if log == nil {
		c.Fatal("conformance: LogHarness.NewLog returned nil")
	}
	return log
}

// rounds returns how often a check that takes about one latency per round repeats it.
func (c *logChecker) rounds(quick, soak int) int {
	n := c.scale(quick, soak)
	if latency := c.latency(); latency > 0 {
		n = min(n, max(5, int(defaultPatience/4/latency)))
	}
	return n
}

// pause is how long a check waits before it asks again.
const pause = 5 * time.Millisecond

func countRecords(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}
