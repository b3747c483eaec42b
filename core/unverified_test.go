package core_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// A key for a leave message, and its hash, as in docs/reference/protocol.md.
const closeKey, closeHash = "0f5a3c2e9d81b746c3a1e0d95b72f468", "c58f032d6ef219574c3fd44e100ea241"

// flood sends a heartbeat in the name of each of n uids.
func (p *puppet) flood(n int) {
	for i := range n {
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: fmt.Sprintf("invented %d", i)})
	}
}

func TestPeersAreBounded(t *testing.T) {
	bounded := func(c *core.Config) { c.MaxPeers = 3 }

	t.Run("AnUnverifiedPeerMakesRoomForAnother", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			var left log[string]
			ns := join(t, open(t, hub, bounded, func(c *core.Config) {
				c.Trace.PeerLeft = func(_, uid string, _ bool) { left.add(uid) }
			}), "/", nil)
			p := newPuppet(t, hub, "/", "puppet")
			for _, uid := range []string{"a", "b", "c", "a", "d"} {
				p.say(codec.Envelope{Type: codec.Broadcast, Args: args("x"), UID: uid})
			}
			synctest.Wait()
			assert.Equal(t, []string{"a", "b", "d"}, ns.Peers(), "the latest one before it is forgotten")
			assert.Equal(t, []string{"c"}, left.all())
		})
	})

	t.Run("AVerifiedPeerDoesNot", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			var drops log[error]
			ns := join(t, open(t, hub, bounded, func(c *core.Config) { c.ErrorHandler = drops.add }), "/", nil)
			p := newPuppet(t, hub, "/", "puppet")
			p.live("a", "b", "c")
			p.flood(3)
			synctest.Wait()
			for _, uid := range []string{"a", "b", "c"} {
				p.say(codec.Envelope{Type: codec.InitialHeartbeat, UID: uid})
			}
			time.Sleep(2 * time.Second)
			require.Equal(t, []string{"a", "b", "c"}, ns.Peers())
			require.Empty(t, drops.all())
			p.flood(10)
			synctest.Wait()
			assert.Equal(t, []string{"a", "b", "c"}, ns.Peers(), "the peers have answered an announcement of this node")
			require.Len(t, drops.all(), 10)
			var drop *core.DropError
			require.ErrorAs(t, drops.all()[0], &drop)
			assert.Equal(t, core.DropPeers, drop.Reason)

			p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
			p.say(codec.Envelope{Type: codec.Heartbeat, UID: "d"})
			synctest.Wait()
			assert.Equal(t, []string{"a", "c", "d"}, ns.Peers(), "a free place is used again")
		})
	})

	t.Run("ReportsOfAFloodAreBounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			var drops log[error]
			cluster := open(t, hub, bounded, func(c *core.Config) { c.ErrorHandler = drops.add })
			join(t, cluster, "/", nil)
			p := newPuppet(t, hub, "/", "puppet")
			p.live("a", "b", "c")
			for _, uid := range []string{"a", "b", "c", "d"} {
				p.say(codec.Envelope{Type: codec.InitialHeartbeat, UID: uid})
			}
			time.Sleep(2 * time.Second)
			before := cluster.Stats().ReceiveDropped
			p.flood(1000)
			synctest.Wait()
			assert.Equal(t, before+1000, cluster.Stats().ReceiveDropped, "all drops are counted")
			assert.LessOrEqual(t, len(drops.all()), 120, "but not all drops are reported")
		})
	})
}

