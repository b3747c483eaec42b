package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestClusterSuite(t *testing.T) {
	suite[conformance.ClusterHarness]{
		checks: conformance.ClusterChecks(),
		why:    conformance.ClusterWhy,
		run:    conformance.CheckCluster,
		good: func(t *testing.T) conformance.ClusterHarness {
			h := new(clusterMutation).harness()
			h.Patience = 0
			return h
		},
		mutants: slices.Concat(clusterBroadcastMutants, clusterRoomMutants, clusterPeerMutants, clusterRequestMutants,
			clusterForeignMutants, clusterTroubleMutants),
	}.test(t)
}

func TestMissingClusterHooksSkipByName(t *testing.T) {
	hub := memory.NewHubWithConfig(memory.Config{Limits: textLimits})
	h := conformance.ClusterHarness{NewConfig: func(testing.TB) core.Config { return core.Config{Bus: hub} }}
	for check, hook := range map[string]string{
		"SeveredNodeReconnects":       "ClusterHarness.Sever is nil",
		"SeveredNodeKeepsItsPeers":    "ClusterHarness.Sever is nil",
		"OwnAttachmentsAreNotFetched": "Config.Store is nil",
		"MissingAttachmentIsSkipped":  "Config.Store is nil",
		"SizesDoNotMatter":            "Config.Store is nil",
		"BinaryAtAnyDepth":            "Config.Store is nil",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckCluster(tb, check, h) })
		require.False(t, r.failed, r.text)
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, hook)
	}
}

// clusterMutation is the good medium of a cluster, prepared to be broken.
type clusterMutation struct {
	codec mutableCodec
	bus   func(b *bus) // changes each node's bus
	store func(storage.Store) storage.Store
	above func(transport.Bus) transport.Bus
	local func(core.Local) core.Local
}

func (m *clusterMutation) harness() conformance.ClusterHarness {
	hub := memory.NewHubWithConfig(memory.Config{Limits: textLimits})
	var store storage.Store = memstore.NewStore()
	if m.store != nil {
		store = m.store(store)
	}
	h := conformance.ClusterHarness{
		NewConfig: func(testing.TB) core.Config {
			b := &bus{Hub: hub}
			if m.bus != nil {
				m.bus(b)
			}
			config := core.Config{Bus: &ownBus{Bus: b}, Store: store, Codec: m.codec.orGood()}
			if b.closer {
				config.Bus = &ownBus{Bus: closableBus{b}}
			}
			return config
		},
		Sever:    func(_ testing.TB, config core.Config) { config.Bus.(*ownBus).sever() },
		Patience: impatience,
	}
	if m.above != nil {
		h.Above(m.above)
	}
	if m.local != nil {
		h.Locals(m.local)
	}
	return h
}

// orGood returns the codec that checks recognise, if nothing was changed.
func (m *mutableCodec) orGood() codec.Codec {
	if m.append == nil && m.parse == nil && m.peek == nil {
		return m.good
	}
	return m
}

// breaksCluster returns a mutant of a cluster's medium.
func breaksCluster(check, bug string, change func(t *testing.T, m *clusterMutation)) mutant[conformance.ClusterHarness] {
	return mutant[conformance.ClusterHarness]{check, bug, func(t *testing.T) conformance.ClusterHarness {
		m := new(clusterMutation)
		change(t, m)
		return m.harness()
	}}
}

// says returns a mutant whose nodes publish something else than they should.
func says(check, bug string, change func(env *codec.Envelope)) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMutation) { m.says(change) })
}

func (m *clusterMutation) says(change func(env *codec.Envelope)) {
	m.codec.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
		changed := *env
		change(&changed)
		return m.codec.good.Append(dst, &changed, f)
	}
}

// understands returns a mutant whose nodes read something else than was published.
func understands(check, bug string, change func(env *codec.Envelope)) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMutation) {
		m.codec.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.codec.good.Parse(p, f)
			if err == nil {
				change(env)
			}
			return env, err
		}
	})
}

// hears returns a mutant whose sessions receive other messages than were published: what change returns for each.
func hears(check, bug string, change func() func(m transport.Message, env *codec.Envelope) []transport.Message) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMutation) {
		m.bus = func(b *bus) { b.session = func(s *session) { s.hears(m.codec.good, change()) } }
	})
}

// loses returns a mutant whose sessions miss messages.
func loses(check, bug string, lost func(env *codec.Envelope) bool) mutant[conformance.ClusterHarness] {
	return hears(check, bug, func() func(transport.Message, *codec.Envelope) []transport.Message {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if lost(env) {
				return nil
			}
			return []transport.Message{m}
		}
	})
}

// encoded returns a message that says env, in place of m.
func encoded(m transport.Message, env codec.Envelope) transport.Message {
	payload, err := new(mutableCodec).good.Append(nil, &env, codec.Text)
	if err != nil {
		panic(err)
	}
	return transport.Message{Channel: m.Channel, Payload: payload}
}
