package conformance_test

import (
	"context"
	"slices"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// withoutContext makes methods of a mutant ignore their contexts.
var withoutContext = map[string]func(m *logMedium){
	"Append": func(m *logMedium) {
		m.append = func(_ context.Context, records []transport.Record) error {
			return m.Hub.Append(context.Background(), records)
		}
	},
	"OpenLog": func(m *logMedium) {
		m.openLog = func(context.Context) (transport.LogSession, error) {
			return m.Hub.OpenLog(context.Background())
		}
	},
	"Bounds": func(m *logMedium) {
		m.bounds = func(_ context.Context, channel string) (transport.Bounds, error) {
			return m.Hub.Bounds(context.Background(), channel)
		}
	},
	"Replay": func(m *logMedium) {
		m.replay = func(
			_ context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Replay(context.Background(), ch, after, l)
		}
	},
	"Latest": func(m *logMedium) {
		m.latest = func(
			_ context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Latest(context.Background(), ch, before, l)
		}
	},
	"TrimLog": func(m *logMedium) {
		m.trim = func(_ context.Context, keep transport.Retention) error {
			return m.Hub.TrimLog(context.Background(), keep)
		}
	},
	"InspectLog": func(m *logMedium) {
		m.inspect = func(_ context.Context, prefix string) (transport.LogInfo, error) {
			return m.Hub.InspectLog(context.Background(), prefix)
		}
	},
	"MoveOutbox": func(m *logMedium) {
		m.moveOutbox = func(context.Context) (int, bool, error) { return m.outbox.move(context.Background()) }
	},
	"PrepareLog": func(m *logMedium) {
		prepare := m.prepare
		m.prepare = func(context.Context) error { return prepare(context.Background()) }
	},
}

var logContextMutants = slices.Concat(contextMutantsOf("EndedContextFailsTheCall"),
	contextMutantsOf("StalledCallsEnd"), []mutant[conformance.LogHarness]{
		logInterrupted("keeps the rest of an interrupted batch", func(m *logMedium, records []transport.Record) {
			_ = m.Hub.Append(context.Background(), records[len(records)-1:])
		}),
		logInterrupted("keeps an interrupted batch twice", func(m *logMedium, records []transport.Record) {
			_ = m.Hub.Append(context.Background(), slices.Clone(records[:1]))
		}),
		breaksLog("InterruptedAppendIsKeptOrNot", "keeps an interrupted batch later", func(m *logMedium) {
			var later []transport.Record
			m.append = func(ctx context.Context, records []transport.Record) error {
				if err := m.Hub.Append(ctx, slices.Clone(records[:1])); err != nil || len(records) == 1 {
					rest := later
					later = nil
					_ = m.Hub.Append(context.Background(), rest)
					return err
				}
				if !sleepUnlessDone(ctx, 20*time.Microsecond) {
					later = records[1:]
					return ctx.Err()
				}
				return m.Hub.Append(ctx, records[1:])
			}
		}),
		breaksLog("InterruptedAppendIsKeptOrNot", "returns nil when it is interrupted", func(m *logMedium) {
			m.append = func(ctx context.Context, records []transport.Record) error {
				if !sleepUnlessDone(ctx, 20*time.Microsecond) {
					return nil
				}
				return m.Hub.Append(ctx, records)
			}
		}),
	})

func contextMutantsOf(check string) (all []mutant[conformance.LogHarness]) {
	for method, change := range withoutContext {
		if check == "StalledCallsEnd" && method == "TrimLog" {
			continue // not called there
		}
		all = append(all, breaksLog(check, method+" ignores its context", change))
	}
	return all
}

// logInterrupted returns a mutant that does something with a batch whose Append is interrupted after its first
// message.
func logInterrupted(bug string, then func(m *logMedium, records []transport.Record)) mutant[conformance.LogHarness] {
	return appends("InterruptedAppendIsKeptOrNot", bug,
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			if len(records) < 3 {
				return m.Hub.Append(ctx, records)
			}
			if err := m.Hub.Append(ctx, records[:1]); err != nil {
				return err
			}
			if !sleepUnlessDone(ctx, 20*time.Microsecond) {
				then(m, records)
				return ctx.Err()
			}
			return m.Hub.Append(ctx, records[1:])
		})
}
