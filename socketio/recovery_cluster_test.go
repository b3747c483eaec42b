package socketio_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// logged starts servers of a cluster whose messages are kept by a log.
func logged(t testing.TB, hub *memory.Hub, servers int, change ...func(*socketio.Config)) []*node {
	t.Helper()
	var nodes []*node
	for range servers {
		nodes = append(nodes, loggedOn(t, hub, change...))
	}
	for _, n := range nodes {
		require.NoError(t, n.WaitForPeers(t.Context(), servers-1))
	}
	return nodes
}

func loggedOn(t testing.TB, bus transport.Bus, change ...func(*socketio.Config)) *node {
	t.Helper()
	faults := newEvents[error]()
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: bus, Log: &backplane.LogConfig{},
		ErrorHandler: faults.add})
	require.NoError(t, err, "Open")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, cluster.Close(ctx))
	})
	n := serve(t, append([]func(*socketio.Config){func(c *socketio.Config) {
		c.Cluster, c.Recovery = cluster, &socketio.Recovery{}
	}}, change...)...)
	n.faults = faults
	return n
}

// A client that moves to another node is the same, and gets what it has missed once, in order, and then what follows.
func TestRecoveryOnAnotherNode(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	gone := newEvents[string]()
	a.OnConnection(func(s *socketio.Socket) { s.OnDisconnect(gone.add) })
	ctx := t.Context()

	r := enter(t, a, "")
	s := onA.next(t)
	require.NoError(t, s.Join("room"))
	s.SetData(map[string]any{"name": "x", "age": 5})
	require.NoError(t, s.Emit("first", []byte("x")))
	require.Equal(t, "first", r.event())
	r.next() // the attachment
	away(t, r, s)

	require.NoError(t, c.To("room").Emit(ctx, "to room", []byte("y")))
	require.NoError(t, a.To("other").Emit(ctx, "to another room"))
	require.NoError(t, b.Except("room").Emit(ctx, "to all but the room"))
	require.NoError(t, b.Volatile().Emit(ctx, "volatile"))
	require.NoError(t, b.In(s.ID()).SocketsJoin(ctx, "late"))
	require.NoError(t, b.In("room").SocketsLeave(ctx, "room"))
	require.NoError(t, c.To("late").Emit(ctx, "to the late room"))
	require.NoError(t, c.To("room").Emit(ctx, "to the room that it has left"))
	require.NoError(t, s.Emit("to the socket"))
	require.NoError(t, a.Emit(ctx, "to all")) // by the same node, so after that

	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	require.Equal(t, r.pid, back.pid)
	again := onB.next(t)
	require.True(t, again.Recovered())
	require.Equal(t, map[string]any{"name": "x", "age": 5.0}, again.Data())
	require.Equal(t, "to room", back.event())
	require.Equal(t, "b:y", back.next())
	for _, want := range []string{"to the late room", "to the socket", "to all"} {
		require.Equal(t, want, back.event())
	}
	// The node may have delivered some of this only now: a change of rooms takes its turn among the events.
	require.ElementsMatch(t, []string{r.id, "late"}, again.Rooms())
	back.sync("")
	require.NoError(t, a.To("late").Emit(ctx, "live"))
	require.Equal(t, "live", back.event())
	require.Equal(t, 0, a.SocketsCount())
}

// begun connects a client to a node of a cluster with a log. It has received an event, and is in a room.
func begun(t *testing.T, n *node, joined *events[*socketio.Socket]) (*recovering, *socketio.Socket) {
	t.Helper()
	r := enter(t, n, "")
	s := joined.next(t)
	for s.ID() != r.id {
		s = joined.next(t)
	}
	recoverableSoon(t, s)
	require.NoError(t, s.Join("room"))
	require.NoError(t, s.Emit("x"))
	for r.event() != "x" { // what others have sent before, and the node has delivered only now
	}
	return r, s
}

// away breaks the connection of a client, and returns when its socket has left.
func away(t *testing.T, r *recovering, s *socketio.Socket) {
	t.Helper()
	require.NoError(t, r.conn.Close())
	eventually(t, "the socket has left", func() bool { return s.Namespace().Socket(s.ID()) == nil })
}

