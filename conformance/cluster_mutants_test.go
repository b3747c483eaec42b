package conformance_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

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
	suiteTest[conformance.ClusterHarness]{
		checks: conformance.ClusterChecks(),
		why:    conformance.ClusterWhy,
		run:    conformance.CheckCluster,
		good: func(*testing.T) conformance.ClusterHarness {
			h := new(clusterMedium).harness()
			h.Patience = 0
			return h
		},
		mutants: slices.Concat(clusterBusMutants(), clusterCodecMutants, clusterStoreMutants,
			clusterSeverMutants(), clusterHearingMutants),
		virtualClock: true,
	}.test(t)
}

func TestMissingClusterHooksSkipByName(t *testing.T) {
	hub := memory.NewHubWithConfig(memory.Config{Limits: textLimits})
	h := conformance.ClusterHarness{NewConfig: func(testing.TB) core.Config { return core.Config{Bus: hub} }}
	for check, hook := range map[string]string{
		"SeveredNodeReconnects":         "ClusterHarness.Sever is nil",
		"SeveredNodeKeepsItsPeers":      "ClusterHarness.Sever is nil",
		"LossesAreReported":             "ClusterHarness.Sever is nil",
		"ManyNamespacesListenAgain":     "ClusterHarness.Sever is nil",
		"BinaryAtAnyDepth":              "Config.Store is nil",
		"LargeMessagesOfAllNodesArrive": "Config.Store is nil",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckCluster(tb, check, h) })
		require.False(t, r.failed, r.text)
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, hook)
	}
}

// clusterMedium is the medium of correct clusters that mutants change.
type clusterMedium struct {
	limits transport.Limits // textLimits if zero
	codec  mutableCodec
	bus    func(b *bus)                      // changes the bus of each node
	store  func(storage.Store) storage.Store // returns the store of the next node
}

func (m *clusterMedium) harness() conformance.ClusterHarness {
	if m.limits == (transport.Limits{}) {
		m.limits = textLimits
	}
	hub := memory.NewHubWithConfig(memory.Config{Limits: m.limits})
	good := memstore.NewStore()
	outages := new(atomic.Int32)
	h := conformance.ClusterHarness{
		NewConfig: func(testing.TB) core.Config {
			b := &bus{Hub: hub, outages: outages}
			if m.bus != nil {
				m.bus(b)
			}
			var store storage.Store = good
			if m.store != nil {
				store = m.store(store)
			}
			return core.Config{Bus: &severableBus{Bus: b}, Store: store, Codec: m.codec.orGood()}
		},
		Sever: func(_ testing.TB, config core.Config) {
			outages.Add(1)
			config.Bus.(*severableBus).sever()
		},
	}
	if *realClock {
		h.Patience = time.Second
	}
	return h
}

// orGood returns the unchanged codec if there is no change, because the checks recognize it.
func (m *mutableCodec) orGood() codec.Codec {
	if m.append == nil && m.parse == nil && m.peek == nil {
		return m.good
	}
	return m
}

// breaksCluster returns a mutant of a cluster's medium.
func breaksCluster(check, bug string, change func(t *testing.T, m *clusterMedium)) mutant[conformance.ClusterHarness] {
	return mutant[conformance.ClusterHarness]{check, bug, func(t *testing.T) conformance.ClusterHarness {
		m := new(clusterMedium)
		change(t, m)
		return m.harness()
	}}
}

// flawedCluster returns a mutant with a flaw on one side of the buses.
func flawedCluster(check string, limits transport.Limits, side side, selector selector,
	effect effect) mutant[conformance.ClusterHarness] {
	bug := fmt.Sprintf("when %s with a limit of %d, %s %s", side.name, limits.Payload, selector.name, effect.name)
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) {
		m.limits = limits
		m.bus = func(b *bus) {
			side.apply(b, func() *flaw {
				return &flaw{selector: selector, effect: effect, limit: limits.Payload, counts: make(map[string]int),
					order: make(map[string]int)}
			})
		}
	})
}

// changesAppended returns a mutant whose nodes publish changed envelopes.
func changesAppended(check, bug string, change func(env *codec.Envelope)) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) { m.changeAppended(change) })
}

func (m *clusterMedium) changeAppended(change func(env *codec.Envelope)) {
	m.codec.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
		changed := *env
		change(&changed)
		return m.codec.good.Append(dst, &changed, f)
	}
}

// changesParsed returns a mutant whose nodes change the envelopes they parse.
func changesParsed(check, bug string, change func(env *codec.Envelope)) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) {
		m.codec.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.codec.good.Parse(p, f)
			if err == nil {
				change(env)
			}
			return env, err
		}
	})
}

type receiveChange = func(transport.Message, *codec.Envelope) []transport.Message

// changesReceived returns a mutant whose sessions receive other messages than were published: the result of
// change for each.
func changesReceived(check, bug string, change func() receiveChange) mutant[conformance.ClusterHarness] {
	return breaksCluster(check, bug, func(_ *testing.T, m *clusterMedium) {
		m.bus = func(b *bus) { b.session = func(s *session) { s.changeReceived(m.codec.good, change()) } }
	})
}

// dropsMessages returns a mutant whose sessions miss messages.
func dropsMessages(check, bug string, lost func(env *codec.Envelope) bool) mutant[conformance.ClusterHarness] {
	return changesReceived(check, bug, func() receiveChange {
		return func(m transport.Message, env *codec.Envelope) []transport.Message {
			if lost(env) {
				return nil
			}
			return []transport.Message{m}
		}
	})
}

// changeReceived makes a session receive the result of change for each message. It passes on messages that it
// cannot parse.
func (s *session) changeReceived(c codec.Codec, change receiveChange) {
	s.mapReceived(func(m transport.Message) []transport.Message {
		env, err := c.Parse(m.Payload, codec.Text)
		if err != nil {
			return []transport.Message{m}
		}
		return change(m, env)
	})
}

// encoded returns a message with the envelope env, in place of m.
func encoded(m transport.Message, env codec.Envelope) transport.Message {
	payload, err := new(mutableCodec).good.Append(nil, &env, codec.Text)
	if err != nil {
		panic(err)
	}
	return transport.Message{Channel: m.Channel, Payload: payload}
}

func isEvent(env *codec.Envelope) bool { return env.Type == codec.Broadcast }

func isType(types ...codec.Type) func(env *codec.Envelope) bool {
	return func(env *codec.Envelope) bool { return slices.Contains(types, env.Type) }
}
