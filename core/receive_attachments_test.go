package core_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	"github.com/backplane-go/backplane/transport/memory"
)

// meter is a store that notes how large the bodies are that it returns.
type meter struct {
	*memstore.Store
	mu      sync.Mutex // guards largest
	largest int
}

func (m *meter) note(body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.largest = max(m.largest, len(body))
}

func (m *meter) Get(ctx context.Context, id string) ([]byte, error) {
	body, err := m.Store.Get(ctx, id)
	m.note(body)
	return body, err
}

func (m *meter) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	found, err := m.Store.GetUpTo(ctx, ids, limit)
	for _, f := range found {
		m.note(f.Body)
	}
	return found, err
}

// plainStore hides the optional methods of a store.
type plainStore struct{ storage.Store }

// stored puts a broadcast of n bytes into store, as sent by uid, and returns its id.
func stored(t *testing.T, store storage.Store, uid string, n int) string {
	t.Helper()
	env := codec.Envelope{Type: codec.Broadcast, UID: uid, NSP: "/", Args: args("large", make([]byte, n))}
	body, err := jsonmsgpack.Codec{}.Append(nil, &env, codec.Binary)
	require.NoError(t, err)
	id, err := store.Put(t.Context(), body)
	require.NoError(t, err)
	return id
}

func TestSendingAMessageOverTheLimitIsAnError(t *testing.T) {
	for name, limits := range map[string]memory.Config{"Inline": {}, "Attachment": smallLimits} {
		t.Run(name, func(t *testing.T) {
			hub, store := memory.NewHubWithConfig(limits), memstore.NewStore()
			config := func(c *core.Config) { c.MaxMessageBytes, c.Store = 1000, store }
			registry, clients := crowd("alice")
			ns := join(t, open(t, hub, config), "/", registry)
			remote, remotes := crowd("bob")
			join(t, open(t, hub, config), "/", remote)
			err := ns.Emit(t.Context(), "large", strings.Repeat("x", 1000))
			var large *core.TooLargeError
			require.ErrorAs(t, err, &large)
			assert.Equal(t, 1000, large.Limit)
			assert.Equal(t, "MaxMessageBytes", large.Option)
			require.ErrorAs(t, ns.EmitAsync("large", strings.Repeat("x", 1000)), &large)
			require.NoError(t, ns.Emit(t.Context(), "small"))
			assert.Equal(t, []string{`["small"]`}, remotes["bob"].got.wait(t, 1))
			assert.Zero(t, store.Len(), "nothing of the message is stored")
			assert.Contains(t, clients["alice"].got.wait(t, 2)[0], "large",
				"this process's own clients get the message all the same")
		})
	}
}

func TestReceivedMessageOverTheLimitIsDroppedUnread(t *testing.T) {
	const limit = 10_000
	for name, test := range map[string]struct {
		store func(m *meter) storage.Store
		reads bool
	}{
		"Sizer": {func(m *meter) storage.Store { return m }, false},
		"Plain": {func(m *meter) storage.Store { return plainStore{m} }, true}, // it cannot tell the size first
	} {
		t.Run(name, func(t *testing.T) {
			hub, m := memory.NewHub(), &meter{Store: memstore.NewStore()}
			var drops log[error]
			registry, clients := crowd("alice")
			join(t, open(t, hub, func(c *core.Config) {
				c.Store, c.MaxMessageBytes, c.ErrorHandler = test.store(m), limit, drops.add
			}), "/", registry)
			p := newPuppet(t, hub, "/", "puppet")
			p.say(codec.Envelope{Type: codec.Broadcast, Args: args("inline", strings.Repeat("x", limit))})
			for range 3 {
				p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: stored(t, m.Store, "puppet", limit)})
			}
			p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: stored(t, m.Store, "puppet", limit-200)})
			p.say(codec.Envelope{Type: codec.Broadcast, Args: args("next")})
			got := clients["alice"].got.wait(t, 2)
			assert.Contains(t, got[0], "large")
			assert.Equal(t, `["next"]`, got[1])
			require.Len(t, drops.wait(t, 4), 4)
			for _, err := range drops.all() {
				var drop *core.DropError
				require.ErrorAs(t, err, &drop)
				assert.Equal(t, core.DropTooLarge, drop.Reason)
				var large *core.TooLargeError
				require.ErrorAs(t, err, &large)
				assert.Equal(t, limit, large.Limit)
				assert.Greater(t, large.Size, limit)
			}
			assert.Equal(t, test.reads, m.largest > limit, "the largest body that was read has %d bytes", m.largest)
		})
	}
}

