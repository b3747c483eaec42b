package conformance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

var clusterTroubleMutants = []mutant[conformance.ClusterHarness]{
	breaksCluster("PublishErrorIsReturned", "swallows errors", func(_ *testing.T, m *clusterMutation) {
		m.above = func(b transport.Bus) transport.Bus {
			return upperBus{b, func(ctx context.Context, msgs []transport.Message) error {
				_ = b.Publish(ctx, msgs...)
				return nil
			}}
		}
	}),
	breaksCluster("LocalDeliveryGoesOn", "tries again for ever", func(t *testing.T, m *clusterMutation) {
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		m.above = func(b transport.Bus) transport.Bus {
			return upperBus{b, func(ctx context.Context, msgs []transport.Message) error {
				for {
					err := b.Publish(ctx, msgs...)
					if err == nil {
						return nil
					}
					select {
					case <-stop:
						return err
					case <-time.After(time.Millisecond):
					}
				}
			}}
		}
	}),
	breaksCluster("LocalDeliveryGoesOn", "forgets its own clients", func(_ *testing.T, m *clusterMutation) {
		m.local = func(l core.Local) core.Local { return deafLocal{l} }
	}),
	breaksCluster("SlowLocalHarmsNobodyElse", "delivers to one namespace at a time", func(_ *testing.T, m *clusterMutation) {
		var one sync.Mutex
		m.local = func(l core.Local) core.Local { return politeLocal{l, &one} }
	}),
	breaksCluster("AsyncQueueIsBounded", "publishes in the background", func(_ *testing.T, m *clusterMutation) {
		m.above = func(b transport.Bus) transport.Bus {
			return upperBus{b, func(ctx context.Context, msgs []transport.Message) error {
				go b.Publish(ctx, msgs...)
				return nil
			}}
		}
	}),
	breaksCluster("SeveredNodeReconnects", "listens to nothing after the first time", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			opened := 0
			b.session = func(s *session) {
				if opened++; opened > 1 {
					s.listen = func(context.Context, string) error { return nil }
				}
			}
		}
	}),
	breaksCluster("SeveredNodeReconnects", "listens to one channel only after the first time", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			opened := 0
			b.session = func(s *session) {
				opened++
				first, fresh := true, opened > 1
				s.listen = func(ctx context.Context, channel string) error {
					if fresh && !first {
						return nil
					}
					first = false
					return s.Session.Listen(ctx, channel)
				}
			}
		}
	}),
	breaksCluster("SeveredNodeReconnects", "is not noticed when it breaks", func(_ *testing.T, m *clusterMutation) {
		m.above = func(b transport.Bus) transport.Bus { return deafBus{b} }
	}),
	breaksCluster("SeveredNodeKeepsItsPeers", "takes a reconnection for everybody's goodbye", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			opened, peers := 0, map[string]bool{}
			b.session = func(s *session) {
				opened++
				fresh := opened > 1
				s.hears(m.codec.good, func(msg transport.Message, env *codec.Envelope) []transport.Message {
					if env.CloseHash != "" { // it asks for no proof of a goodbye
						env.CloseHash = ""
						msg = encoded(msg, *env)
					}
					all := []transport.Message{msg}
					if !fresh {
						peers[env.UID] = true
						return all
					}
					for uid := range peers {
						all = append(all, encoded(msg, codec.Envelope{Type: codec.AdapterClose, UID: uid, NSP: env.NSP}))
					}
					return all
				})
			}
		}
	}),
	breaksCluster("CloseIsIdempotent", "never ends to close its bus", func(t *testing.T, m *clusterMutation) {
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		m.bus = func(b *bus) {
			b.closer = true
			b.close = func(context.Context) error { <-stop; return nil }
		}
	}),
	breaksCluster("NothingIsLeft", "leaves a goroutine for each session", func(t *testing.T, m *clusterMutation) {
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		m.bus = func(b *bus) {
			b.session = func(s *session) {
				s.close = func(ctx context.Context) error {
					go func() { <-stop }()
					return s.Session.Close(ctx)
				}
			}
		}
	}),
}

// upperBus publishes otherwise.
type upperBus struct {
	transport.Bus
	publish func(ctx context.Context, msgs []transport.Message) error
}

func (b upperBus) Publish(ctx context.Context, msgs ...transport.Message) error {
	return b.publish(ctx, msgs)
}

// deafBus opens sessions that never tell that they have ended.
type deafBus struct{ transport.Bus }

func (b deafBus) Open(ctx context.Context) (transport.Session, error) {
	s, err := b.Bus.Open(ctx)
	return deafSession{s}, err
}

type deafSession struct{ transport.Session }

func (s deafSession) Receive(ctx context.Context) (transport.Message, error) {
	m, err := s.Session.Receive(ctx)
	if err != nil && ctx.Err() == nil {
		<-ctx.Done()
		err = ctx.Err()
	}
	return m, err
}

// politeLocal waits until no other Local is at work.
type politeLocal struct {
	core.Local
	one *sync.Mutex
}

func (l politeLocal) Broadcast(p *core.Packet, to core.Selector) {
	l.one.Lock()
	defer l.one.Unlock()
	l.Local.Broadcast(p, to)
}
