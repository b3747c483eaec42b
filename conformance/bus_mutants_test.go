package conformance_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// textLimits are the limits of PostgreSQL.
var textLimits = transport.Limits{Payload: 7999, Channel: 63, Text: true}

func TestBusSuite(t *testing.T) {
	suiteTest[conformance.Harness]{
		checks: conformance.BusChecks(),
		why:    conformance.BusWhy,
		run:    conformance.CheckBus,
		good: func(*testing.T) conformance.Harness {
			h := newBusMedium(textLimits).harness(func(b *bus) { b.closer = true })
			h.Patience = 0
			return h
		},
		mutants: slices.Concat(deliveryMutants, orderMutants, volumeMutants, slowMutants, lossMutants, listenMutants,
			receiveMutants, contextMutants, interruptMutants(), partialPublishMutants, contentMutants, nameMutants,
			limitMutants,
			concurrencyMutants, closeMutants, severMutants, outageMutants(), leakMutants(),
			rosterMutants, rosterEndMutants, prefixMutants, counterMutants),
	}.test(t)
}

func TestMissingHooksSkipByName(t *testing.T) {
	hub := memory.NewHub()
	h := conformance.Harness{NewBus: func(testing.TB) transport.Bus { return hub }}
	for check, hook := range map[string]string{
		"NothingIsReceivedAfterALoss":    "Harness.Sever is nil",
		"SeveredListenFails":             "Harness.Sever is nil",
		"SessionsLeakNothingAtTheServer": "Harness.Leftovers is nil",
		"NonTextIsRejectedAlone":         "Limits.Text is false",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckBus(tb, check, h) })
		require.False(t, r.failed)
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, hook)
	}
}

// busMedium is the medium of correct buses that mutants change.
type busMedium struct {
	hub     *memory.Hub
	outages atomic.Int32 // number of outages
}

func newBusMedium(limits transport.Limits) *busMedium {
	return &busMedium{hub: memory.NewHubWithConfig(memory.Config{Limits: limits})}
}

// harness returns the harness of buses that change has changed, each by itself.
func (m *busMedium) harness(change func(b *bus)) conformance.Harness {
	changed := func(hub *memory.Hub) transport.Bus {
		b := &bus{Hub: hub, outages: &m.outages}
		change(b)
		if b.closer {
			return closableBus{b}
		}
		return b
	}
	return conformance.Harness{
		NewBus: func(testing.TB) transport.Bus { return changed(m.hub) },
		Sever: func(testing.TB, transport.Bus) {
			m.outages.Add(1)
			m.hub.Sever(nil)
		},
		SeverPublisher: func(testing.TB, transport.Bus) { m.outages.Add(1) },
		Foreign: func(tb testing.TB, _ transport.Bus, name string) (leave func()) {
			e, err := m.hub.EnterForeign(tb.Context(), name)
			require.NoError(tb, err)
			return func() { _ = e.Close(context.Background()) }
		},
		SeverEntries: func(testing.TB, transport.Bus) {
			m.outages.Add(1)
			m.hub.Sever(nil)
		},
		NoServer: func(testing.TB) transport.Bus {
			hub := memory.NewHub()
			hub.Fail(nil)
			return changed(hub)
		},
		Stall: func(testing.TB, transport.Bus) (resume func()) {
			m.hub.Stall()
			return m.hub.Heal
		},
		Leftovers: func(testing.TB) []string { return nil },
		Patience:  mutantPatience,
	}
}

// breaks returns a mutant of an unlimited bus.
func breaks(check, bug string, change func(t *testing.T, b *bus)) mutant[conformance.Harness] {
	return breaksLimited(check, bug, transport.Limits{}, change)
}

// breaksLimited returns a mutant of a bus with limits.
func breaksLimited(check, bug string, limits transport.Limits,
	change func(t *testing.T, b *bus)) mutant[conformance.Harness] {
	return mutant[conformance.Harness]{check, bug, func(t *testing.T) conformance.Harness {
		return newBusMedium(limits).harness(func(b *bus) { change(t, b) })
	}}
}

// withMorePatience gives a mutant more time, so that its bug is caught and not a busy machine.
func withMorePatience(m mutant[conformance.Harness]) mutant[conformance.Harness] {
	harness := m.harness
	m.harness = func(t *testing.T) conformance.Harness {
		h := harness(t)
		h.Patience = time.Second
		return h
	}
	return m
}

type (
	publishFunc func(ctx context.Context, msgs ...transport.Message) error
	channelFunc func(ctx context.Context, channel string) error
	enterFunc   func(ctx context.Context, name string) (transport.Entry, error)
	entriesFunc func(ctx context.Context, prefix string) ([]transport.EntryInfo, error)
	receiveFunc func(ctx context.Context) (transport.Message, error)
)

