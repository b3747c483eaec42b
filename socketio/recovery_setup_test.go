package socketio_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// hold is the auth payload of clients for which OnConnection of holding waits.
const hold = `{"hold":true}`

// holding makes new clients of a node join "room" in OnConnection, those with hold after proceed has got a value,
// unless their connection ends.
func holding(n *node) (entered *events[*socketio.Socket], proceed chan bool) {
	entered, proceed = newEvents[*socketio.Socket](), make(chan bool)
	n.OnConnection(func(s *socketio.Socket) {
		var auth struct{ Hold bool }
		if s.Recovered() || s.Auth().Decode(&auth) != nil {
			return
		}
		entered.add(s)
		if auth.Hold {
			select {
			case <-proceed:
			case <-s.Context().Done():
				return
			}
		}
		_ = s.Join("room") // a test that depends on it fails without it
	})
	return entered, proceed
}

// comesBackAsNew connects a client that comes back, and must be a new one.
func comesBackAsNew(t *testing.T, n *node, r *recovering) *recovering {
	t.Helper()
	back := enter(t, n, fmt.Sprintf(`{"pid":"%s"}`, r.pid))
	require.NotEqual(t, r.id, back.id)
	require.NotEqual(t, r.pid, back.pid)
	eventually(t, "its socket is there", func() bool { return n.Socket(back.id) != nil })
	require.False(t, n.Socket(back.id).Recovered())
	return back
}

// comesBack connects a client that comes back, and must be the same. It is in rooms.
func comesBack(t *testing.T, n *node, r *recovering, rooms ...string) *recovering {
	t.Helper()
	back := enter(t, n, fmt.Sprintf(`{"pid":"%s"}`, r.pid))
	require.Equal(t, r.id, back.id)
	s := n.Socket(back.id)
	require.NotNil(t, s)
	require.True(t, s.Recovered())
	require.ElementsMatch(t, append(rooms, r.id), s.Rooms())
	return back
}

// A node is killed while OnConnection runs: the client, which knows its pid, is a new one on another node. Clients
// whose OnConnection has returned are recovered, in the rooms that it has joined.
func TestRecoveryAfterANodeWasKilledWhileOnConnectionRan(t *testing.T) {
	url := pgtest.Database(t)
	b := loggedOn(t, pgxBus(t, url))
	onB := connected(b.Namespace)
	killed := startServer(t, url)
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	done := enter(t, killed.node, `{"room":"joined at once"}`)
	require.Equal(t, "entered", done.event())
	stored := func() int {
		return pgtest.QueryInt(t, url, `SELECT count(*) FROM backplane_sessions
			WHERE position('"joined at once"'::bytea IN state) > 0`)
	}
	eventually(t, "the session is stored with its rooms", func() bool { return stored() == 1 })
	held := enter(t, killed.node, `{"room":"never joined","hold":true}`)
	require.Equal(t, "entered", held.event())
	assert.Equal(t, 1, pgtest.QueryInt(t, url, "SELECT count(*) FROM backplane_sessions"))
	killed.kill()
	require.NoError(t, b.To("joined at once").Emit(t.Context(), "missed"))

	comesBackAsNew(t, b, held)
	onB.next(t)
	back := enter(t, b, done.auth())
	require.Equal(t, done.id, back.id)
	s := onB.next(t)
	require.True(t, s.Recovered())
	require.ElementsMatch(t, []string{done.id, "joined at once"}, s.Rooms())
	require.Equal(t, "missed", back.event())
}

// A room that was joined with SocketsJoin is kept by the log. So it is not lost, however soon the node is killed.
func TestSocketsJoinIsNotLostWhenTheNodeIsKilled(t *testing.T) {
	url := pgtest.Database(t)
	b := loggedOn(t, pgxBus(t, url))
	onB := connected(b.Namespace)
	killed := startServer(t, url)
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	r := enter(t, killed.node, `{"room":"first"}`)
	require.Equal(t, "entered", r.event())
	r.sync("") // its session is stored
	r.send(`22["keep","room"]`)
	require.Equal(t, "32[]", r.next())
	killed.kill()
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	s := onB.next(t)
	require.True(t, s.Recovered())
	eventually(t, "all rooms", func() bool { return len(s.Rooms()) == 3 && slices.Contains(s.Rooms(), "room") })
}

// The session of a new client is not stored while OnConnection runs. It is when the first event is handled.
func TestASessionIsStoredWhenOnConnectionHasReturned(t *testing.T) {
	store := newWatchedSessions()
	n := loggedOn(t, memory.NewHub(), func(c *socketio.Config) { c.Recovery.Sessions = store })
	entered, proceed := holding(n)
	connected(n.Namespace)
	r := enter(t, n, hold)
	entered.next(t).SetData("a change before")
	assert.Empty(t, store.owners(t, n))
	proceed <- true
	r.sync("")
	saved := store.saved.next(t)
	assert.Contains(t, string(saved.State), `"room"`)
	assert.Contains(t, string(saved.State), `"a change before"`)
	assert.Equal(t, []string{n.UID()}, store.owners(t, n))
	assert.NotContains(t, string(saved.State), r.pid)
}

