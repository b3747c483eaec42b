package conformance_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// medium describes a correct but unusual medium. Authors of buses have had each kind.
type medium struct {
	limits    transport.Limits
	queue     int // of each session, in messages
	delay     time.Duration
	noStore   bool
	noMulti   bool
	codec     codec.Codec
	threshold int
	secret    bool
}

func (m medium) harness() conformance.ClusterHarness {
	hub := memory.NewHubWithConfig(memory.Config{Limits: m.limits, Buffer: m.queue})
	var store storage.Store
	if !m.noStore {
		store = memstore.NewStore()
	}
	return conformance.ClusterHarness{
		NewConfig: func(testing.TB) core.Config {
			var bus transport.Bus = hub
			if m.delay > 0 {
				bus = delayedBus{bus, m.delay}
			}
			if m.noMulti {
				bus = plainBus{bus}
			}
			config := core.Config{Bus: &severableBus{Bus: bus}, Store: store, Codec: m.codec,
				PayloadThreshold: m.threshold}
			if m.secret {
				config.Secret = []byte("sixteen bytes or more")
			}
			return config
		},
		Sever: func(_ testing.TB, config core.Config) { config.Bus.(*severableBus).sever() },
	}
}

// TestClusterPassesOnUnusualMedia runs the suite on media that are correct, but unusual.
func TestClusterPassesOnUnusualMedia(t *testing.T) {
	least := transport.Limits{Payload: transport.MinPayload, Channel: transport.MinChannel}
	for name, m := range map[string]medium{
		"1MiBAndAQueueOf64": {limits: transport.Limits{Payload: 1 << 20}, queue: 64},
		"8MiBAndAQueueOf64": {limits: transport.Limits{Payload: 8 << 20}, queue: 64},
		"LeastLimits":       {limits: least, queue: 64},
		"LeastLimitsOfText": {limits: transport.Limits{Payload: least.Payload, Channel: least.Channel,
			Text: true}, queue: 64},
		"LeastLimitsWithoutStore": {limits: least, noStore: true},
		"LeastLimitsWithSecret":   {limits: least, secret: true},
		"CBORWithLeastLimits":     {limits: least, codec: cbor.Codec{}},
		"CBORWithLeastLimitsOfText": {limits: transport.Limits{Payload: least.Payload, Channel: least.Channel,
			Text: true}, codec: cbor.Codec{}},
		"Distinct":                  {limits: transport.Limits{Payload: 7999, Channel: 63, Text: true, Distinct: true}},
		"Threshold":                 {threshold: 2000},
		"Secret":                    {limits: textLimits, secret: true},
		"WithoutMultiListener":      {limits: textLimits, noMulti: true},
		"WithoutStore":              {noStore: true},
		"50ms":                      {limits: textLimits, delay: 50 * time.Millisecond},
		"200ms":                     {limits: textLimits, delay: 200 * time.Millisecond},
		"200msWithoutMultiListener": {limits: textLimits, delay: 200 * time.Millisecond, noMulti: true, queue: 64},
		"200msWithoutStore":         {delay: 200 * time.Millisecond, noStore: true, queue: 64},
		"500ms":                     {delay: 500 * time.Millisecond, queue: 64},
	} {
		if raceEnabled && m.limits.Payload > 1<<20 {
			continue // takes a minute with the race detector; test-norace runs it
		}
		t.Run(name, func(t *testing.T) {
			for _, check := range conformance.ClusterChecks() {
				t.Run(check, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := record(t, func(tb testing.TB) { conformance.CheckCluster(tb, check, m.harness()) })
						require.False(t, r.failed, "%s", r.text)
					})
				})
			}
		})
	}
}

// TestClusterSoaksOnSlowBus has, among others, 1,000 namespaces that a node listens to again after an outage.
func TestClusterSoaksOnSlowBus(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, with which the suite runs on other buses; test-norace runs it")
	}
	for _, check := range conformance.ClusterChecks() {
		t.Run(check, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := medium{limits: textLimits, delay: 50 * time.Millisecond}.harness()
				r := record(t, func(tb testing.TB) { conformance.SoakCluster(tb, check, h) })
				require.False(t, r.failed, "%s", r.text)
			})
		})
	}
}

// plainBus has sessions without optional interfaces.
type plainBus struct{ transport.Bus }

func (b plainBus) Open(ctx context.Context) (transport.Session, error) {
	s, err := b.Bus.Open(ctx)
	return plainSession{s}, err
}

type plainSession struct{ transport.Session }

// delayedBus delays every call, and every message to each session. Many messages can be in flight.
type delayedBus struct {
	transport.Bus
	delay time.Duration
}

func (b delayedBus) wait(ctx context.Context) error {
	if !sleepUnlessDone(ctx, b.delay) {
		return ctx.Err()
	}
	return nil
}

func (b delayedBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	return b.Bus.Publish(ctx, msgs...)
}

func (b delayedBus) Open(ctx context.Context) (transport.Session, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	inner, err := b.Bus.Open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &delayedSession{Session: inner, bus: b, stop: stop, changed: make(chan struct{}, 1)}
	s.group.Go(func() { s.read(ctx) })
	return s, nil
}

type delayedSession struct {
	transport.Session
	bus     delayedBus
	stop    context.CancelFunc
	group   sync.WaitGroup
	changed chan struct{}

	mu     sync.Mutex // guards the following fields
	coming []arrival
	ended  error
}

type arrival struct {
	m  transport.Message
	at time.Time
}

// read records when each message of the session will have arrived.
func (s *delayedSession) read(ctx context.Context) {
	for {
		m, err := s.Session.Receive(ctx)
		s.mu.Lock()
		if s.ended = err; err == nil {
			s.coming = append(s.coming, arrival{m, time.Now().Add(s.bus.delay)})
		}
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *delayedSession) Receive(ctx context.Context) (transport.Message, error) {
	for {
		s.mu.Lock()
		var first *arrival
		if len(s.coming) > 0 {
			first = &s.coming[0]
		}
		err := s.ended
		s.mu.Unlock()
		switch {
		case first == nil && err != nil:
			return transport.Message{}, errors.Join(transport.ErrClosed, err)
		case first == nil:
			select {
			case <-s.changed:
			case <-ctx.Done():
				return transport.Message{}, ctx.Err()
			}
		default:
			if !sleepUnlessDone(ctx, time.Until(first.at)) {
				return transport.Message{}, ctx.Err()
			}
			s.mu.Lock()
			s.coming = s.coming[1:]
			s.mu.Unlock()
			return first.m, nil
		}
	}
}

func (s *delayedSession) Listen(ctx context.Context, channel string) error {
	if err := s.bus.wait(ctx); err != nil {
		return err
	}
	return s.Session.Listen(ctx, channel)
}

func (s *delayedSession) ListenAll(ctx context.Context, channels ...string) error {
	if err := s.bus.wait(ctx); err != nil {
		return err
	}
	return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
}

func (s *delayedSession) Unlisten(ctx context.Context, channel string) error {
	if err := s.bus.wait(ctx); err != nil {
		return err
	}
	return s.Session.Unlisten(ctx, channel)
}

func (s *delayedSession) Close(ctx context.Context) error {
	s.stop()
	s.group.Wait()
	return s.Session.Close(ctx)
}