// bus is a correct bus whose parts can be replaced.
type bus struct {
	*memory.Hub
	outages *atomic.Int32
	publish publishFunc
	limits  func() transport.Limits
	enter   enterFunc
	entries entriesFunc
	// entry changes each entry that is entered.
	entry func(e *entry)
	open  func(ctx context.Context) (transport.Session, error)
	// session changes each session that is opened.
	session func(s *session)
	closer  bool
	close   func(ctx context.Context) error
	// listeners changes the counts of channels.
	listeners func(channels []string, counts []int) []int
	// ignoresContext makes Listeners ignore its context.
	ignoresContext bool
}

func (b *bus) Listeners(ctx context.Context, channels ...string) ([]int, error) {
	if b.ignoresContext {
		ctx = context.WithoutCancel(ctx)
	}
	counts, err := b.Hub.Listeners(ctx, channels...)
	if err == nil && b.listeners != nil {
		counts = b.listeners(channels, counts)
	}
	return counts, err
}

func (b *bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	if b.publish != nil {
		return b.publish(ctx, msgs...)
	}
	return b.Hub.Publish(ctx, msgs...)
}

func (b *bus) Limits() transport.Limits {
	if b.limits != nil {
		return b.limits()
	}
	return b.Hub.Limits()
}

func (b *bus) Open(ctx context.Context) (transport.Session, error) {
	open := b.Hub.Open
	if b.open != nil {
		open = b.open
	}
	inner, err := open(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{Session: inner}
	if b.session != nil {
		b.session(s)
	}
	return s, nil
}

func (b *bus) Enter(ctx context.Context, name string) (transport.Entry, error) {
	enter := b.Hub.Enter
	if b.enter != nil {
		enter = b.enter
	}
	inner, err := enter(ctx, name)
	if err != nil {
		return nil, err
	}
	e := &entry{Entry: inner}
	if b.entry != nil {
		b.entry(e)
	}
	return e, nil
}

func (b *bus) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	if b.entries != nil {
		return b.entries(ctx, prefix)
	}
	return b.Hub.Entries(ctx, prefix)
}

// entry is a correct entry whose parts can be replaced.
type entry struct {
	transport.Entry
	info  func() transport.EntryInfo
	close func(ctx context.Context) error
}

func (e *entry) Info() transport.EntryInfo {
	if e.info != nil {
		return e.info()
	}
	return e.Entry.Info()
}

func (e *entry) Close(ctx context.Context) error {
	if e.close != nil {
		return e.close(ctx)
	}
	return e.Entry.Close(ctx)
}

// closableBus is a bus that is also a transport.Closer.
type closableBus struct{ *bus }

func (b closableBus) Close(ctx context.Context) error {
	if b.close != nil {
		return b.close(ctx)
	}
	return nil
}

// session is a correct session whose parts can be replaced.
type session struct {
	transport.Session
	listen, unlisten channelFunc
	listenAll        func(ctx context.Context, channels []string) error
	unlistenAll      func(ctx context.Context, channels []string) error
	receive          receiveFunc
	close            func(ctx context.Context) error
}

func (s *session) Listen(ctx context.Context, channel string) error {
	if s.listen != nil {
		return s.listen(ctx, channel)
	}
	return s.Session.Listen(ctx, channel)
}

func (s *session) ListenAll(ctx context.Context, channels ...string) error {
	if s.listenAll != nil {
		return s.listenAll(ctx, channels)
	}
	return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
}

func (s *session) UnlistenAll(ctx context.Context, channels ...string) error {
	if s.unlistenAll != nil {
		return s.unlistenAll(ctx, channels)
	}
	for _, channel := range channels {
		if err := s.Unlisten(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

// listenEach is a ListenAll that calls Listen for each channel.
func (s *session) listenEach(ctx context.Context, channels []string) error {
	for _, channel := range channels {
		if err := s.Listen(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) Unlisten(ctx context.Context, channel string) error {
	if s.unlisten != nil {
		return s.unlisten(ctx, channel)
	}
	return s.Session.Unlisten(ctx, channel)
}

func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	if s.receive != nil {
		return s.receive(ctx)
	}
	return s.Session.Receive(ctx)
}

func (s *session) Close(ctx context.Context) error {
	if s.close != nil {
		return s.close(ctx)
	}
	return s.Session.Close(ctx)
}

// changeEach makes a mutant's Publish change every message.
func (b *bus) changeEach(change func(m *transport.Message)) {
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		changed := slices.Clone(msgs)
		for i := range changed {
			change(&changed[i])
		}
		return b.Hub.Publish(ctx, changed...)
	}
}

// filterReceived makes a mutant's Receive change every message, or skip it.
func (b *bus) filterReceived(change func(m *transport.Message) (keep bool)) {
	b.session = func(s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			for {
				m, err := s.Session.Receive(ctx)
				if err != nil || change(&m) {
					return m, err
				}
			}
		}
	}
}
