package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// sent returns the channels of the messages that were published after the first so many batches.
func (b *bus) sent(batches int) (channels []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, batch := range b.batches[batches:] {
		for _, m := range batch {
			channels = append(channels, m.Channel)
		}
	}
	return channels
}

func TestIdleNamespacesSendNothing(t *testing.T) {
	for name, c := range map[string]codec.Codec{"jsonmsgpack": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				var buses []*bus
				var namespaces []*core.Namespace
				for range 3 {
					b := &bus{Bus: hub}
					buses = append(buses, b)
					namespaces = append(namespaces, openMany(t, open(t, b, func(config *core.Config) {
						config.Codec = c
					}), 50)...)
				}
				time.Sleep(10 * time.Second)
				for _, ns := range namespaces {
					require.Len(t, ns.Peers(), 2)
				}
				var before []int
				for _, b := range buses {
					before = append(before, len(b.sizes()))
				}
				time.Sleep(5 * time.Minute)
				for i, b := range buses {
					sent := b.sent(before[i])
					assert.InDelta(t, 60, len(sent), 1,
						"a node sends one heartbeat every 5 s, however many namespaces it has")
					for _, channel := range sent {
						assert.Equal(t, "socket.io#*", channel)
					}
				}
				for _, ns := range namespaces {
					require.Len(t, ns.Peers(), 2, "the heartbeat counts in all namespaces")
				}
			})
		})
	}
}

func TestNodeJSPeersGetHeartbeatsInTheirNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		all := openMany(t, open(t, b), 20)
		other := openMany(t, open(t, hub), 20)
		synctest.Wait()
		p := newPuppet(t, hub, "/7", "0123456789abcdef")
		p.say(codec.Envelope{Type: codec.InitialHeartbeat})
		synctest.Wait()
		answers, _ := p.of(all[7].UID(), codec.Heartbeat)
		require.Len(t, answers, 1, "it is answered at once")
		before := len(b.sizes())
		for range 30 { // a minute
			time.Sleep(2 * time.Second)
			p.say(codec.Envelope{Type: codec.Heartbeat})
		}
		for _, gap := range gaps(p, all[7].UID()) {
			assert.LessOrEqual(t, gap, 6*time.Second, "a Node.js node forgets a peer that is silent for 10 s")
		}
		in := make(map[string]int)
		for _, channel := range b.sent(before) {
			in[channel]++
		}
		assert.InDelta(t, 12, in["socket.io#/7"], 1)
		assert.InDelta(t, 12, in["socket.io#*"], 1)
		assert.Len(t, in, 2, "no other namespace needs them: %v", in)

		time.Sleep(12 * time.Second) // the Node.js node is gone
		assert.Equal(t, []string{other[7].UID()}, all[7].Peers())
		before = len(b.sizes())
		time.Sleep(time.Minute)
		assert.NotContains(t, b.sent(before), "socket.io#/7")
	})
}

func TestDeadProcessExpiresInAllNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		stays := openMany(t, open(t, hub), 20)
		openMany(t, open(t, b), 20)
		time.Sleep(time.Minute)
		start := time.Now()
		// nothing that it publishes arrives any more
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return nil }})
		for _, ns := range stays {
			require.Len(t, ns.Peers(), 1)
		}
		time.Sleep(11500 * time.Millisecond)
		for _, ns := range stays {
			require.Empty(t, ns.Peers(), "%v after the last heartbeat of the process", time.Since(start))
		}
	})
}

// loses returns a fault: publishing fails for messages of a type.
func loses(typ codec.Type) func(context.Context, transport.Bus, []transport.Message) error {
	return func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
		for _, m := range msgs {
			if strings.Contains(string(m.Payload), fmt.Sprintf(`"type":%d,`, typ)) {
				return errBroken
			}
		}
		return next.Publish(ctx, msgs...)
	}
}

func TestLostLeaveMessageLeavesNoGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		stays := openMany(t, open(t, hub), 20)
		leaves := openMany(t, open(t, b), 20)
		time.Sleep(time.Minute)
		b.fault(faults{publish: loses(codec.AdapterClose)})
		require.ErrorIs(t, leaves[7].Close(t.Context()), errBroken)
		b.heal()
		time.Sleep(17 * time.Second)
		for i, ns := range stays {
			if i == 7 {
				assert.Empty(t, ns.Peers(), "the process is alive, but not in this namespace")
				continue
			}
			assert.Equal(t, []string{leaves[i].UID()}, ns.Peers())
		}
	})
}

func TestMissedLeaveMessageLeavesNoGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		deaf := openMany(t, open(t, b), 20)
		speaks := openMany(t, open(t, hub), 20)
		time.Sleep(time.Minute)
		b.refuse()
		b.sever(errBroken)
		time.Sleep(time.Second)
		require.NoError(t, speaks[7].Close(t.Context()))
		time.Sleep(30 * time.Second)
		require.Len(t, deaf[7].Peers(), 1, "the peer could not receive the leave message")
		b.heal()
		time.Sleep(17 * time.Second)
		for i, ns := range deaf {
			if i == 7 {
				assert.Empty(t, ns.Peers(), "the process is alive, but not in this namespace")
				continue
			}
			assert.Equal(t, []string{speaks[i].UID()}, ns.Peers())
		}
	})
}

func TestLostHeartbeatsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		old := openMany(t, open(t, b), 20)
		synctest.Wait() // they have announced themselves
		b.fault(faults{publish: loses(codec.Heartbeat)})
		young := openMany(t, open(t, hub), 20)
		time.Sleep(3 * time.Second)
		require.Empty(t, young[0].Peers())
		b.heal()
		time.Sleep(6 * time.Second)
		for i, ns := range young {
			assert.Equal(t, []string{old[i].UID()}, ns.Peers(),
				"a node that announces itself waits for an answer, and an idle node sends nothing else")
		}
	})
}

func TestManyNamespacesFindTheirPeersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 1 << 16})
		b := &bus{Bus: hub}
		const n = 300
		deaf := openMany(t, open(t, b, func(c *core.Config) { c.PublishQueue = 60 }), n)
		other := openMany(t, open(t, hub), n)
		time.Sleep(6 * time.Second)
		before := len(b.sizes())
		b.sever(errBroken)
		time.Sleep(20 * time.Second)
		for i, ns := range deaf {
			require.Equal(t, []string{other[i].UID()}, ns.Peers(),
				"the queue is smaller than the number of announcements")
		}
		assert.Less(t, len(b.sent(before)), 3*n)
		before = len(b.sizes())
		time.Sleep(time.Minute)
		assert.Less(t, len(b.sent(before)), 20, "after that the node is silent again")
	})
}

func TestUnknownProcessesTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		before := heap()
		for i := range 50000 {
			payload, err := jsonmsgpack.Codec{}.Append(nil,
				&codec.Envelope{Type: codec.Heartbeat, UID: fmt.Sprint(i), Process: fmt.Sprintf("%0128d", i)},
				codec.Text)
			require.NoError(t, err)
			require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: "socket.io#*", Payload: payload}))
		}
		synctest.Wait()
		assert.Less(t, int64(heap())-int64(before), int64(2<<20), "no peer belongs to these processes")
		assert.Empty(t, ns.Peers(), "a process is no peer of any namespace")
		_ = p
	})
}

func TestProcessHeartbeatCountsOnlyForItsOwnNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "a")
		clock := uint64(0)
		beat := func() {
			clock++
			payload, err := jsonmsgpack.Codec{}.Append(nil,
				&codec.Envelope{Type: codec.Heartbeat, UID: "x", Process: "one", Clock: clock}, codec.Text)
			require.NoError(t, err)
			require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: "socket.io#*", Payload: payload}))
		}
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "a", Process: "one"})
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "b", Process: "two"})
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "c"})
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "d", Process: "one"})
		time.Sleep(2 * time.Second)
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "d"}) // it names no process from now on
		for range 4 {
			beat()
			time.Sleep(4 * time.Second)
		}
		synctest.Wait()
		assert.Equal(t, []string{"a"}, ns.Peers())
		p.say(codec.Envelope{Type: codec.AdapterClose, UID: "a"})
		beat()
		synctest.Wait()
		assert.Empty(t, ns.Peers(), "a namespace that sent a leave message is gone, though its process is alive")
	})
}

func TestCopiedHeartbeatsOfAProcessCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		ns := join(t, open(t, hub), "/", nil)
		join(t, open(t, b), "/", nil)
		time.Sleep(7 * time.Second)
		b.mu.Lock()
		last := b.batches[len(b.batches)-1][0]
		b.mu.Unlock()
		require.Equal(t, "socket.io#*", last.Channel)
		// it is gone
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return nil }})
		for range 5 {
			time.Sleep(3 * time.Second)
			require.NoError(t, hub.Publish(t.Context(), last))
		}
		synctest.Wait()
		assert.Empty(t, ns.Peers(), "copies of the heartbeats of a process do not keep it alive when it is gone")
	})
}