// heapHere returns how many bytes are alive.
func heapHere() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// measuring is a LocalSockets that measures the heap at the end of each broadcast. It waits for goOn before the first
// one.
type measuring struct {
	core.LocalSockets
	goOn  chan struct{}
	heaps log[int64]
}

func (m *measuring) Broadcast(p *core.Packet, _ core.Selector) {
	<-m.goOn
	m.heaps.add(heapHere())
	runtime.KeepAlive(p)
}

// A backlog of attachments takes no more memory than the bound, and each attachment is released when it was handled.
// All refer to one body, so that the store itself takes little.
func TestBacklogOfAttachmentsIsBoundedInBytes(t *testing.T) {
	const size, backlog, queue = 1 << 20, 100, 8 << 20
	for name, wrap := range map[string]func(s *memstore.Store) storage.Store{
		"Sizer": func(s *memstore.Store) storage.Store { return s },
		"Plain": func(s *memstore.Store) storage.Store { return plainStore{s} },
		"Batch": func(s *memstore.Store) storage.Store {
			b := &batchStore{Store: s}
			b.getAll = func(ctx context.Context, ids []string) ([][]byte, error) { return b.each(ctx, ids) }
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			hub, inner := memory.NewHub(), memstore.NewStore()
			local := &measuring{LocalSockets: core.NewRegistry(core.RegistryConfig{}), goOn: make(chan struct{})}
			var drops log[error]
			cluster := open(t, hub, func(c *core.Config) {
				c.Store, c.ReceiveQueueBytes, c.MaxMessageBytes, c.ErrorHandler = wrap(inner), queue, 2*size, drops.add
			})
			join(t, cluster, "/", local)
			p := newPuppet(t, hub, "/", "puppet")
			id := stored(t, inner, "puppet", size)
			before := heapHere()
			for range backlog {
				p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: id})
			}
			close(local.goOn)
			heaps := local.heaps.wait(t, backlog)
			most := int64(0)
			for _, h := range heaps {
				most = max(most, h-before)
			}
			assert.Less(t, most, int64(queue+3*size), "bytes alive while %d attachments of %d bytes are handled",
				backlog, size)
			assert.Less(t, heapHere()-before, int64(2*size), "bytes in use after all messages were handled")
			assert.Empty(t, drops.all())
			t.Logf("at most %.1f MB alive", float64(most)/(1<<20))
		})
	}
}

// slowSizer is a Sizer that takes a different time for each call.
type slowSizer struct{ *memstore.Store }

func (s slowSizer) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	time.Sleep(time.Duration(len(ids)*limit%97) * time.Millisecond)
	return s.Store.GetUpTo(ctx, ids, limit)
}

