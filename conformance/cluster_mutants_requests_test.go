package conformance_test

import (
	"context"
	"testing"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var clusterRequestMutants = []mutant[conformance.ClusterHarness]{
	says("EmitWithAckAsksEveryClient", "counts a client too few", func(env *codec.Envelope) { env.ClientCount = max(0, env.ClientCount-1) }),
	says("EmitWithAckAsksEveryClient", "counts a client too many", func(env *codec.Envelope) { env.ClientCount++ }),
	loses("EmitWithAckAsksEveryClient", "does not say that nobody is there", func(env *codec.Envelope) bool {
		return env.Type == codec.BroadcastClientCount && env.ClientCount == 0
	}),
	says("ServerSideEmitReachesTheOthers", "does not know its own events", func(env *codec.Envelope) {
		if env.Type == codec.ServerSideEmit {
			env.UID = "x" + env.UID[1:]
		}
	}),
	says("ServerSideEmitReachesTheOthers", "wants an answer always", func(env *codec.Envelope) {
		if env.RequestID == "" {
			env.RequestID = "1"
		}
	}),
	understands("ServerSideEmitAsksTheOthers", "forgets the answers", func(env *codec.Envelope) { env.Value = codec.Value{} }),
	breaksCluster("NobodyToAskIsNoWaiting", "knows peers that are not there", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				err := b.Hub.Publish(ctx, msgs...)
				time.Sleep(10 * time.Millisecond) // until it knows
				return err
			}
			b.session = func(s *session) {
				s.hears(m.codec.good, func(msg transport.Message, env *codec.Envelope) []transport.Message {
					return []transport.Message{msg, encoded(msg, codec.Envelope{Type: codec.Heartbeat, UID: "ffffffffffffffff", NSP: env.NSP})}
				})
			}
		}
	}),
	hears("PartialAnswersNameTheMissing", "answers for who is silent", func() hearing {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			all := []transport.Message{m}
			for _, answer := range answersTo(env, "cccccccccccccccc") {
				all = append(all, encoded(m, answer))
			}
			return all
		}
	}),
	hears("DuplicateAnswersCountOnce", "takes a repeated answer for another's", func() hearing {
		heard := map[string]int{}
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if heard[string(m.Payload)]++; env.Type.Response() && heard[string(m.Payload)] > 1 {
				copied := *env
				copied.UID = "cccccccccccccccc"
				m = encoded(m, copied)
			}
			return []transport.Message{m}
		}
	}),
	hears("StrangersDoNotCount", "takes a stranger for a peer", rewrites(func(env *codec.Envelope) bool {
		if env.UID != "dddddddddddddddd" {
			return false
		}
		env.UID = "bbbbbbbbbbbbbbbb"
		return true
	})),

	loses("PeerThatClosesEndsRequests", "loses goodbyes", isType(codec.AdapterClose)),
	hears("PeerThatFallsSilentEndsRequests", "repeats the heartbeats of who has died", func() hearing {
		beats := map[string]transport.Message{}
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if env.Type == codec.Heartbeat {
				beats[env.UID] = m
			}
			all := []transport.Message{m}
			for _, beat := range beats {
				all = append(all, beat)
			}
			return all
		}
	}),
	breaksCluster("CloseEndsRequests", "never ends to publish a goodbye", func(t *testing.T, m *clusterMutation) {
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		m.bus = func(b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				for _, msg := range msgs {
					if env, err := m.codec.good.Parse(msg.Payload, codec.Text); err == nil && env.Type == codec.AdapterClose {
						<-stop
					}
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}
	}),
	loses("CloseSaysGoodbye", "loses goodbyes", isType(codec.AdapterClose)),
	loses("ClosedNamespaceIsLeft", "loses goodbyes", isType(codec.AdapterClose)),
	breaksCluster("ClosedNamespaceIsLeft", "leaves all channels at once", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			b.session = func(s *session) {
				var names []string
				s.listen = func(ctx context.Context, channel string) error {
					names = append(names, channel)
					return s.Session.Listen(ctx, channel)
				}
				s.unlisten = func(ctx context.Context, channel string) error {
					for _, name := range names {
						if err := s.Session.Unlisten(ctx, name); err != nil {
							return err
						}
					}
					return nil
				}
			}
		}
	}),
}

// answersTo returns what a node with one client would answer.
func answersTo(env *codec.Envelope, uid string) []codec.Envelope {
	if env.RequestID == "" {
		return nil
	}
	answer := codec.Envelope{UID: uid, NSP: env.NSP, RequestID: env.RequestID}
	with := func(t codec.Type) codec.Envelope {
		a := answer
		a.Type = t
		return a
	}
	switch env.Type {
	case codec.Broadcast:
		count := with(codec.BroadcastClientCount)
		count.ClientCount = 1
		return []codec.Envelope{count, with(codec.BroadcastAck)}
	case codec.FetchSockets:
		found := with(codec.FetchSocketsResponse)
		found.Sockets = []codec.Socket{{ID: uid}}
		return []codec.Envelope{found}
	case codec.ServerSideEmit:
		return []codec.Envelope{with(codec.ServerSideEmitResponse)}
	}
	return nil
}