// Every request asks the unverified peers too, since they may be new nodes. But one that does not answer an
// announcement is no node.
func TestRequestsDoNotWaitForInventedPeers(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		s.p.flood(6000)
		synctest.Wait()
		require.Subset(t, s.ns.Peers(), []string{"invented 5999"}, "a new peer counts at once")
		id := s.ask(t.Context(), t, kind, s.ns.Target)
		s.answer(kind, "b", id)
		s.answer(kind, "c", id)
		o := <-s.outcome
		assert.Less(t, o.took, 2*time.Second,
			"an invented peer does not answer an announcement, and is forgotten a second later")
		assert.Equal(t, 2, o.n)
		assert.Less(t, len(o.err.Error()), 1000, "the error has all their uids, its text the first of them")
		require.ElementsMatch(t, []string{"b", "c"}, s.ns.Peers())

		synctest.Wait()
		s.p.heard = log[*codec.Envelope]{}
		id = s.ask(t.Context(), t, kind, s.ns.Target)
		s.answer(kind, "b", id)
		s.answer(kind, "c", id)
		o = <-s.outcome
		assert.Equal(t, outcome{n: 2}, o, "the next request works as usual")
	})
}

// During an endless flood, real peers stay, new nodes become peers, and all of them answer requests.
func TestFloodOfInventedPeersHarmsNoRealOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		config := func(c *core.Config) { c.MaxPeers = 100 }
		node := func(id string) *core.Namespace {
			registry, _ := crowd(id)
			return join(t, open(t, hub, config), "/", registry)
		}
		a, b := node("a"), node("b")
		require.NoError(t, a.WaitForPeers(t.Context(), 1))
		_, err := a.FetchSockets(t.Context())
		require.NoError(t, err)

		p := newPuppet(t, hub, "/", "puppet")
		var c *core.Namespace
		said, n := 0, 0
		for second := range 10 {
			if second == 5 {
				c = node("c")
			}
			for range 20 {
				for range 50 {
					p.say(codec.Envelope{Type: codec.Type(1 + n%2), UID: fmt.Sprintf("invented %d", n)})
					n++
				}
				time.Sleep(50 * time.Millisecond)
			}
			require.LessOrEqual(t, a.ServerCount(), 101)
			require.Contains(t, a.Peers(), b.UID(), "in second %d", second)
		}
		assert.Contains(t, a.Peers(), c.UID(), "a node that came during the flood")
		for _, env := range p.heard.all() {
			if env.UID == a.UID() {
				said++
			}
		}
		assert.Less(t, said, 500, "%d messages of invented peers, half of them announcements, make a node send %d", n,
			said)

		start := time.Now()
		sockets, err := a.FetchSockets(t.Context())
		assert.Less(t, time.Since(start), 3*time.Second)
		var partial *core.PartialError
		require.ErrorAs(t, err, &partial, "the unverified peers of the moment were asked too")
		assert.Empty(t, partial.Missing)
		var ids []string
		for _, s := range sockets {
			ids = append(ids, s.ID())
		}
		slices.Sort(ids)
		assert.Equal(t, []string{"a", "b", "c"}, ids)
		time.Sleep(15 * time.Second)
		assert.ElementsMatch(t, []string{b.UID(), c.UID()}, a.Peers())
	})
}

// A few unverified peers cause no announcement unless a request waits for them.
func TestFewUnverifiedPeersCauseNoInquiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		p := newPuppet(t, hub, "/", "puppet")
		nodes := make([]*core.Namespace, 10)
		for i := range nodes {
			nodes[i] = join(t, open(t, hub), "/", nil)
		}
		time.Sleep(4 * time.Second)
		for _, ns := range nodes {
			announced, _ := p.of(ns.UID(), codec.InitialHeartbeat)
			assert.Len(t, announced, 1)
			assert.Len(t, ns.Peers(), 9)
		}
	})
}

