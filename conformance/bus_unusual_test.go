package conformance_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// unusualBuses keep all promises, but are far away or have small buffers and limits.
var unusualBuses = map[string]struct {
	latency time.Duration
	config  memory.Config
}{
	"Far":       {200 * time.Millisecond, memory.Config{}},
	"Impatient": {time.Millisecond, memory.Config{Patience: 100 * time.Millisecond}},
	"Small": {0, memory.Config{Buffer: 64, BufferBytes: 1 << 20,
		Limits: transport.Limits{Payload: transport.MinPayload, Channel: transport.MinChannel}}},
	"SmallAndFar": {50 * time.Millisecond, memory.Config{Buffer: 64,
		Limits: transport.Limits{Payload: transport.MinPayload, Text: true}}},
}

// Correct buses that are slow, small, or both pass all checks. The clock is virtual, which shows that no check
// waits for a fixed time.
func TestUnusualBusesPass(t *testing.T) {
	for name, right := range unusualBuses {
		for _, check := range conformance.BusChecks() {
			t.Run(name+"/"+check, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					m := &busMedium{hub: memory.NewHubWithConfig(right.config)}
					h := m.harness(func(b *bus) { b.delayCalls(right.latency) })
					h.Patience = 0
					r := record(t, func(tb testing.TB) { conformance.CheckBus(tb, check, h) })
					require.False(t, r.failed, "%s", r.text)
					t.Logf("%v", time.Since(start))
				})
			})
		}
	}
}

// delayCalls makes each call to the server take the given time.
func (b *bus) delayCalls(latency time.Duration) {
	travel := func(ctx context.Context) error {
		if latency == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-time.After(latency):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		if len(msgs) == 0 {
			return nil
		}
		if err := travel(ctx); err != nil {
			return err
		}
		return b.Hub.Publish(ctx, msgs...)
	}
	b.open = func(ctx context.Context) (transport.Session, error) {
		if err := travel(ctx); err != nil {
			return nil, err
		}
		return b.Hub.Open(ctx)
	}
	b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
		if err := travel(ctx); err != nil {
			return nil, err
		}
		return b.Hub.Enter(ctx, name)
	}
	b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
		if err := travel(ctx); err != nil {
			return nil, err
		}
		return b.Hub.Entries(ctx, prefix)
	}
	b.entry = func(e *entry) {
		e.close = func(ctx context.Context) error { return errors.Join(travel(ctx), e.Entry.Close(ctx)) }
	}
	b.session = func(s *session) {
		to := func(ctx context.Context, f func() error) error {
			if err := travel(ctx); err != nil {
				s.Session.Close(ctx)
				return err
			}
			return f()
		}
		s.listen = func(ctx context.Context, channel string) error {
			return to(ctx, func() error { return s.Session.Listen(ctx, channel) })
		}
		s.unlisten = func(ctx context.Context, channel string) error {
			return to(ctx, func() error { return s.Session.Unlisten(ctx, channel) })
		}
		s.listenAll = func(ctx context.Context, channels []string) error {
			return to(ctx, func() error { return s.Session.(transport.MultiListener).ListenAll(ctx, channels...) })
		}
	}
}
