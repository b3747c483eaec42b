package core_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestPeersFindEachOtherAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		start := time.Now()
		a, b, c := join(t, open(t, hub), "/", nil), join(t, open(t, hub), "/", nil), join(t, open(t, hub), "/", nil)
		for _, ns := range []*core.Namespace{a, b, c} {
			require.NoError(t, ns.WaitForPeers(t.Context(), 2))
			assert.Equal(t, 3, ns.ServerCount())
		}
		assert.Zero(t, time.Since(start),
			"the announcement of a new node is answered at once, not in the next heartbeat")
		assert.ElementsMatch(t, []string{b.UID(), c.UID()}, a.Peers())
	})
}

func TestWaitForPeersEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns := join(t, open(t, memory.NewHub()), "/", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.ErrorIs(t, ns.WaitForPeers(ctx, 1), context.DeadlineExceeded)
	})
}

func TestWaitForPeersEndsWithTheNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ns := join(t, open(t, memory.NewHub()), "/", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- ns.WaitForPeers(ctx, 1) }()
		synctest.Wait()
		require.NoError(t, ns.Close(t.Context()))
		assert.ErrorIs(t, <-ended, core.ErrClosed, "no peer can join any more: waiting would never end")
		assert.ErrorIs(t, ns.WaitForPeers(ctx, 1), core.ErrClosed)
	})
}

func TestLeaveMessageRemovesThePeerAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		var left log[bool]
		ns := join(t, open(t, hub, func(c *core.Config) {
			c.Trace.PeerLeft = func(_, _ string, expired bool) { left.add(expired) }
		}), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		p.say(codec.Envelope{Type: codec.Heartbeat})
		p.say(codec.Envelope{Type: codec.AdapterClose})
		p.say(codec.Envelope{Type: codec.AdapterClose})
		synctest.Wait()
		assert.Empty(t, ns.Peers())
		assert.Equal(t, []bool{false}, left.all(), "PeerLeft is called once, without expired")
	})
}

func TestLateMessagesDoNotBringAClosedNodeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		ns := join(t, open(t, hub), "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		p.say(codec.Envelope{Type: codec.Heartbeat})
		p.say(codec.Envelope{Type: codec.AdapterClose})
		p.say(codec.Envelope{Type: codec.Heartbeat})
		p.say(codec.Envelope{Type: codec.Broadcast, Args: args("late")})
		synctest.Wait()
		assert.Empty(t, ns.Peers(), "a late message of a node that closed does not bring it back")
		assert.Equal(t, []string{`["late"]`}, clients["alice"].got.all(), "but the message is delivered")
		p.say(codec.Envelope{Type: codec.InitialHeartbeat})
		synctest.Wait()
		assert.Equal(t, []string{"puppet"}, ns.Peers(),
			"a node that announces itself is back: a node with a fixed uid was restarted")
	})
}

func TestTombstonesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		p.say(codec.Envelope{Type: codec.AdapterClose})
		time.Sleep(9 * time.Second)
		p.say(codec.Envelope{Type: codec.Heartbeat})
		synctest.Wait()
		require.Empty(t, ns.Peers(), "9 s after the leave message")
		time.Sleep(2 * time.Second)
		p.say(codec.Envelope{Type: codec.Heartbeat})
		synctest.Wait()
		assert.Equal(t, []string{"puppet"}, ns.Peers(),
			"11 s after the leave message the tombstone is gone, the heartbeat timeout being 10 s: "+
				"the list of who closed must not grow for ever")
	})
}

func TestEmitterIsNoPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		ns := join(t, open(t, hub), "/", registry)
		p := newPuppet(t, hub, "/", codec.EmitterUID)
		p.say(codec.Envelope{Type: codec.Broadcast, Args: args("hi")})
		p.shout(`{"type":3,"data":{"packet":{"type":2,"data":["nobody's"]},"opts":{}}}`)
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`, `["nobody's"]`}, clients["alice"].got.all())
		assert.Empty(t, ns.Peers(), "docs/reference/protocol.md: the emitter is never counted as a peer")
	})
}

func TestLeaveMessagesOfUnknownNodesTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		before := heap()
		for i := range 16 {
			p.shout(fmt.Sprintf(`{"type":13,"nsp":"/","uid":"%d%s"}`, i, strings.Repeat("x", 1<<20)))
		}
		synctest.Wait()
		p.heard = log[*codec.Envelope]{}
		grown := int64(heap()) - int64(before)
		assert.Less(t, grown, int64(4<<20),
			"16 leave messages with a uid of 1 MiB: tombstones are bounded in bytes too")
	})
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
