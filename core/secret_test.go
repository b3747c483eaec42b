package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

var secretA, secretB = []byte("the first secret of this test"), []byte("the other secret of this test")

func secret(signs, accepts []byte) func(*core.Config) {
	return func(c *core.Config) { c.Secret, c.PreviousSecret = signs, accepts }
}

// postgresLimits are the limits of a bus that carries as little as PostgreSQL's.
var postgresLimits = transport.Limits{Payload: 7999, Channel: 63, Text: true, Distinct: true}

func TestSignedMessagesArriveOnEveryBus(t *testing.T) {
	for name, limits := range map[string]transport.Limits{"Text": postgresLimits, "Bytes": {Payload: 7999}, "Any": {}} {
		for codecName, c := range map[string]codec.Codec{"JSON": jsonmsgpack.Codec{}, "CBOR": cbor.Codec{}} {
			t.Run(name+codecName, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hub := memory.NewHubWithConfig(memory.Config{Limits: limits})
					store := memstore.NewStore()
					var errs log[error]
					config := func(config *core.Config) {
						config.Codec, config.Store, config.Secret, config.ErrorHandler = c, store, secretA, errs.add
					}
					registry, clients := crowd("alice")
					a, b := join(t, open(t, hub, config), "/", nil), join(t, open(t, hub, config), "/", registry)
					require.NoError(t, a.WaitForPeers(t.Context(), 1))
					var want []string
					for size := range 3 {
						for n := 7600 * size; n < 7600*size+500; n += 7 {
							text := strings.Repeat("x", n)
							require.NoError(t, a.Emit(t.Context(), "e", text))
							want = append(want, `["e","`+text+`"]`)
						}
					}
					synctest.Wait()
					require.Len(t, errs.all(), 0, "%v", errs.all())
					assert.Equal(t, want, clients["alice"].got.all(),
						"small messages, large ones, and those of the size at which they become attachments")
					require.NoError(t, a.Emit(t.Context(), "bytes", []byte{1, 0, 255}))
					sockets, err := a.FetchSockets(t.Context())
					require.NoError(t, err)
					assert.Len(t, sockets, 1)
					require.NoError(t, b.Close(t.Context()))
					synctest.Wait()
					assert.Empty(t, a.Peers())
				})
			})
		}
	}
}

// tap keeps the published messages in order.
func tap(t *testing.T, hub *memory.Hub, nsp string) *log[string] {
	t.Helper()
	var heard log[string]
	session, err := hub.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, session.Listen(t.Context(), "socket.io#"+nsp))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			m, err := session.Receive(ctx)
			if err != nil {
				return
			}
			heard.add(string(m.Payload))
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
		_ = session.Close(context.Background())
	})
	return &heard
}

// containing returns the only message that contains a text. Others, such as answers to announcements, may come before
// or after it.
func containing(t *testing.T, said *log[string], text string) string {
	t.Helper()
	all := slices.DeleteFunc(said.all(), func(m string) bool { return !strings.Contains(m, text) })
	require.Len(t, all, 1, "messages with %s", text)
	return all[0]
}

func TestUnsignedMessagesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		said, elsewhere := tap(t, hub, "/"), tap(t, hub, "/elsewhere")
		var errs log[error]
		registry, clients := crowd("alice")
		cluster := open(t, hub, secret(secretA, nil), func(c *core.Config) { c.ErrorHandler = errs.add })
		ns := join(t, cluster, "/", registry)
		other := open(t, hub, secret(secretA, nil))
		there, away := join(t, other, "/", nil), join(t, other, "/elsewhere", nil)
		outsider := join(t, open(t, hub, secret(secretB, nil)), "/", nil)
		plain := join(t, open(t, hub), "/", nil)
		require.NoError(t, there.Emit(t.Context(), "signed"))
		require.NoError(t, away.Emit(t.Context(), "elsewhere"))
		synctest.Wait()
		require.Equal(t, []string{`["signed"]`}, clients["alice"].got.all())
		require.Equal(t, []string{there.UID()}, ns.Peers())

		signed, moved := containing(t, said, `["signed"]`), containing(t, elsewhere, `["elsewhere"]`)
		p := newPuppet(t, hub, "/", "puppet")
		before := cluster.Stats()
		for _, payload := range []string{
			"", "x", signed[43:], signed[:43], signed[1:], signed + " ",
			strings.Replace(signed, `"signed"`, `"forged"`, 1),
			strings.Repeat("A", 43) + signed[43:],
			strings.Replace(moved, `"/elsewhere"`, `"/"`, 1), moved,
			`{"uid":"` + ns.UID() + `","type":2,"nsp":"/"}`,
			`{"uid":"` + there.UID() + `","type":13,"nsp":"/"}`,
		} {
			p.shout(payload)
		}
		require.NoError(t, outsider.Emit(t.Context(), "of an unverified peer"))
		require.NoError(t, plain.Emit(t.Context(), "plain"))
		synctest.Wait()
		assert.Equal(t, []string{`["signed"]`}, clients["alice"].got.all())
		assert.Equal(t, []string{there.UID()}, ns.Peers())
		after := cluster.Stats()
		assert.Equal(t, before.Unsigned+14, after.Unsigned)
		assert.Equal(t, before.ReceivedOwn, after.ReceivedOwn,
			"an unsigned message in a node's own name does not prove that it receives its own messages")
		assert.Equal(t, before.ReceiveDropped+14, after.ReceiveDropped)
		for _, err := range errs.all() {
			var drop *core.DropError
			require.ErrorAs(t, err, &drop)
			assert.Equal(t, core.DropUnsigned, drop.Reason)
			assert.ErrorIs(t, err, core.ErrUnsigned)
		}
		for range 1000 {
			p.shout("x")
		}
		synctest.Wait()
		assert.Less(t, len(errs.all()), 150, "a flood is counted, but not reported message by message")
		assert.Equal(t, after.Unsigned+1000, cluster.Stats().Unsigned)
	})
}