// left returns the reasons why the sockets of a node have left.
func left(n *node) *events[string] {
	gone := newEvents[string]()
	n.OnConnection(func(s *socketio.Socket) { s.OnDisconnect(gone.add) })
	return gone
}

// The client comes to another node before its own has noticed that the old connection is broken. The old one is closed.
func TestTheOldConnectionOnAnotherNodeIsClosed(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 2)
	a, b := nodes[0], nodes[1]
	onA, onB, gone := connected(a.Namespace), connected(b.Namespace), left(a)
	for _, received := range []string{"Nothing", "AnEvent"} {
		t.Run(received, func(t *testing.T) {
			r := enter(t, a, "")
			s := onA.next(t)
			if received == "AnEvent" {
				require.NoError(t, s.Emit("x"))
				require.Equal(t, "x", r.event())
			}
			auth := r.auth()
			require.NoError(t, a.Emit(t.Context(), "sent, and not received"))
			require.Equal(t, "sent, and not received", r.event())
			back := enter(t, b, auth)
			require.Equal(t, r.id, back.id)
			require.True(t, onB.next(t).Recovered())
			require.Equal(t, "sent, and not received", back.event())
			require.Equal(t, "transport close", gone.next(t))
			require.ErrorIs(t, s.Volatile().Emit("x"), socketio.ErrDisconnected)
			require.NoError(t, s.Emit("to the client, wherever it is"))
			require.Equal(t, "to the client, wherever it is", back.event())
			require.Equal(t, 0, a.SocketsCount())

			again := enter(t, a, back.auth()) // and home again
			require.Equal(t, r.id, again.id)
			require.True(t, onA.next(t).Recovered())
			again.sync("")
			again.lose(t, gone)
		})
	}
}

// The client comes back at once, again and again, before anything about it can have been gathered for the store.
func TestRecoveryAtOnce(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 3)
	var joined []*events[*socketio.Socket]
	for _, n := range nodes {
		joined = append(joined, connected(n.Namespace))
	}
	r := enter(t, nodes[0], "")
	joined[0].next(t)
	for i := range 30 {
		auth := fmt.Sprintf(`{"pid":"%s"}`, r.pid)
		if r.offset != "" {
			auth = r.auth()
		}
		at := i * i % 3
		if i%2 == 0 {
			require.NoError(t, r.conn.Close())
		}
		back := enter(t, nodes[at], auth)
		require.Equal(t, r.id, back.id, "%d", i)
		s := joined[at].next(t)
		require.True(t, s.Recovered())
		require.NoError(t, s.Emit(fmt.Sprint(i)))
		require.Equal(t, fmt.Sprint(i), back.event())
		r = back
	}
}

// Two nodes are asked for the same session at the same moment. One of them gets it.
func TestOnlyOneNodeRecoversAClient(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 3)
	joined := newEvents[*socketio.Socket]()
	for _, n := range nodes {
		n.OnConnection(joined.add)
	}
	for range 20 {
		r, _ := begun(t, nodes[0], joined)
		require.NoError(t, r.conn.Close())
		peers := []*peer{dial(t, nodes[1]), dial(t, nodes[2]), dial(t, nodes[0]), dial(t, nodes[1])}
		for _, p := range peers {
			p.send("0%s", r.auth())
		}
		peers = slices.DeleteFunc(peers, func(p *peer) bool { // each is greeted, or a later one has taken over from it
			packet := p.next()
			for ; packet != "closed" && !strings.HasPrefix(packet, `0{"sid"`); packet = p.next() {
			}
			return packet == "closed"
		})
		eventually(t, "one socket has the session", func() bool {
			n := 0
			for _, node := range nodes {
				if node.Socket(r.id) != nil {
					n++
				}
			}
			return n == 1
		})
		require.NoError(t, nodes[0].To(r.id).Emit(t.Context(), "for one"))
		require.NoError(t, nodes[0].Emit(t.Context(), "for all"))
		got := 0
		for _, p := range peers {
			for packet := p.next(); packet != "closed" && !strings.Contains(packet, "for all"); packet = p.next() {
				if strings.Contains(packet, "for one") {
					got++
				}
			}
			require.NoError(t, p.conn.Close())
		}
		require.Equal(t, 1, got)
	}
}
