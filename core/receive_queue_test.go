package core_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// slowStore takes a different time for each call.
type slowStore struct {
	storage.Store
	most time.Duration
}

func (s slowStore) Get(ctx context.Context, id string) ([]byte, error) {
	time.Sleep(rand.N(s.most))
	return s.Store.Get(ctx, id)
}

// batchStore reads many bodies at once.
type batchStore struct {
	storage.Store
	getAll func(ctx context.Context, ids []string) ([][]byte, error)
}

func (s batchStore) GetAll(ctx context.Context, ids []string) ([][]byte, error) {
	return s.getAll(ctx, ids)
}

func (s batchStore) PutAll(ctx context.Context, bodies [][]byte) (ids []string, err error) {
	for _, body := range bodies {
		id, err := s.Put(ctx, body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s batchStore) each(ctx context.Context, ids []string) (bodies [][]byte, err error) {
	for _, id := range ids {
		body, _ := s.Get(ctx, id)
		bodies = append(bodies, body)
	}
	return bodies, nil
}

// smallLimits make every message with 200 bytes of data an attachment.
var smallLimits = memory.Config{Limits: transport.Limits{Payload: 250}}

func TestInlineMessagesAndAttachmentsKeepTheirOrder(t *testing.T) {
	inner := memstore.NewStore()
	batch := &batchStore{Store: slowStore{inner, time.Millisecond}}
	batch.getAll = func(ctx context.Context, ids []string) ([][]byte, error) {
		time.Sleep(rand.N(100 * time.Millisecond))
		return batch.each(ctx, ids)
	}
	for name, store := range map[string]storage.Store{"OneByOne": slowStore{inner, 100 * time.Millisecond},
		"ManyAtOnce": batch} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(smallLimits)
				config := func(c *core.Config) { c.Store = store }
				ns := join(t, open(t, hub, config), "/", nil)
				registry, clients := crowd("alice")
				join(t, open(t, hub, config), "/", registry)
				var want []string
				for i := range 300 {
					text := ""
					if rand.IntN(2) == 0 {
						text = strings.Repeat("x", 200)
					}
					require.NoError(t, ns.EmitAsync("n", i, text))
					want = append(want, fmt.Sprintf(`["n",%d,%q]`, i, text))
					if i%50 == 0 {
						time.Sleep(300 * time.Millisecond)
					}
				}
				assert.Equal(t, want, clients["alice"].got.wait(t, len(want)),
					"small messages must not overtake large ones")
			})
		})
	}
}

func TestBadAttachmentDoesNotHarmOthers(t *testing.T) {
	for name, bad := range map[string]func(s *batchStore, ctx context.Context, ids []string) ([][]byte, error){
		"Missing": func(s *batchStore, ctx context.Context, ids []string) ([][]byte, error) {
			return s.each(ctx, ids)
		},
		"FailsTheBatch":    func(*batchStore, context.Context, []string) ([][]byte, error) { return nil, errBroken },
		"ReturnsTooLittle": func(*batchStore, context.Context, []string) ([][]byte, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(smallLimits)
				store := &batchStore{Store: memstore.NewStore()}
				store.getAll = func(ctx context.Context, ids []string) ([][]byte, error) { return bad(store, ctx, ids) }
				var drops log[error]
				config := func(c *core.Config) { c.Store = store }
				ns := join(t, open(t, hub, config), "/", nil)
				registry, clients := crowd("alice")
				clients["alice"].hold = make(chan struct{})
				join(t, open(t, hub, config, func(c *core.Config) { c.ErrorHandler = drops.add }), "/", registry)
				p := newPuppet(t, hub, "/", "puppet")
				// holds the receive queue, so that the rest is one batch
				require.NoError(t, ns.Emit(t.Context(), "first"))
				synctest.Wait()
				for i := range 10 {
					if i == 4 {
						p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: "no such thing"})
					}
					require.NoError(t, ns.Emit(t.Context(), fmt.Sprint(i), strings.Repeat("x", 200)))
				}
				close(clients["alice"].hold)
				got := clients["alice"].got.wait(t, 11)
				for i, line := range got[1:] {
					assert.True(t, strings.HasPrefix(line, fmt.Sprintf(`["%d",`, i)), "message %d is %.20s", i, line)
				}
				synctest.Wait()
				require.Len(t, drops.all(), 1)
				var drop *core.DropError
				require.ErrorAs(t, drops.all()[0], &drop)
				assert.Equal(t, core.DropAttachment, drop.Reason)
				assert.ErrorIs(t, drop, storage.ErrNotFound)
			})
		})
	}
}

