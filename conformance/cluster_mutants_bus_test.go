package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// clusterBusMutants have a bug in the bus of each node.
func clusterBusMutants() (all []mutant[conformance.ClusterHarness]) {
	unlimited, small, large := transport.Limits{}, transport.Limits{Payload: transport.MinPayload},
		transport.Limits{Payload: 1 << 20}
	unlimited.Distinct = true // which is not the zero value
	for _, side := range []side{publishing, receiving} {
		for _, selector := range []selector{nth(100), every(50)} {
			for _, effect := range []effect{lost, doubled, overtaken(3), doubledLater(5)} {
				all = append(all, flawedCluster("OrderIsKept", textLimits, side, selector, effect))
			}
		}
		for _, effect := range []effect{lost, cut, changed, emptied} {
			for _, selector := range []selector{atLeast(64 << 10), atLeast(1 << 20)} {
				all = append(all, flawedCluster("MessagesOfAnySizeArrive", unlimited, side, selector, effect))
			}
			for _, limits := range []transport.Limits{textLimits, small, large} {
				all = append(all, flawedCluster("MessagesOfAnySizeArrive", limits, side, nearLimit, effect))
			}
		}
		all = append(all, flawedCluster("AnswersOfAnySizeArrive", unlimited, side, atLeast(4<<10), lost),
			flawedCluster("AnswersOfAnySizeArrive", unlimited, side, atLeast(256<<10), cut),
			flawedCluster("ManyRequestsAtOnce", textLimits, side, every(50), lost),
			flawedCluster("ManyRequestsAtOnce", textLimits, side, nth(100), lost))
	}
	return append(all, clusterListenMutants...)
}

var clusterListenMutants = []mutant[conformance.ClusterHarness]{
	breaksCluster("EqualBroadcastsAllArrive", "merges equal messages", func(_ *testing.T, m *clusterMedium) {
		m.bus = func(b *bus) {
			last := ""
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				for _, msg := range msgs {
					if string(msg.Payload) == last {
						continue
					}
					last = string(msg.Payload)
					if err := b.Hub.Publish(ctx, msg); err != nil {
						return err
					}
				}
				return nil
			}
		}
	}),
	breaksCluster("OrderIsKept", "publishes a batch in reverse order", func(_ *testing.T, m *clusterMedium) {
		m.bus = func(b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				backwards := slices.Clone(msgs)
				slices.Reverse(backwards)
				return b.Hub.Publish(ctx, backwards...)
			}
		}
	}),
	breaksCluster("NamespacesAreSeparate", "folds the case of channels, and omits the namespace",
		func(_ *testing.T, m *clusterMedium) {
			m.changeAppended(func(env *codec.Envelope) { env.NSP = "" })
			m.bus = func(b *bus) {
				b.session = func(s *session) {
					names := new(listenedChannels)
					names.track(s)
					s.changeReceived(m.codec.good, func(msg transport.Message,
						_ *codec.Envelope) (all []transport.Message) {
						for _, name := range names.all {
							if strings.EqualFold(name, msg.Channel) {
								all = append(all, transport.Message{Channel: name, Payload: bytes.Clone(msg.Payload)})
							}
						}
						return all
					})
				}
			}
		}),
	breaksCluster("NamesAreLiteral", "does not quote channels", func(_ *testing.T, m *clusterMedium) {
		m.bus = func(b *bus) {
			b.changeEach(func(m *transport.Message) { m.Channel = strings.ReplaceAll(m.Channel, "'", "''") })
		}
	}),
	breaksCluster("MessagesOfAnySizeArrive", "reports a higher limit than it has",
		func(_ *testing.T, m *clusterMedium) {
			m.bus = func(b *bus) {
				b.limits = func() transport.Limits { return transport.Limits{Payload: 8100, Channel: 63, Text: true} }
			}
		}),
	breaksCluster("ClosedNamespaceAnnouncesLeaving", "leaves all channels at once",
		func(_ *testing.T, m *clusterMedium) {
			m.bus = func(b *bus) {
				b.session = func(s *session) {
					names := new(listenedChannels)
					names.track(s)
					s.unlisten = func(ctx context.Context, channel string) error {
						for _, name := range names.all {
							if err := s.Session.Unlisten(ctx, name); err != nil {
								return err
							}
						}
						return nil
					}
				}
			}
		}),
	breaksCluster("HeartbeatsArrive", "does not receive what its own node publishes",
		func(_ *testing.T, m *clusterMedium) {
			m.bus = func(b *bus) {
				var own sync.Map
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					for _, msg := range msgs {
						own.Store(string(msg.Payload), true)
					}
					return b.Hub.Publish(ctx, msgs...)
				}
				b.filterReceived(func(msg *transport.Message) bool {
					_, mine := own.Load(string(msg.Payload))
					return !mine
				})
			}
		}),
	breaksCluster("PeersAreKnown", "listens late", func(_ *testing.T, m *clusterMedium) {
		m.bus = func(b *bus) {
			b.session = func(s *session) {
				late, first := "", true
				s.listen = func(_ context.Context, channel string) error { late = channel; return nil }
				s.receive = func(ctx context.Context) (transport.Message, error) {
					if late != "" && first { // when the node calls Receive for the second time
						first = false
						<-ctx.Done()
						return transport.Message{}, ctx.Err()
					}
					if late != "" {
						if err := s.Session.Listen(ctx, late); err != nil {
							return transport.Message{}, err
						}
						late = ""
					}
					return s.Session.Receive(ctx)
				}
			}
		}
	}),
}

