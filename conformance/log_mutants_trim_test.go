package conformance_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// changesRetention returns a mutant whose TrimLog has another Retention.
func changesRetention(
	check, bug string, change func(keep transport.Retention) transport.Retention,
) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) {
		m.trim = func(ctx context.Context, keep transport.Retention) error { return m.Hub.TrimLog(ctx, change(keep)) }
	})
}

var logTrimMutants = []mutant[conformance.LogHarness]{
	changesPositionError("TrimmedPositionIsAnError", "returns what is left", transport.ErrTrimmed,
		func(m *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			after := transport.Position{Epoch: e.Bounds.Epoch, Offset: e.Bounds.Trimmed}
			return m.Hub.Replay(context.Background(), e.Channel, after, transport.ReadLimit{})
		}),
	changesPositionError("TrimmedPositionIsAnError", "returns nothing", transport.ErrTrimmed,
		func(*logMedium, *transport.PositionError) ([]transport.Record, error) { return nil, nil }),
	changesPositionError("TrimmedPositionIsAnError", "returns ErrEpoch", transport.ErrTrimmed,
		func(_ *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			e.Err = transport.ErrEpoch
			return nil, e
		}),
	breaksLog("TrimmedPositionIsAnError", "has trimmed messages in Latest", func(m *logMedium) {
		var mu sync.Mutex
		var all []transport.Record
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, records...)
			return err
		}
		m.latest = func(
			context.Context, string, transport.Offset, transport.ReadLimit,
		) ([]transport.Record, error) {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all), nil
		}
	}),

	breaksLog("TrimmingKeepsThePositions", "begins with Previous 0 when all was trimmed", func(m *logMedium) {
		m.changeKept(func(r *transport.Record) {
			if b, _ := m.Hub.Bounds(context.Background(), r.Channel); r.Previous == b.Trimmed {
				r.Previous = transport.Offset{}
			}
		})
	}),
	breaksLog("TrimmingKeepsThePositions", "begins after all offsets when all was trimmed", func(m *logMedium) {
		m.changeKept(func(r *transport.Record) {
			if b, _ := m.Hub.Bounds(context.Background(), r.Channel); r.Previous == b.Trimmed && !b.Trimmed.IsZero() {
				r.Previous.Major = r.Offset.Major - 1
			}
		})
	}),
	changesBounds("TrimmingKeepsThePositions", "forgets channels without messages",
		func(_ *logMedium, _ string, b *transport.Bounds) {
			if b.Newest == b.Trimmed && strings.HasSuffix(b.Epoch, "") && b.Newest.Major > 3 {
				b.Newest.Major, b.Trimmed.Major = 1, 1
			}
		}),

	replays("TrimmingWhileReadingOmitsNothing", "goes on with what is left", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			var e *transport.PositionError
			if errors.As(err, &e) && errors.Is(err, transport.ErrTrimmed) {
				from := transport.Position{Epoch: after.Epoch, Offset: e.Bounds.Trimmed}
				records, err = m.Hub.Replay(ctx, ch, from, l)
				records = relink(records, after.Offset)
			}
			return records, err
		}
	}),
	replays("TrimmingWhileReadingOmitsNothing", "returns what is left of a piece", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if len(records) == 7 && records[0].Offset.Major%5 == 0 { // the second statement sees less
				records = relink(records[3:], after.Offset)
			}
			return records, err
		}
	}),

	changesRetention("YoungMessagesAreKept", "takes no limit for the limit 0",
		func(keep transport.Retention) transport.Retention {
			if keep.MaxBytes == 0 {
				keep.MaxBytes = 1
			}
			return keep
		}),
	changesRetention("YoungMessagesAreKept", "keeps 1,000 bytes", func(keep transport.Retention) transport.Retention {
		keep.MaxBytes = 1000
		return keep
	}),
	changesRetention("YoungMessagesAreKept", "adds a second to the longest age",
		func(keep transport.Retention) transport.Retention {
			if keep.MaxAge == math.MaxInt64 {
				keep.MaxAge, keep.MaxBytes = 1, 1
			}
			return keep
		}),
	breaksLog("YoungMessagesAreKept", "fails if another node trims", func(m *logMedium) {
		trimming := make(chan struct{}, 1)
		m.trim = func(ctx context.Context, keep transport.Retention) error {
			select {
			case trimming <- struct{}{}:
				defer func() { <-trimming }()
				time.Sleep(time.Microsecond)
				return m.Hub.TrimLog(ctx, keep)
			default:
				return errors.New("could not obtain lock")
			}
		}
	}),

	breaksLog("OldMessagesAreTrimmed", "trims nothing", func(m *logMedium) {
		m.trim = func(ctx context.Context, _ transport.Retention) error { return ctx.Err() }
	}),
	changesRetention("OldMessagesAreTrimmed", "ignores MaxBytes",
		func(keep transport.Retention) transport.Retention { return transport.Retention{MaxAge: keep.MaxAge} }),
	changesRetention("OldMessagesAreTrimmed", "ignores MaxAge",
		func(keep transport.Retention) transport.Retention {
			return transport.Retention{MaxBytes: keep.MaxBytes}
		}),
	changesRetention("OldMessagesAreTrimmed", "keeps messages for at least a minute",
		func(keep transport.Retention) transport.Retention {
			keep.MaxAge = max(keep.MaxAge, time.Minute)
			return keep
		}),
	breaksLog("OldMessagesAreTrimmed", "begins again after trimming", func(m *logMedium) {
		sent := 0
		m.append = func(ctx context.Context, records []transport.Record) error {
			if sent += len(records); string(records[0].Payload) == "goes on" {
				return ctx.Err()
			}
			return m.Hub.Append(ctx, records)
		}
	}),
}

// receivesEpoch returns a mutant whose sessions have the epoch in which they were opened.
func receivesEpoch() mutant[conformance.LogHarness] {
	return breaksLog("NewEpochIsNoticed", "has the old epoch in sessions", func(m *logMedium) {
		b, _ := m.Hub.Bounds(context.Background(), "x")
		m.changeKept(func(r *transport.Record) { r.Epoch = b.Epoch })
	})
}

var logEpochMutants = []mutant[conformance.LogHarness]{
	receivesEpoch(),
	breaksLog("NewEpochIsNoticed", "loses everything and keeps its epoch", func(m *logMedium) {
		m.newEpoch = m.Hub.TrimAll
	}),
	breaksLog("NewEpochIsNoticed", "has the old epoch in its bounds", func(m *logMedium) {
		epoch := ""
		m.bounds = func(ctx context.Context, channel string) (transport.Bounds, error) {
			b, err := m.Hub.Bounds(ctx, channel)
			if epoch == "" {
				epoch = b.Epoch
			}
			b.Epoch = epoch
			return b, err
		}
	}),
	breaksLog("NewEpochIsNoticed", "continues at an old offset", func(m *logMedium) {
		m.replay = func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			b, _ := m.Hub.Bounds(context.Background(), ch)
			after.Epoch = b.Epoch
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	breaksLog("NewEpochIsNoticed", "leaves its sessions in silence", func(m *logMedium) {
		epoch := ""
		m.changeReceived(func() func(r *transport.Record) bool {
			first := epoch
			if first == "" {
				b, _ := m.Hub.Bounds(context.Background(), "x")
				first = b.Epoch
			}
			return func(r *transport.Record) bool { return r.Epoch == first }
		})
		m.newEpoch = func() {
			m.Hub.NewEpoch()
			b, _ := m.Hub.Bounds(context.Background(), "x")
			epoch = b.Epoch
		}
	}),
}