// Secrets are replaced in three steps, node by node: all accept the new one; all sign with it; nobody accepts the old
// one.
func TestSecretsRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []func(*core.Config){secret(secretA, nil), secret(secretA, secretB), secret(secretB, secretA),
			secret(secretB, nil)}
		for i := range len(steps) - 1 {
			hub := memory.NewHub()
			old, fresh := join(t, open(t, hub, steps[i]), "/", nil), join(t, open(t, hub, steps[i+1]), "/", nil)
			for _, ns := range []*core.Namespace{old, fresh} {
				require.NoError(t, ns.WaitForPeers(t.Context(), 1))
				_, err := ns.FetchSockets(t.Context())
				require.NoError(t, err, "between step %d and the next", i)
			}
		}
		hub := memory.NewHub()
		first := join(t, open(t, hub, steps[0]), "/", nil)
		join(t, open(t, hub, steps[3]), "/", nil)
		time.Sleep(time.Minute)
		assert.Empty(t, first.Peers())
	})
}

// swappingStore returns other bodies than those that were asked for.
type swappingStore struct {
	storage.Store
	change func(body []byte) []byte
}

func (s swappingStore) Get(ctx context.Context, id string) ([]byte, error) {
	body, err := s.Store.Get(ctx, id)
	return s.change(body), err
}

func TestAttachmentsAreSigned(t *testing.T) {
	for name, change := range map[string]func(body, other []byte) []byte{
		"Altered":  func(body, _ []byte) []byte { return bytes.Replace(body, []byte("good"), []byte("evil"), 1) },
		"Unsigned": func(body, _ []byte) []byte { return body[43:] },
		"Swapped":  func(_, other []byte) []byte { return other },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(memory.Config{Limits: postgresLimits})
				store := memstore.NewStore()
				var errs log[error]
				var first []byte
				get := swappingStore{store, func(body []byte) []byte {
					if first == nil {
						first = body
						return body
					}
					return change(body, first)
				}}
				registry, clients := crowd("alice")
				join(t, open(t, hub, secret(secretA, nil), func(c *core.Config) {
					c.Store, c.ErrorHandler = get, errs.add
				}), "/", registry)
				ns := join(t, open(t, hub, secret(secretA, nil), func(c *core.Config) { c.Store = store }), "/", nil)
				large := strings.Repeat("x", 9000)
				require.NoError(t, ns.Emit(t.Context(), "first", large))
				synctest.Wait()
				require.Len(t, clients["alice"].got.all(), 1)
				require.NoError(t, ns.Emit(t.Context(), "good", large))
				synctest.Wait()
				assert.Len(t, clients["alice"].got.all(), 1)
				require.Len(t, errs.all(), 1)
				assert.True(t, errors.Is(errs.all()[0], core.ErrUnsigned) || errors.Is(errs.all()[0],
					core.ErrAttachmentReplaced), "%v", errs.all()[0])
			})
		})
	}
}

func TestEmitterSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: postgresLimits})
		store := memstore.NewStore()
		registry, clients := crowd("alice")
		cluster := open(t, hub, secret(secretA, nil), func(c *core.Config) { c.Store = store })
		join(t, cluster, "/", registry)
		large := strings.Repeat("x", 9000)
		for i, key := range [][]byte{secretA, nil, secretB} {
			e, err := emitter.New(emitter.Config{Bus: hub, Store: store, Secret: key})
			require.NoError(t, err)
			require.NoError(t, e.Emit(t.Context(), fmt.Sprint(i)))
			batch := e.Batch()
			require.NoError(t, batch.Emit(t.Context(), fmt.Sprint(i), large))
			require.NoError(t, batch.Send(t.Context()))
		}
		synctest.Wait()
		assert.Equal(t, []string{`["0"]`, `["0","` + large + `"]`}, clients["alice"].got.all())
		assert.Equal(t, uint64(4), cluster.Stats().Unsigned)
	})
}

func TestShortSecretsAreErrors(t *testing.T) {
	for field, c := range map[string]core.Config{
		"Secret":         {Secret: make([]byte, 15)},
		"PreviousSecret": {Secret: make([]byte, 16), PreviousSecret: make([]byte, 15)},
	} {
		c.Bus = memory.NewHub()
		_, err := core.New(c)
		var bad *core.ConfigError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, field, bad.Field)
	}
	_, err := core.New(core.Config{Bus: memory.NewHub(), PreviousSecret: make([]byte, 16)})
	assert.Error(t, err, "nothing would be signed")
	_, err = core.New(core.Config{Bus: memory.NewHub(), Secret: make([]byte, 16)})
	assert.NoError(t, err)
	_, err = emitter.New(emitter.Config{Bus: memory.NewHub(), Secret: make([]byte, 15)})
	assert.Error(t, err)
}