// listenedChannels are the channels that a session was asked to listen to.
type listenedChannels struct{ all []string }

func (n *listenedChannels) track(s *session) {
	s.listen = func(ctx context.Context, channel string) error {
		n.all = append(n.all, channel)
		return s.Session.Listen(ctx, channel)
	}
	s.listenAll = func(ctx context.Context, channels []string) error {
		n.all = append(n.all, channels...)
		return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
	}
}

// clusterSeverMutants have a bug after an outage.
func clusterSeverMutants() (all []mutant[conformance.ClusterHarness]) {
	// again makes a mutant whose sessions have a bug if they are opened after an outage.
	again := func(check, bug string, change func(s *session)) {
		all = append(all, breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) {
			m.bus = func(b *bus) {
				b.session = func(s *session) {
					if b.outages.Load() > 0 {
						change(s)
					}
				}
			}
		}))
	}
	deafTo := func(channels func(listened int) bool) func(s *session) {
		return func(s *session) {
			listened := 0
			s.listen = func(ctx context.Context, channel string) error {
				if listened++; channels(listened) {
					return nil
				}
				return s.Session.Listen(ctx, channel)
			}
			s.listenAll = s.listenEach
		}
	}
	again("SeveredNodeReconnects", "listens to nothing after an outage", deafTo(func(int) bool { return true }))
	again("SeveredNodeReconnects", "listens to one channel only after an outage",
		deafTo(func(n int) bool { return n > 1 }))
	for _, most := range []int{1, 2, 16, 17, 64, 99} {
		again("ManyNamespacesListenAgain", fmt.Sprintf("listens to %d channels only after an outage", most),
			deafTo(func(n int) bool { return n > most }))
	}
	again("ManyNamespacesListenAgain", "misses channel 70 after an outage", deafTo(func(n int) bool { return n == 70 }))
	again("ManyNamespacesListenAgain", "listens to the last of several channels only", func(s *session) {
		s.listenAll = func(ctx context.Context, channels []string) error {
			return s.Session.Listen(ctx, channels[len(channels)-1])
		}
	})
	all = append(all,
		breaksCluster("SeveredNodeKeepsItsPeers", "reports all peers as left after a reconnection",
			func(_ *testing.T, m *clusterMedium) {
				m.bus = func(b *bus) {
					peers := map[string]bool{}
					b.session = func(s *session) {
						fresh := b.outages.Load() > 0
						s.changeReceived(m.codec.good, func(msg transport.Message,
							env *codec.Envelope) []transport.Message {
							if env.CloseHash != "" { // it requires no proof in a leave message
								env.CloseHash = ""
								msg = encoded(msg, *env)
							}
							all := []transport.Message{msg}
							if !fresh {
								peers[env.UID] = true
								return all
							}
							for uid := range peers {
								all = append(all, encoded(msg,
									codec.Envelope{Type: codec.AdapterClose, UID: uid, NSP: env.NSP}))
							}
							return all
						})
					}
				}
			}))
	for _, selector := range []selector{every(50), nth(100), nth(20), afterOutage(60)} {
		for _, side := range []side{publishing, receiving} {
			all = append(all, flawedCluster("LossesAreReported", textLimits, side, selector, lost))
		}
		all = append(all, flawedCluster("LossesAreReported", textLimits, receiving, selector, doubledLater(2)))
	}
	return all
}
