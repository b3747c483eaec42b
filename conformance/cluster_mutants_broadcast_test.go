package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

func isEvent(env *codec.Envelope) bool { return env.Type == codec.Broadcast }

var clusterBroadcastMutants = []mutant[conformance.ClusterHarness]{
	hears("BroadcastReachesEveryNodeOnce", "delivers broadcasts twice", func() func(transport.Message, *codec.Envelope) []transport.Message {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if isEvent(env) {
				return []transport.Message{m, m}
			}
			return []transport.Message{m}
		}
	}),
	loses("BroadcastReachesEveryNodeOnce", "loses broadcasts", isEvent),
	breaksCluster("BroadcastReachesEveryNodeOnce", "forgets its own clients", func(_ *testing.T, m *clusterMutation) {
		m.local = func(l core.Local) core.Local { return deafLocal{l} }
	}),
	says("RoomsAndExcept", "forgets the exceptions", func(env *codec.Envelope) { env.Opts.Except = nil }),
	says("RoomsAndExcept", "sends to one room only", func(env *codec.Envelope) { env.Opts.Rooms = env.Opts.Rooms[:min(1, len(env.Opts.Rooms))] }),
	hears("OrderIsKept", "lets a small message overtake a reference", overtakes),
	breaksCluster("OrderIsKept", "publishes a batch backwards", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				backwards := slices.Clone(msgs)
				slices.Reverse(backwards)
				return b.Hub.Publish(ctx, backwards...)
			}
		}
	}),
	breaksCluster("EqualBroadcastsAllArrive", "merges equal messages", func(_ *testing.T, m *clusterMutation) {
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
	breaksCluster("NamespacesAreSeparate", "folds the case of channels, and names no namespace", func(_ *testing.T, m *clusterMutation) {
		m.says(func(env *codec.Envelope) { env.NSP = "" })
		m.bus = func(b *bus) {
			b.session = func(s *session) {
				var names []string
				s.listen = func(ctx context.Context, channel string) error {
					names = append(names, channel)
					return s.Session.Listen(ctx, channel)
				}
				s.hears(m.codec.good, func(msg transport.Message, _ *codec.Envelope) (all []transport.Message) {
					for _, name := range names {
						if strings.EqualFold(name, msg.Channel) {
							all = append(all, transport.Message{Channel: name, Payload: bytes.Clone(msg.Payload)})
						}
					}
					return all
				})
			}
		}
	}),
	breaksCluster("LocalStaysLocal", "tells other nodes what is local", func(_ *testing.T, m *clusterMutation) {
		var mu sync.Mutex
		var all []core.Local
		m.local = func(l core.Local) core.Local {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, l)
			return leakingLocal{l, func() []core.Local {
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(all)
			}}
		}
	}),
	says("FlagsTravel", "forgets volatile", func(env *codec.Envelope) { env.Opts.Flags.Volatile = false }),
	says("FlagsTravel", "compresses always", func(env *codec.Envelope) { yes := true; env.Opts.Flags.Compress = &yes }),
	says("FlagsTravel", "takes milliseconds for seconds", func(env *codec.Envelope) { env.Opts.Flags.Timeout *= 1000 }),
	understands("ValuesSurvive", "drops the last argument", func(env *codec.Envelope) {
		if values, err := env.Args.Values(); err == nil && len(values) > 1 && isEvent(env) {
			anys := make([]any, len(values)-1)
			for i := range anys {
				anys[i] = values[i]
			}
			env.Args, _ = codec.NewArgs(env.Args.Event(), anys...)
		}
	}),
	understands("BinaryAtAnyDepth", "makes base64 of bytes", func(env *codec.Envelope) {
		if text, err := env.Args.MarshalJSON(); err == nil && isEvent(env) && env.AttachmentID == "" {
			v, _ := codec.RawJSON(text)
			env.Args, _ = codec.ArgsOf(v)
		}
	}),
	says("NamesAreData", "cuts names at NUL", func(env *codec.Envelope) {
		env.Opts.Rooms = slices.Clone(env.Opts.Rooms)
		for i, room := range env.Opts.Rooms {
			env.Opts.Rooms[i], _, _ = strings.Cut(room, "\x00")
		}
	}),
	breaksCluster("NamesAreData", "does not quote channels", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			b.each(func(m *transport.Message) { m.Channel = strings.ReplaceAll(m.Channel, "'", "''") })
		}
	}),
	breaksCluster("SizesDoNotMatter", "counts characters instead of bytes", func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) {
			b.limits = func() transport.Limits { return transport.Limits{Payload: 8100, Channel: 63, Text: true} }
		}
	}),
	breaksCluster("SizesDoNotMatter", "keeps no large attachments", func(_ *testing.T, m *clusterMutation) {
		m.store = func(s storage.Store) storage.Store { return smallStore{s} }
	}),
}

// overtakes holds each reference back until the message behind it has come.
func overtakes() func(transport.Message, *codec.Envelope) []transport.Message {
	var held []transport.Message
	return func(m transport.Message, env *codec.Envelope) []transport.Message {
		if env.AttachmentID != "" && len(held) == 0 {
			held = append(held, m)
			return nil
		}
		out := append([]transport.Message{m}, held...)
		held = nil
		return out
	}
}

// deafLocal delivers nothing.
type deafLocal struct{ core.Local }

func (deafLocal) Broadcast(*core.Packet, core.Selector) {}

// leakingLocal delivers to the clients of all nodes.
type leakingLocal struct {
	core.Local
	all func() []core.Local
}

func (l leakingLocal) Broadcast(p *core.Packet, to core.Selector) {
	for _, other := range l.all() {
		other.Broadcast(p, to)
	}
}

// smallStore takes only small bodies.
type smallStore struct{ storage.Store }

func (s smallStore) Put(ctx context.Context, body []byte) (string, error) {
	if len(body) > 100<<10 {
		return "", errors.New("too large")
	}
	return s.Store.Put(ctx, body)
}
