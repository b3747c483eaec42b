package conformance_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMemoryCluster(t *testing.T) {
	t.Run("Node", func(t *testing.T) {
		conformance.Cluster(t, memoryCluster(transport.Limits{}, jsonmsgpack.Codec{}, nil))
	})
	t.Run("CBOR", func(t *testing.T) { conformance.Cluster(t, memoryCluster(transport.Limits{}, cbor.Codec{}, nil)) })
	t.Run("NodeOverText",
		func(t *testing.T) { conformance.Cluster(t, memoryCluster(textLimits, jsonmsgpack.Codec{}, nil)) })
	t.Run("CBOROverText", func(t *testing.T) { conformance.Cluster(t, memoryCluster(textLimits, cbor.Codec{}, nil)) })
	t.Run("WithoutStore", func(t *testing.T) {
		hub := memory.NewHub()
		conformance.Cluster(t,
			conformance.ClusterHarness{NewConfig: func(testing.TB) core.Config { return core.Config{Bus: hub} }})
	})
}

// memoryCluster connects all nodes to one hub and one store. The func change may change the Config of each
// node.
func memoryCluster(limits transport.Limits, c codec.Codec, change func(*core.Config)) conformance.ClusterHarness {
	hub, store := memory.NewHubWithConfig(memory.Config{Limits: limits}), memstore.NewStore()
	return conformance.ClusterHarness{
		NewConfig: func(testing.TB) core.Config {
			config := core.Config{Bus: &severableBus{Bus: hub}, Store: store, Codec: c}
			if change != nil {
				change(&config)
			}
			return config
		},
		Sever: func(_ testing.TB, config core.Config) { config.Bus.(interface{ sever() }).sever() },
	}
}

// severableBus is one node's access to a hub. Severing its sessions does not affect those of other nodes.
type severableBus struct {
	transport.Bus

	mu       sync.Mutex // guards the following fields
	sessions []*severableSession
}

func (b *severableBus) Open(ctx context.Context) (transport.Session, error) {
	inner, err := b.Bus.Open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cut := context.WithCancelCause(context.Background())
	s := &severableSession{Session: inner, life: ctx, cut: cut}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions = append(b.sessions, s)
	if multi, ok := inner.(transport.MultiListener); ok {
		return severableMultiListener{s, multi}, nil
	}
	return s, nil
}

func (b *severableBus) Close(ctx context.Context) error {
	if closer, ok := b.Bus.(transport.Closer); ok {
		return closer.Close(ctx)
	}
	return nil
}

func (b *severableBus) sever() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		s.cut(errSevered)
	}
	b.sessions = nil
}

var errSevered = errors.New("severed")

type severableSession struct {
	transport.Session
	life context.Context // ends when the session is severed
	cut  context.CancelCauseFunc
}

// severableMultiListener is a severableSession that can listen to many channels at once.
type severableMultiListener struct {
	*severableSession
	multi transport.MultiListener
}

func (s severableMultiListener) ListenAll(ctx context.Context, channels ...string) error {
	if s.life.Err() != nil {
		return errSevered
	}
	return s.multi.ListenAll(ctx, channels...)
}

func (s *severableSession) Listen(ctx context.Context, channel string) error {
	if s.life.Err() != nil {
		return errSevered
	}
	return s.Session.Listen(ctx, channel)
}

func (s *severableSession) Receive(ctx context.Context) (transport.Message, error) {
	receive, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel)
	defer stop()
	m, err := s.Session.Receive(receive)
	if s.life.Err() != nil {
		return transport.Message{}, errSevered
	}
	return m, err
}

func (s *severableSession) Close(ctx context.Context) error {
	s.cut(nil)
	return s.Session.Close(ctx)
}