func TestAttachmentThatDoesNotFitIsDropped(t *testing.T) {
	text := strings.Repeat("x", 10)
	for name, env := range map[string]codec.Envelope{
		"OtherType":      {Type: codec.SocketsLeave, UID: "puppet", NSP: "/", Rooms: []string{"alice"}},
		"OtherNamespace": {Type: codec.Broadcast, UID: "puppet", NSP: "/admin", Args: args("a", text)},
		"Heartbeat":      {Type: codec.Heartbeat, UID: "puppet", NSP: "/"},
		"LeaveMessage":   {Type: codec.AdapterClose, UID: "puppet", NSP: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub, store := memory.NewHub(), memstore.NewStore()
				var drops log[error]
				registry, clients := crowd("alice")
				join(t, open(t, hub, func(c *core.Config) { c.Store, c.ErrorHandler = store, drops.add }), "/",
					registry)
				p := newPuppet(t, hub, "/", "puppet")
				body, err := jsonmsgpack.Codec{}.Append(nil, &env, codec.Binary)
				require.NoError(t, err)
				id, err := store.Put(t.Context(), body)
				require.NoError(t, err)
				p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: id})
				p.say(codec.Envelope{Type: codec.Broadcast, Args: args("next")})
				assert.Equal(t, []string{`["next"]`}, clients["alice"].got.wait(t, 1), "and the next message arrives")
				require.Len(t, drops.all(), 1,
					"a body that does not match its reference is counted and reported, not ignored or delivered")
				assert.Equal(t, []string{"alice"}, registry.Rooms())
			})
		})
	}
}

func TestSlowLocalSocketsHarmNoOtherNamespace(t *testing.T) {
	for name, bound := range map[string]func(*core.Config){
		"InMessages": func(c *core.Config) { c.ReceiveQueue = 10 },
		"InBytes":    func(c *core.Config) { c.ReceiveQueueBytes = 1500 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				sender := open(t, hub)
				slow, quick := join(t, sender, "/slow", nil), join(t, sender, "/quick", nil)
				var drops log[error]
				receiver := open(t, hub, bound, func(c *core.Config) { c.ErrorHandler = drops.add })
				stuck, stuckClients := crowd("alice")
				stuckClients["alice"].hold = make(chan struct{})
				join(t, receiver, "/slow", stuck)
				fine, fineClients := crowd("bob")
				join(t, receiver, "/quick", fine)
				for i := range 100 {
					require.NoError(t, slow.Emit(t.Context(), "n", i))
					require.NoError(t, quick.Emit(t.Context(), "n", i))
					synctest.Wait()
				}
				assert.Len(t, fineClients["bob"].got.all(), 100, "the other namespace is not delayed")
				close(stuckClients["alice"].hold)
				synctest.Wait()
				got := stuckClients["alice"].got.all()
				assert.Less(t, len(got), 25, "the messages that wait for slow LocalSockets are bounded")
				assert.Equal(t, 100, len(got)+len(drops.all()), "each message is delivered or reported")
				assert.Equal(t, uint64(len(drops.all())), receiver.Stats().ReceiveDropped)
				var drop *core.DropError
				require.ErrorAs(t, drops.all()[0], &drop)
				assert.Equal(t, core.DropSlow, drop.Reason)
			})
		})
	}
}

func TestClosedNamespaceDoesNotCallLocalSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		registry, clients := crowd("alice")
		clients["alice"].hold = make(chan struct{})
		closing := join(t, open(t, hub), "/", registry)
		for i := range 10 {
			require.NoError(t, ns.Emit(t.Context(), "n", i))
		}
		synctest.Wait()
		require.NoError(t, closing.Close(t.Context()))
		close(clients["alice"].hold)
		synctest.Wait()
		assert.Len(t, clients["alice"].got.all(), 1,
			"the call under way ends; the messages queued behind it are not delivered")
	})
}

func TestMalformedBytesAreSkippedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		var drops log[error]
		cluster := open(t, hub, func(c *core.Config) { c.ErrorHandler = drops.add })
		join(t, cluster, "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		garbage := []string{"", "null", "[]", "{", `{"type":"3"}`, `{"type":3,"uid":"x","nsp":"/"}`, "\x00",
			"\x00\xc1", "\xff", strings.Repeat("[", 1e5),
			`{"type":3,"uid":"x","nsp":"/admin","data":{"packet":{"type":2,"data":["a"]},"opts":{}}}`,
			`{"type":77,"uid":"x","nsp":"/"}`,
			`{"type":1e99,"uid":"x"}`,
			`{"type":3,"uid":"x","nsp":"/","data":{"packet":{"type":2,"data":[]},"opts":{}}}`}
		for _, line := range garbage {
			p.shout(line)
		}
		p.say(codec.Envelope{Type: codec.Broadcast, Args: args("next")})
		assert.Equal(t, []string{`["next"]`}, clients["alice"].got.wait(t, 1))
		synctest.Wait()
		assert.Len(t, drops.all(), len(garbage), "each is reported")
		assert.Equal(t, uint64(len(garbage)), cluster.Stats().ReceiveDropped, "and counted")
	})
}
