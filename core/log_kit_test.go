package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

// delivered is an event as LocalSockets got it.
type delivered struct {
	text string // the first argument
	at   core.Position
}

// listenerSockets are the sockets of a process that keep what they get.
type listenerSockets struct {
	*core.Registry
	got   log[delivered]
	from  log[string] // LogContinues: the position, and "incomplete" after it
	taken log[string]
	kept  log[codec.Type] // what LogSockets.Kept was called for
	hold  func()          // called with each event; may block
}

var _ core.LogSockets = (*listenerSockets)(nil)

func newListenerSockets() *listenerSockets {
	return &listenerSockets{Registry: core.NewRegistry(core.RegistryConfig{})}
}

func (s *listenerSockets) Broadcast(p *core.Packet, _ core.Selector) {
	var text string
	_ = p.Args.Decode(&text)
	if s.hold != nil {
		s.hold()
	}
	s.got.add(delivered{text, p.Position})
}

func (s *listenerSockets) LogContinues(after core.Position, complete bool) {
	text := after.String()
	if !complete {
		text += " incomplete"
	}
	s.from.add(text)
}

func (s *listenerSockets) Kept(e *core.LogEntry) { s.kept.add(e.Type) }

func (s *listenerSockets) SessionTaken(id string) { s.taken.add(id) }

// texts returns the first n events.
func (s *listenerSockets) texts(t testing.TB, n int) (all []string) {
	t.Helper()
	for _, d := range s.got.wait(t, n) {
		all = append(all, d.text)
	}
	return all
}

// logNode is a node of a namespace that is logged.
type logNode struct {
	*core.Namespace
	cluster *core.Cluster
	bus     *logBus
	local   *listenerSockets
	errs    log[error]
	lost    log[error] // SessionLost
	gaps    log[*core.GapError]
}

// newLogNode opens a node with its own connection to a hub.
func newLogNode(t testing.TB, hub *hubs.Hub, change ...func(*core.Config)) *logNode {
	t.Helper()
	n := &logNode{bus: &logBus{Hub: hub, faults: &bus{Bus: hub}}, local: newListenerSockets()}
	n.cluster = open(t, n.bus, append([]func(*core.Config){func(c *core.Config) {
		c.Log = &core.LogConfig{}
		c.MinBackoff, c.MaxBackoff = time.Millisecond, 50*time.Millisecond
		c.ErrorHandler = n.errs.add
		c.Trace.SessionLost, c.Trace.SessionRecovered = n.lost.add, n.gaps.add
	}}, change...)...)
	n.Namespace = join(t, n.cluster, "/", n.local)
	<-core.CaughtUp(n.Namespace)
	return n
}

// logBus is one node's connection to a hub, with faults.
type logBus struct {
	*hubs.Hub
	faults *bus // its sessions
	append func(ctx context.Context, records []transport.Record) error
	replay func(after transport.Position) error // an error in place of the result
	mu     sync.Mutex
}

func (b *logBus) OpenLog(ctx context.Context) (transport.LogSession, error) {
	if open := b.faults.now().open; open != nil {
		_, err := open(ctx, b.Hub)
		return nil, err
	}
	inner, err := b.Hub.OpenLog(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{Session: inner, bus: b.faults, severed: make(chan struct{})}
	b.faults.mu.Lock()
	b.faults.sessions = append(b.faults.sessions, s)
	b.faults.mu.Unlock()
	return logSession{s, inner}, nil
}

func (b *logBus) setAppend(f func(ctx context.Context, records []transport.Record) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append = f
}

func (b *logBus) setReplay(f func(after transport.Position) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replay = f
}

func (b *logBus) Append(ctx context.Context, records []transport.Record) error {
	b.mu.Lock()
	f := b.append
	b.mu.Unlock()
	if f != nil {
		return f(ctx, records)
	}
	return b.Hub.Append(ctx, records)
}

func (b *logBus) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	b.mu.Lock()
	f := b.replay
	b.mu.Unlock()
	if f != nil {
		if err := f(after); err != nil {
			return nil, err
		}
	}
	return b.Hub.Replay(ctx, channel, after, limit)
}

func (b *logBus) Close(context.Context) error { return nil }

type logSession struct {
	*session
	inner transport.LogSession
}

func (s logSession) ReceiveRecord(ctx context.Context) (r transport.Record, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {})
	defer stop()
	go func() {
		select {
		case <-s.severed:
			cancel()
		case <-ctx.Done():
		}
	}()
	r, err = s.inner.ReceiveRecord(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return transport.Record{}, s.err
	}
	return r, err
}

func emitAll(t testing.TB, ns *core.Namespace, prefix string, from, to int) (texts []string) {
	t.Helper()
	for i := from; i < to; i++ {
		text := fmt.Sprint(prefix, i)
		require.NoError(t, ns.Emit(t.Context(), "e", text))
		texts = append(texts, text)
	}
	return texts
}