func TestLeaveMessageNeedsTheRightKey(t *testing.T) {
	forged := func(uid, key string) codec.Envelope {
		return codec.Envelope{Type: codec.AdapterClose, UID: uid, CloseKey: key}
	}

	t.Run("ForgedLeaveMessagesAreNotBelieved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			there, _ := crowd("there")
			a, b := join(t, open(t, hub), "/", nil), join(t, open(t, hub), "/", there)
			require.NoError(t, a.WaitForPeers(t.Context(), 1))
			p := newPuppet(t, hub, "/", "puppet")
			for i := range 20 {
				p.say(forged(b.UID(), []string{"", closeKey}[i%2]))
				synctest.Wait()
				require.Equal(t, []string{b.UID()}, a.Peers())
				sockets, err := a.FetchSockets(t.Context())
				require.NoError(t, err)
				require.Len(t, sockets, 1)
				time.Sleep(300 * time.Millisecond)
			}
			require.NoError(t, b.Close(t.Context()))
			synctest.Wait()
			assert.Empty(t, a.Peers(), "its own leave message is believed at once")
			_, err := a.FetchSockets(t.Context())
			assert.NoError(t, err)
		})
	})

	// A node with a fixed uid was killed and started again: its peers know the hash of its predecessor.
	t.Run("AForgedOneOfADeadPeerIsBelievedSoon", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			ns := join(t, open(t, hub), "/", nil)
			p := newPuppet(t, hub, "/", "puppet")
			p.say(codec.Envelope{Type: codec.InitialHeartbeat, CloseHash: "of another key"})
			p.say(forged("puppet", "mine"))
			synctest.Wait()
			require.Equal(t, []string{"puppet"}, ns.Peers())
			time.Sleep(2 * time.Second)
			assert.Empty(t, ns.Peers(), "the peer does not answer an announcement")
		})
	})

	t.Run("AnotherHashDoesNotReplaceTheFirst", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			a, b := join(t, open(t, hub), "/", nil), join(t, open(t, hub), "/", nil)
			require.NoError(t, a.WaitForPeers(t.Context(), 1))
			p := newPuppet(t, hub, "/", "puppet")
			p.say(codec.Envelope{Type: codec.InitialHeartbeat, UID: b.UID(), CloseHash: closeHash})
			p.say(forged(b.UID(), closeKey))
			time.Sleep(3 * time.Second)
			assert.Equal(t, []string{b.UID()}, a.Peers())

			p.say(codec.Envelope{Type: codec.InitialHeartbeat, CloseHash: closeHash})
			p.say(forged("puppet", closeKey))
			synctest.Wait()
			assert.Equal(t, []string{b.UID()}, a.Peers(), "the key matches the hash")
		})
	})
}

// Node.js nodes prove nothing: their leave message is believed, but they are asked, by requests too.
func TestLeaveMessageWithoutProofIsChecked(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		ask := func() string {
			synctest.Wait()
			s.p.heard = log[*codec.Envelope]{}
			id := s.ask(t.Context(), t, kind, s.ns.Target)
			s.answer(kind, "c", id)
			return id
		}
		// It was forged: b is alive.
		s.p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
		synctest.Wait()
		require.Equal(t, []string{"c"}, s.ns.Peers())
		id := ask()
		s.answer(kind, "b", id)
		assert.Equal(t, outcome{n: 2}, <-s.outcome, "a request is answered by b too")
		id = ask()
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"b", "c"}, s.ns.Peers(), "b has answered an announcement")
		s.answer(kind, "b", id)
		assert.Equal(t, outcome{n: 2, took: 2 * time.Second}, <-s.outcome, "the request waits for its answer")

		// This one was sent by b.
		s.p.live("c")
		s.p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
		ask()
		o := <-s.outcome
		assert.NoError(t, o.err)
		assert.Equal(t, 1, o.n)
		assert.LessOrEqual(t, o.took, time.Second,
			"it is soon clear that b has left, because it does not answer an announcement")
		require.Equal(t, []string{"c"}, s.ns.Peers())
		ask()
		assert.Equal(t, outcome{n: 1}, <-s.outcome, "after that no request waits for b")
	})
}

func TestTombstonesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{}})
		ns := join(t, open(t, hub, func(c *core.Config) { c.MaxPeers = 10 }), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "b"})
		p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
		for i := range 1000 {
			p.say(codec.Envelope{Type: codec.AdapterClose, UID: fmt.Sprintf("invented %d", i)})
		}
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "b"})
		synctest.Wait()
		assert.Empty(t, ns.Peers(), "leave messages of unknown nodes do not displace the tombstones of peers")
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "invented 0"})
		synctest.Wait()
		assert.Equal(t, []string{"invented 0"}, ns.Peers(), "the oldest of the others was forgotten")
	})
}