// Some attachments are read ahead, some when their message is next, and some are too large: messages arrive in order,
// and those that do not arrive are reported.
func TestOrderIsKeptWhateverFitsIntoMemory(t *testing.T) {
	const count, limit = 60, 5000
	for queue, waits := range map[int]bool{1: true, 3000: false, 20_000: false, 1 << 20: false} {
		t.Run(fmt.Sprint(queue), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub, store := memory.NewHub(), memstore.NewStore()
				local := &noting{LocalSockets: core.NewRegistry(core.RegistryConfig{})}
				var drops log[error]
				join(t, open(t, hub, func(c *core.Config) {
					c.Store, c.ReceiveQueueBytes, c.MaxMessageBytes, c.ErrorHandler = slowSizer{store}, queue, limit,
						drops.add
				}), "/", local)
				p := newPuppet(t, hub, "/", "puppet")
				var want []int
				for i := range count {
					env := codec.Envelope{Type: codec.Broadcast, UID: "puppet", NSP: "/",
						Args: args("n", i, make([]byte, i*i*37%6000))}
					body, err := jsonmsgpack.Codec{}.Append(nil, &env, codec.Binary)
					require.NoError(t, err)
					if i%7 == 0 {
						p.say(codec.Envelope{Type: codec.Broadcast, Args: args("n", i)})
						want = append(want, i)
					} else {
						id, err := store.Put(t.Context(), body)
						require.NoError(t, err)
						p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: id})
						if len(body) <= limit {
							want = append(want, i)
						}
					}
					if waits { // there is room for only one
						synctest.Wait()
						time.Sleep(time.Second)
					}
				}
				time.Sleep(time.Minute)
				got := local.numbers.all()
				assert.Len(t, drops.all(), count-len(got), "messages that do not arrive are reported")
				if queue == 3000 {
					// the queue was full
					want = slices.DeleteFunc(want, func(i int) bool { return !slices.Contains(got, i) })
				}
				assert.Equal(t, want, got)
			})
		})
	}
}

// noting is a LocalSockets that notes the number of each broadcast.
type noting struct {
	core.LocalSockets
	numbers log[int]
}

func (n *noting) Broadcast(p *core.Packet, _ core.Selector) {
	number := -1
	_ = p.Args.Decode(&number)
	n.numbers.add(number)
}

// Messages that were taken out of the queue and not handled yet still count.
func TestMessagesCountUntilTheyAreHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		clients["alice"].hold = make(chan struct{})
		cluster := open(t, hub, func(c *core.Config) { c.ReceiveQueue = 10 })
		join(t, cluster, "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		for i := range 100 {
			p.say(codec.Envelope{Type: codec.Broadcast, Args: args("n", i)})
			if i == 5 {
				synctest.Wait()
				clients["alice"].hold <- struct{}{} // a second batch is under way
				synctest.Wait()
			}
		}
		synctest.Wait()
		close(clients["alice"].hold)
		synctest.Wait()
		assert.Len(t, clients["alice"].got.all(), 1+10)
		assert.Equal(t, uint64(100-11), cluster.Stats().ReceiveDropped)
	})
}

// forgetful is a LocalSockets that keeps the answer functions and nothing else.
type forgetful struct {
	core.LocalSockets
	answers log[func(codec.Value)]
}

func (f *forgetful) BroadcastAck(_ context.Context, _ *core.Packet, _ core.Selector, asked func(int),
	answer func(codec.Value)) {
	asked(1)
	f.answers.add(answer)
}

func (f *forgetful) ServerSideEmit(_ codec.Args, reply func(codec.Value)) { f.answers.add(reply) }

// The application may take its time to answer. Meanwhile the node keeps what it needs for the answer, but not the
// request.
func TestPendingRequestsKeepNoMessage(t *testing.T) {
	const size, requests = 1 << 20, 20
	hub := memory.NewHub()
	local := &forgetful{LocalSockets: core.NewRegistry(core.RegistryConfig{})}
	cluster := open(t, hub)
	join(t, cluster, "/", local)
	p := newPuppet(t, hub, "/", "puppet")
	text := strings.Repeat("x", size)
	before := heapHere()
	for i := range requests {
		typ := codec.Broadcast
		if i%2 == 1 {
			typ = codec.ServerSideEmit
		}
		p.say(codec.Envelope{Type: typ, RequestID: fmt.Sprint(i), Args: args("e", text),
			Opts: codec.Opts{Flags: codec.Flags{Timeout: time.Hour}}})
	}
	kept := local.answers.wait(t, requests)
	p.heard.mu.Lock()
	p.heard.entries = nil // the puppet receives its own messages
	p.heard.mu.Unlock()
	assert.Less(t, heapHere()-before, int64(requests*size/2),
		"bytes alive while %d requests of %d bytes wait for an answer", requests, size)
	runtime.KeepAlive(kept)
}
