package conformance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestLogSuite(t *testing.T) {
	suiteTest[conformance.LogHarness]{
		checks: conformance.LogChecks(),
		why:    conformance.LogWhy,
		run:    conformance.CheckLog,
		good:   func(*testing.T) conformance.LogHarness { return newLogMedium().harness() },
		mutants: slices.Concat(logDeliveryMutants, logReplayMutants, logReadMutants, logBoundsMutants,
			logPositionMutants, logChannelMutants, logOrderMutants, logTransactionMutants, logTrimMutants,
			logEpochMutants, logErrorMutants, logContextMutants, logCrashMutants, logInspectMutants),
		virtualClock: true,
	}.test(t)
}

func TestMissingLogHooksSkipByName(t *testing.T) {
	hub := memory.NewHub()
	plain := struct{ transport.Log }{hub}
	h := conformance.LogHarness{NewLog: func(testing.TB) transport.Log { return plain }}
	for check, text := range map[string]string{
		"TransactionsKeepTheOrder": "LogHarness.Begin is nil",
		"TransactionsDelayNobody":  "LogHarness.Begin is nil",
		"OutboxIsMovedOnce":        "not implement transport.Outbox",
		"TrimmedPositionIsAnError": "not implement transport.LogTrimmer, and LogHarness.Trim is nil",
		"YoungMessagesAreKept":     "not implement transport.LogTrimmer",
		"OldMessagesAreTrimmed":    "not implement transport.LogTrimmer",
		"NewEpochIsNoticed":        "LogHarness.NewEpoch is nil",
		"UnwritableLogIsAnError":   "LogHarness.Unwritable is nil",
		"UnreachableLogIsAnError":  "LogHarness.NoServer is nil",
		"StalledCallsEnd":          "LogHarness.Stall is nil",
		"CrashLosesNothing":        "LogHarness.Crash is nil",
		"LogDescribesItself":       "not implement transport.LogInspector",
		"LogCanBePreparedAtOnce":   "not implement transport.LogPreparer",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckLog(tb, check, h) })
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, text)
	}
}

// TestTrimHook shows that a log that trims itself is trimmed with the harness's hook.
func TestTrimHook(t *testing.T) {
	hub := memory.NewHub()
	h := conformance.LogHarness{
		NewLog: func(testing.TB) transport.Log { return struct{ transport.Log }{hub} },
		Trim: func(_ testing.TB, _ transport.Log, channel string, upTo transport.Offset) {
			hub.Trim(channel, upTo)
		},
	}
	for _, check := range []string{
		"TrimmedPositionIsAnError", "TrimmingKeepsThePositions", "TrimmingWhileReadingOmitsNothing",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckLog(tb, check, h) })
		require.False(t, r.failed || r.skipped, "%s: %s", check, r.text)
	}
}

// logMedium is a correct log with all optional interfaces, whose methods can be replaced.
type logMedium struct {
	*memory.Hub
	outbox *outbox

	append     func(ctx context.Context, records []transport.Record) error
	open       func(ctx context.Context) (transport.Session, error)
	openLog    func(ctx context.Context) (transport.LogSession, error)
	bounds     func(ctx context.Context, channel string) (transport.Bounds, error)
	replay     replayFunc
	latest     latestFunc
	trim       func(ctx context.Context, keep transport.Retention) error
	inspect    func(ctx context.Context, prefix string) (transport.LogInfo, error)
	prepare    func(ctx context.Context) error
	moveOutbox func(ctx context.Context) (int, bool, error)

	begin      func() conformance.LogTransaction
	crash      func()
	newEpoch   func()
	unwritable func() (repair func())
	noServer   *logMedium
}

type replayFunc func(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error)

// newLogMedium returns a correct log.
func newLogMedium() *logMedium {
	hub := memory.NewHubWithConfig(memory.Config{Limits: textLimits})
	m := &logMedium{Hub: hub, outbox: newOutbox(hub)}
	m.append, m.bounds, m.replay, m.latest, m.trim = hub.Append, hub.Bounds, hub.Replay, hub.Latest, hub.TrimLog
	m.open, m.openLog, m.inspect, m.newEpoch = hub.Open, hub.OpenLog, hub.InspectLog, hub.NewEpoch
	m.prepare = func(ctx context.Context) error { _, err := hub.Bounds(ctx, "x"); return err }
	m.moveOutbox, m.begin = m.outbox.move, m.outbox.begin
	m.crash = func() {
		hub.Fail(nil)
		hub.Sever(nil)
		hub.Heal()
	}
	m.unwritable = func() (repair func()) {
		hub.FailLog(nil)
		return hub.Heal
	}
	return m
}

