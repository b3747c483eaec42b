package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/emitter"
	storagememory "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func newSides(t testing.TB) (a, b *side) {
	t.Helper()
	return newSide(t, memory.NewHub()), newSide(t, memory.NewHub())
}

func TestBroadcastsCrossTheBridge(t *testing.T) {
	for name, c := range map[string]struct {
		emit       func(context.Context, backplane.Target) error
		alice, bob []string // what they get
	}{
		"ToAll": {
			emit:  func(ctx context.Context, t backplane.Target) error { return t.Emit(ctx, "hi", 1, "two", nil) },
			alice: []string{`["hi",1,"two",null]`}, bob: []string{`["hi",1,"two",null]`},
		},
		"ToARoom": {
			emit:  func(ctx context.Context, t backplane.Target) error { return t.To("red").Emit(ctx, "hi") },
			alice: []string{`["hi"]`},
		},
		"ToSeveralRooms": {
			emit: func(ctx context.Context, t backplane.Target) error {
				return t.To("red", "alice", "bob", "nobody").Emit(ctx, "hi")
			},
			alice: []string{`["hi"]`}, bob: []string{`["hi"]`},
		},
		"ToARoomOfNobody": {
			emit: func(ctx context.Context, t backplane.Target) error { return t.To("nobody").Emit(ctx, "hi") },
		},
		"ExceptARoom": {
			emit: func(ctx context.Context, t backplane.Target) error { return t.Except("red").Emit(ctx, "hi") },
			bob:  []string{`["hi"]`},
		},
		"ToRoomsExceptARoom": {
			emit: func(ctx context.Context, t backplane.Target) error {
				return t.To("red", "bob").Except("bob", "other").Emit(ctx, "hi")
			},
			alice: []string{`["hi"]`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newSides(t)
				br := connect(t, a, b)
				require.NoError(t, c.emit(t.Context(), a.Target))
				synctest.Wait()
				assert.Equal(t, c.alice, b.alice.got.all())
				assert.Equal(t, c.bob, b.bob.got.all())
				assert.Equal(t, c.alice, a.alice.got.all(), "once, in the cluster of the sender")
				assert.Equal(t, bridge.Stats{Active: true, AToB: bridge.Direction{Passed: 1}}, br.Stats())

				require.NoError(t, c.emit(t.Context(), b.Target))
				synctest.Wait()
				assert.Len(t, a.alice.got.all(), 2*len(c.alice), "the other way")
				assert.Len(t, a.bob.got.all(), 2*len(c.bob))
				assert.Equal(t, bridge.Direction{Passed: 1}, br.Stats().BToA)
			})
		})
	}
}

func TestFlagsAreKeptAndTheMarkIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		connect(t, a, b)
		require.NoError(t, a.Emit(t.Context(), "plain"))
		require.NoError(t, a.Volatile().Compress(false).Emit(t.Context(), "flags"))
		synctest.Wait()
		no := false
		assert.Equal(t, []backplane.Flags{{Relayed: true}, {Volatile: true, Compress: &no, Relayed: true}},
			b.alice.flags.all())
		assert.Equal(t, []backplane.Flags{{}, {Volatile: true, Compress: &no}}, a.alice.flags.all())
	})
}

func TestWhatIsMarkedIsNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		br := connect(t, a, b)
		require.NoError(t, a.Relayed().Emit(t.Context(), "from a third cluster"))
		synctest.Wait()
		assert.Len(t, a.alice.got.all(), 1)
		assert.Empty(t, b.alice.got.all())
		assert.Equal(t, bridge.Stats{Active: true}, br.Stats())
	})
}

func TestBinaryAndLargeDataCrossBetweenCodecs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000, Text: true}})
		store := storagememory.NewStore()
		a := newSide(t, limited, func(c *backplane.Config) { c.Store = store })
		b := newSide(t, memory.NewHub(), func(c *backplane.Config) { c.Codec = cbor.Codec{} })
		connect(t, a, b)
		deep := map[string]any{"deep": []any{[]byte("bytes"), 1.5}}
		event := []any{[]byte{0, 1, 255}, deep, strings.Repeat("x", 5000)}
		require.NoError(t, a.Emit(t.Context(), "data", event...))
		synctest.Wait()
		require.Len(t, b.alice.got.all(), 1)
		assert.Equal(t, a.alice.got.all(), b.alice.got.all())
		require.NoError(t, b.Emit(t.Context(), "data", event...))
		synctest.Wait()
		require.Len(t, a.alice.got.all(), 2)
		assert.Equal(t, a.alice.got.all()[0], a.alice.got.all()[1])
	})
}

func TestOrderOfASenderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}})
		store := storagememory.NewStore()
		a := newSide(t, memory.NewHub())
		b := newSide(t, hub, func(c *backplane.Config) { c.Store = store })
		connect(t, a, b)
		var want []string
		for i := range 300 {
			text := strings.Repeat("x", i%7*400) // the large ones go through the store
			require.NoError(t, a.EmitAsync("n", i, text))
			want = append(want, fmt.Sprintf(`["n",%d,"%s"]`, i, text))
		}
		synctest.Wait()
		assert.Equal(t, want, b.alice.got.all())
	})
}

func TestNamespacesStaySeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		chatA, newsA := a.node(t, "/chat"), a.node(t, "/news")
		b.node(t, "/chat")
		b.node(t, "/news")
		connect(t, a, b, func(c *bridge.Config) { c.Namespaces = []string{"/", "/chat"} })
		require.NoError(t, a.Emit(t.Context(), "default"))
		require.NoError(t, chatA.Emit(t.Context(), "chat"))
		require.NoError(t, newsA.Emit(t.Context(), "news"))
		synctest.Wait()
		assert.ElementsMatch(t, []string{`["default"]`, `["chat"]`}, b.alice.got.all(), "/news has no bridge")
	})
}

func TestMessagesOfAnEmitterCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		connect(t, a, b)
		e, err := emitter.New(emitter.Config{Bus: a.bus})
		require.NoError(t, err)
		require.NoError(t, e.To("red").Emit(t.Context(), "order"))
		synctest.Wait()
		assert.Equal(t, []string{`["order"]`}, b.alice.got.all())
	})
}

func TestTwoBridgesWithoutARosterDoNotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		first, second := connect(t, a, b), connect(t, a, b)
		require.NoError(t, a.Emit(t.Context(), "hi"))
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`, `["hi"]`}, b.alice.got.all(), "once by each, as documented")
		assert.Equal(t, []string{`["hi"]`}, a.alice.got.all(), "nothing comes back")
		assert.Zero(t, first.Stats().BToA.Passed+second.Stats().BToA.Passed)
	})
}

func TestAcknowledgementsAreNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		br := connect(t, a, b)
		acks, err := a.EmitWithAck(t.Context(), "ready?")
		require.NoError(t, err, "the bridge does not make the sender wait")
		assert.Len(t, acks, 2, "of the clients of this cluster")
		synctest.Wait()
		assert.Empty(t, b.alice.got.all())
		assert.Equal(t, bridge.Direction{Withheld: 1}, br.Stats().AToB)
	})
}

func TestBridgeAnswersRequestsAsANodeWithoutClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		connect(t, a, b)
		require.NoError(t, a.WaitForPeers(t.Context(), 1))
		sockets, err := a.FetchSockets(t.Context())
		require.NoError(t, err)
		assert.Len(t, sockets, 2, "those of this cluster")
		answers, err := a.ServerSideEmitWithAck(t.Context(), "who?")
		require.NoError(t, err)
		require.Len(t, answers, 1)
		assert.True(t, answers[0].IsNull())
		answers, err = a.CustomRequest(t.Context(), "who?")
		require.NoError(t, err)
		require.Len(t, answers, 1)
		assert.True(t, answers[0].IsNull())
		require.NoError(t, a.SocketsJoin(t.Context(), "blue"))
		require.NoError(t, a.DisconnectSockets(t.Context(), true))
		require.NoError(t, a.ServerSideEmit(t.Context(), "to servers"))
		synctest.Wait()
		require.NoError(t, b.To("blue").Emit(t.Context(), "hi"))
		synctest.Wait()
		assert.Empty(t, b.alice.got.all(), "changes of rooms are not passed on")
	})
}
