package socketio_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// A client that has been deliberately disconnected, or whose offset was never given, is a new one on every node.
func TestClientsThatAreNotRecoveredOnAnotherNode(t *testing.T) {
	hub := memory.NewHub()
	nodes := logged(t, hub, 2, func(c *socketio.Config) { c.PingTimeout = patience })
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	other := connected(a.Of("/other"))
	b.Of("/other")
	fresh := func(t *testing.T, auth, id string) {
		t.Helper()
		for i, n := range nodes {
			back := enter(t, n, auth)
			require.NotEqual(t, id, back.id)
			require.Empty(t, back.ahead)
			s := []*events[*socketio.Socket]{onA, onB}[i].next(t)
			require.False(t, s.Recovered())
			require.Equal(t, []string{back.id}, s.Rooms())
			s.Disconnect(true)
		}
	}
	t.Run("LeftTheNamespace", func(t *testing.T) {
		r, s := begun(t, a, onA)
		r.send("1")
		eventually(t, "the socket has left", func() bool { return a.Socket(s.ID()) == nil })
		fresh(t, r.auth(), r.id)
	})
	t.Run("DisconnectedByTheServer", func(t *testing.T) {
		r, s := begun(t, a, onA)
		s.Disconnect(false)
		fresh(t, r.auth(), r.id)
	})
	t.Run("OffsetsThatWereNeverGiven", func(t *testing.T) {
		require.NoError(t, a.Of("/other").Emit(t.Context(), "x"))
		p := dial(t, a)
		p.send("0/other,")
		p.next()
		require.NoError(t, other.next(t).Emit("x"))
		_, list, _ := strings.Cut(p.next(), ",")
		var x []string
		require.NoError(t, json.Unmarshal([]byte(list), &x))
		r, _ := begun(t, a, onA)
		position, err := backplane.ParsePosition(r.offset)
		require.NoError(t, err)
		future, epoch := position, position
		future.Offset.Major += 1000
		epoch.Epoch = "another"
		for _, offset := range []string{"x", r.offset + "x", " " + r.offset, strings.ToUpper(r.offset),
			future.String(), epoch.String(), x[1], "..", strings.Repeat("x", 1000)} {
			t.Run(offset, func(t *testing.T) {
				r, s := begun(t, a, onA)
				away(t, r, s)
				fresh(t, fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, r.pid, offset), r.id)
			})
		}
	})
	t.Run("UnknownPid", func(t *testing.T) {
		r, _ := begun(t, a, onA)
		fresh(t, fmt.Sprintf(`{"pid":"guess","offset":"%s"}`, r.offset), r.id)
		fresh(t, fmt.Sprintf(`{"pid":"%s","offset":"%s"}`, strings.Repeat("x", 10_000), r.offset), r.id)
		fresh(t, `{"pid":"guess"}`, r.id)
	})
	t.Run("TheLogIsTrimmed", func(t *testing.T) {
		r, s := begun(t, a, onA)
		away(t, r, s)
		require.NoError(t, b.Emit(t.Context(), "missed"))
		hub.TrimAll()
		late := loggedOn(t, hub)
		back := enter(t, late, r.auth())
		require.NotEqual(t, r.id, back.id)
		require.Empty(t, back.ahead)
	})
	t.Run("AnotherEpoch", func(t *testing.T) {
		r, s := begun(t, a, onA)
		away(t, r, s)
		online, other := begun(t, a, onA)
		witness, _ := begun(t, b, onB)
		hub.NewEpoch()
		require.NoError(t, b.Emit(t.Context(), "first of the epoch"))
		require.Equal(t, "first of the epoch", online.event())
		fresh(t, r.auth(), r.id) // b may not have noticed the epoch yet
		away(t, online, other)   // it may have missed events of the epoch before
		fresh(t, online.auth(), online.id)
		for witness.event() != "first of the epoch" { // until b has noticed
		}
		again, s := begun(t, a, onA)
		away(t, again, s)
		back := enter(t, b, again.auth())
		require.Equal(t, again.id, back.id)
	})
}

// The log has lost an event that a client has missed, and the nodes have neither received it nor noticed that. They do
// not say that the client has missed nothing.
func TestAnEventThatIsLostBeforeTheNodeHasDeliveredIt(t *testing.T) {
	for name, lose := range map[string]func(*memory.Hub){
		"AnotherEpoch": (*memory.Hub).NewEpoch, "Trimmed": (*memory.Hub).TrimAll,
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			nodes := logged(t, hub, 2)
			var clients []*recovering
			for _, n := range nodes {
				r, s := begun(t, n, connected(n.Namespace))
				away(t, r, s)
				clients = append(clients, r)
			}
			hub.Lose(func(int, transport.Record) bool { return true })
			require.NoError(t, nodes[0].Emit(t.Context(), "missed"))
			lose(hub)
			for i, r := range clients {
				joined := connected(nodes[i].Namespace)
				back := enter(t, nodes[i], r.auth())
				require.NotEqual(t, r.id, back.id)
				require.Empty(t, back.ahead)
				require.False(t, joined.next(t).Recovered())
			}
		})
	}
}

// The log has lost what a node has not delivered yet, but the client has received that from another node.
func TestAClientThatHasReceivedWhatTheLogHasLost(t *testing.T) {
	hub := memory.NewHub()
	nodes := logged(t, hub, 2)
	a, b := nodes[0], nodes[1]
	behind, s := begun(t, a, connected(a.Namespace))
	away(t, behind, s)
	r, s := begun(t, a, connected(a.Namespace))
	proceed := standStill(t, a, b)
	require.NoError(t, a.Emit(t.Context(), "received"))
	require.Equal(t, "received", r.event())
	hub.TrimAll()
	away(t, r, s)
	require.NoError(t, a.Emit(t.Context(), "missed"))
	require.NotEqual(t, behind.id, enter(t, b, behind.auth()).id)
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	proceed()
	require.Equal(t, "missed", back.event())
}