func (m *logMedium) harness() conformance.LogHarness {
	return conformance.LogHarness{
		NewLog:     func(testing.TB) transport.Log { return m },
		NewEpoch:   func(testing.TB, transport.Log) { m.newEpoch() },
		Crash:      func(testing.TB, transport.Log) { m.crash() },
		Begin:      func(testing.TB, transport.Log) conformance.LogTransaction { return m.begin() },
		Unwritable: func(testing.TB, transport.Log) (repair func()) { return m.unwritable() },
		NoServer: func(testing.TB) transport.Log {
			if m.noServer == nil {
				m.noServer = newLogMedium()
			}
			m.noServer.Fail(nil)
			return m.noServer
		},
		Stall: func(testing.TB, transport.Log) (resume func()) {
			m.Stall()
			return m.Heal
		},
		Patience: time.Second,
	}
}

// breaksLog returns a mutant of a log.
func breaksLog(check, bug string, change func(m *logMedium)) mutant[conformance.LogHarness] {
	return mutant[conformance.LogHarness]{check, bug, func(*testing.T) conformance.LogHarness {
		m := newLogMedium()
		change(m)
		return m.harness()
	}}
}

func (m *logMedium) Append(ctx context.Context, records []transport.Record) error {
	return m.append(ctx, records)
}
func (m *logMedium) Open(ctx context.Context) (transport.Session, error)       { return m.open(ctx) }
func (m *logMedium) OpenLog(ctx context.Context) (transport.LogSession, error) { return m.openLog(ctx) }
func (m *logMedium) TrimLog(ctx context.Context, keep transport.Retention) error {
	return m.trim(ctx, keep)
}
func (m *logMedium) PrepareLog(ctx context.Context) error              { return m.prepare(ctx) }
func (m *logMedium) MoveOutbox(ctx context.Context) (int, bool, error) { return m.moveOutbox(ctx) }

func (m *logMedium) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	return m.bounds(ctx, channel)
}

func (m *logMedium) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	return m.replay(ctx, channel, after, limit)
}

func (m *logMedium) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	return m.latest(ctx, channel, before, limit)
}

func (m *logMedium) InspectLog(ctx context.Context, prefix string) (transport.LogInfo, error) {
	return m.inspect(ctx, prefix)
}

// changeReplayed makes a mutant change what Replay returns.
func (m *logMedium) changeReplayed(change func(records []transport.Record) []transport.Record) {
	m.replay = func(
		ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
	) ([]transport.Record, error) {
		records, err := m.Hub.Replay(ctx, channel, after, limit)
		return change(records), err
	}
}

// logSession is a session whose records are changed, or dropped.
type logSession struct {
	transport.LogSession
	receive func(ctx context.Context) (transport.Record, error)
}

func (s *logSession) ReceiveRecord(ctx context.Context) (transport.Record, error) {
	return s.receive(ctx)
}

func (s *logSession) Receive(ctx context.Context) (transport.Message, error) {
	r, err := s.receive(ctx)
	return r.Message, err
}

// changeReceived makes a mutant's sessions change each record, or drop it. Each session has a func of its own.
func (m *logMedium) changeReceived(newChange func() func(r *transport.Record) (keep bool)) {
	m.openLog = func(ctx context.Context) (transport.LogSession, error) {
		inner, err := m.Hub.OpenLog(ctx)
		if err != nil {
			return nil, err
		}
		s, change := &logSession{LogSession: inner}, newChange()
		s.receive = func(ctx context.Context) (transport.Record, error) {
			for {
				r, err := inner.ReceiveRecord(ctx)
				if err != nil || change(&r) {
					return r, err
				}
			}
		}
		return s, nil
	}
}

// changeKept is changeReceived for kept records, none of which is dropped.
func (m *logMedium) changeKept(change func(r *transport.Record)) {
	m.changeReceived(func() func(r *transport.Record) bool {
		return func(r *transport.Record) bool {
			if r.Keep {
				change(r)
			}
			return true
		}
	})
}
