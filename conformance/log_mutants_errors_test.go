package conformance_test

import (
	"context"
	"errors"
	"slices"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// appends returns a mutant with another Append.
func appends(
	check, bug string, append func(m *logMedium, ctx context.Context, records []transport.Record) error,
) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error { return append(m, ctx, records) }
	})
}

var logErrorMutants = []mutant[conformance.LogHarness]{
	appends("RejectedMessagesAreNotKept", "skips what exceeds the limits",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			for i := range records {
				err := m.Hub.Append(ctx, records[i:i+1])
				if err != nil && !errors.As(err, new(*transport.RejectedError)) {
					return err
				}
			}
			return nil
		}),
	appends("RejectedMessagesAreNotKept", "sends the rest of a rejected batch",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			var e *transport.RejectedError
			if errors.As(err, &e) {
				_ = m.Hub.Append(ctx, records[e.Accepted+1:])
			}
			return err
		}),
	appends("RejectedMessagesAreNotKept", "says that it has accepted nothing",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			var e *transport.RejectedError
			if errors.As(err, &e) {
				e.Accepted = 0
			}
			return err
		}),
	appends("RejectedMessagesAreNotKept", "says that it has sent nothing",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			if err := m.Hub.Append(ctx, records); err != nil {
				return errors.Join(transport.ErrNotSent, errors.New("too large"))
			}
			return nil
		}),
	breaksLog("RejectedMessagesAreNotKept", "delivers a rejected batch and does not keep it", func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error {
			other := slices.Clone(records)
			var e *transport.RejectedError
			if len(records) == 6 {
				for i := range other {
					other[i].Keep = false
				}
			}
			err := m.Hub.Append(ctx, other)
			errors.As(err, &e)
			return err
		}
	}),

	appends("UnwritableLogIsAnError", "drops what it cannot keep",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			if err := m.Hub.Append(ctx, records); !errors.Is(err, transport.ErrNotSent) {
				return err
			}
			return nil
		}),
	appends("UnwritableLogIsAnError", "delivers what it cannot keep",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			if errors.Is(err, transport.ErrNotSent) {
				for i := range records {
					records[i].Keep = false
				}
				_ = m.Hub.Append(ctx, records)
			}
			return err
		}),
	breaksLog("UnwritableLogIsAnError", "keeps it later", func(m *logMedium) {
		var later []transport.Record
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, append(slices.Clone(later), records...))
			if errors.Is(err, transport.ErrNotSent) {
				later = append(later, records...)
			}
			return err
		}
	}),
	breaksLog("UnwritableLogIsAnError", "never works again", func(m *logMedium) {
		m.unwritable = func() func() {
			m.FailLog(nil)
			return func() {}
		}
	}),
	appends("UnwritableLogIsAnError", "waits for space",
		func(m *logMedium, ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			if errors.Is(err, transport.ErrNotSent) {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}),

	breaksLog("UnreachableLogIsAnError", "has bounds without a server", func(m *logMedium) {
		m.noServer = newLogMedium()
		m.noServer.bounds = func(ctx context.Context, _ string) (transport.Bounds, error) {
			return transport.Bounds{Epoch: "none"}, ctx.Err()
		}
	}),
	breaksLog("UnreachableLogIsAnError", "waits for the server", func(m *logMedium) {
		m.noServer = newLogMedium()
		m.noServer.latest = func(
			ctx context.Context, _ string, _ transport.Offset, _ transport.ReadLimit,
		) ([]transport.Record, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}),
	breaksLog("UnreachableLogIsAnError", "has another epoch without a server", func(m *logMedium) {
		m.noServer = newLogMedium()
		m.noServer.replay = func(
			_ context.Context, ch string, after transport.Position, _ transport.ReadLimit,
		) ([]transport.Record, error) {
			return nil, transport.Bounds{Epoch: "none"}.CheckPosition(ch, after)
		}
	}),
	breaksLog("UnreachableLogIsAnError", "has trimmed without a server", func(m *logMedium) {
		m.noServer = newLogMedium()
		m.noServer.trim = func(ctx context.Context, _ transport.Retention) error { return ctx.Err() }
	}),
}