// The client comes back while OnConnection of its old socket still runs. It is a new one, on every node, because nobody
// knows what the function would have done.
func TestRecoveryWhileOnConnectionRuns(t *testing.T) {
	for _, lost := range []string{"TheLossWasNoticed", "TheLossWasNotNoticed"} {
		for at, to := range []string{"SameNode", "AnotherNode"} {
			t.Run(lost+to, func(t *testing.T) {
				nodes := logged(t, memory.NewHub(), 2)
				entered, _ := holding(nodes[0])
				gone := left(nodes[0])
				r := enter(t, nodes[0], hold)
				old := entered.next(t)
				if lost == "TheLossWasNoticed" {
					require.NoError(t, r.conn.Close())
					require.Equal(t, "transport close", gone.next(t)) // the function has given up
					require.ErrorIs(t, old.Emit("x"), socketio.ErrDisconnected)
				}
				back := comesBackAsNew(t, nodes[at], r)
				if at == 0 && lost == "TheLossWasNotNoticed" {
					require.Equal(t, "transport close", gone.next(t))
				}
				require.NoError(t, nodes[at].To(back.id).Emit(t.Context(), "x"))
				require.Equal(t, "x", back.event())
			})
		}
	}
}

// The same on a node whose clients are recovered there only.
func TestRecoveryWhileOnConnectionRunsWithoutALog(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	entered, _ := holding(n)
	gone := left(n)
	r := enter(t, n, hold)
	entered.next(t)
	r.lose(t, gone)
	back := comesBackAsNew(t, n, r)
	recoverableSoon(t, entered.next(t))
	back.lose(t, gone)
	comesBack(t, n, back, "room")
}

// A client whose OnConnection has panicked is not set up. It gets another chance when it comes back.
func TestRecoveryAfterAPanicOfOnConnection(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 2)
	a, b := nodes[0], nodes[1]
	var panics atomic.Bool
	a.OnConnection(func(*socketio.Socket) {
		if panics.Load() {
			panic("before it has joined its rooms")
		}
	})
	called, gone := newEvents[*socketio.Socket](), left(a)
	a.OnConnection(called.add)
	onB := connected(b.Namespace)

	panics.Store(true)
	r := enter(t, a, "")
	called.next(t)
	r.lose(t, gone)
	comesBackAsNew(t, b, r)
	onB.next(t)

	panics.Store(false)
	r = enter(t, a, "")
	s := called.next(t)
	recoverableSoon(t, s)
	r.lose(t, gone)
	back := comesBack(t, b, r)
	away(t, back, onB.next(t))
	panics.Store(true) // the session was complete before, and stays so
	r = comesBack(t, a, back)
	called.next(t)
	r.lose(t, gone)
	comesBack(t, b, r)
}

// A function of OnConnection that does not return counts as if it had set up the socket after MaxSetUp.
func TestRecoveryWhileOnConnectionDoesNotReturn(t *testing.T) {
	t.Parallel()
	nodes := logged(t, memory.NewHub(), 2)
	entered := newEvents[*socketio.Socket]()
	nodes[0].OnConnection(func(s *socketio.Socket) {
		assert.NoError(t, s.Join("room"))
		entered.add(s)
		<-s.Context().Done()
	})
	r := enter(t, nodes[0], "")
	s := entered.next(t)
	require.False(t, socketio.Recoverable(s))
	recoverableSoon(t, s)
	away(t, r, s)
	comesBack(t, nodes[1], r, "room")
}

// A recovered client can be recovered again while OnConnection runs: its session was complete before.
func TestRecoveryWhileOnConnectionRunsForARecoveredClient(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 3)
	entered, proceed := newEvents[*socketio.Socket](), make(chan struct{})
	defer close(proceed)
	nodes[1].OnConnection(func(s *socketio.Socket) {
		entered.add(s)
		<-proceed
	})
	joined := connected(nodes[0].Namespace)
	r := enter(t, nodes[0], "")
	away(t, r, joined.next(t))
	back := comesBack(t, nodes[1], r)
	require.True(t, entered.next(t).Recovered())
	comesBack(t, nodes[2], back)
}

// A server is closed or shut down while OnConnection runs for a new client.
func TestShutdownWhileOnConnectionRuns(t *testing.T) {
	for name, end := range map[string]func(n *node) error{
		"Shutdown": func(n *node) error { return n.Shutdown(context.Background()) },
		"Close":    func(n *node) error { return n.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := logged(t, memory.NewHub(), 2)
			entered, _ := holding(nodes[0])
			r := enter(t, nodes[0], hold)
			entered.next(t)
			require.NoError(t, end(nodes[0]))
			comesBackAsNew(t, nodes[1], r)
		})
	}
}
