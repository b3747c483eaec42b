package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// standStill makes a node deliver nothing until proceed is called.
func standStill(t *testing.T, other, n *node) (proceed func()) {
	t.Helper()
	blocked, goOn := make(chan struct{}), make(chan struct{})
	n.OnServerSide("block", func() {
		close(blocked)
		<-goOn
	})
	require.NoError(t, other.ServerSideEmit(t.Context(), "block"))
	<-blocked
	return func() { close(goOn) }
}

// A client comes to a node that has not delivered yet what the client has received from another one.
func TestRecoveryOnANodeThatIsBehind(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	ctx := t.Context()
	r, _ := begun(t, a, onA)
	proceed := standStill(t, a, b)
	for i := range 10 {
		require.NoError(t, a.Emit(ctx, fmt.Sprint("received ", i)))
		require.Equal(t, fmt.Sprint("received ", i), r.event())
	}
	require.NoError(t, b.In(r.id).SocketsJoin(ctx, "joined meanwhile"))
	require.NoError(t, a.Emit(ctx, "missed"))
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	s := onB.next(t)
	require.NoError(t, s.Volatile().Emit("volatile", "text"))
	require.Equal(t, "volatile", back.event())
	require.Equal(t, r.offset, back.offset, "the offset must not go back")
	proceed()
	require.Equal(t, "missed", back.event())
	eventually(t, "rooms", func() bool { return slices.Contains(s.Rooms(), "joined meanwhile") })
	back.sync("")
}

// A node that is behind does not apply changes again that a client has brought along.
func TestChangesOnANodeThatIsBehind(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	ctx := t.Context()
	r, old := begun(t, a, onA)
	proceed := standStill(t, a, b)
	require.NoError(t, old.Join("others"))
	require.NoError(t, a.In(r.id).SocketsJoin(ctx, "left", "kept"))
	require.NoError(t, a.In("others").SocketsLeave(ctx, "joined"))
	require.NoError(t, a.Emit(ctx, "received"))
	require.Equal(t, "received", r.event())
	old.Leave("left")
	require.NoError(t, old.Join("joined"))
	away(t, r, old)
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	s := onB.next(t)
	require.NoError(t, a.In(r.id).SocketsJoin(ctx, "last"))
	proceed()
	eventually(t, "rooms", func() bool { return slices.Contains(s.Rooms(), "last") })
	require.ElementsMatch(t, []string{r.id, "room", "others", "kept", "joined", "last"}, s.Rooms())
}

// A node that has just started does not have in memory what clients of other nodes have missed. It reads the log.
func TestRecoveryOnANewNode(t *testing.T) {
	for name, limits := range map[string]socketio.RecoveryMemory{
		"": {}, "LittleMemory": {MaxEvents: 5, MaxBytes: 4000},
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			a := loggedOn(t, hub)
			onA := connected(a.Namespace)
			const clients = 20
			var all []*recovering
			for i := range clients {
				r, s := begun(t, a, onA)
				require.NoError(t, s.Join(fmt.Sprint("room ", i)))
				away(t, r, s)
				all = append(all, r)
				require.NoError(t, a.To(fmt.Sprint("room ", i)).Emit(t.Context(), fmt.Sprint("to room ", i)))
				require.NoError(t, a.In(fmt.Sprint("room ", i)).SocketsJoin(t.Context(), "late"))
			}
			require.NoError(t, a.To("late").Emit(t.Context(), "to those that joined late"))
			require.NoError(t, a.ServerSideEmit(t.Context(), "the last message is for servers"))
			b := loggedOn(t, hub, func(c *socketio.Config) { c.Recovery.Memory = limits })
			back := make([]*recovering, clients)
			done := make(chan int)
			for i := range clients {
				p := &recovering{peer: dial(t, b)}
				go func() {
					p.send("0%s", all[i].auth())
					done <- i
				}()
				back[i] = p
			}
			for range clients {
				<-done
			}
			for i, p := range back {
				p.offset = all[i].offset
				for j := range clients { // an event to each socket, which no other gets
					if j == i {
						require.Equal(t, fmt.Sprint("to room ", i), p.event())
					}
				}
				require.Equal(t, "to those that joined late", p.event())
				require.Contains(t, p.next(), all[i].id)
			}
		})
	}
}

// While a node could not read some messages, the clients that were connected to it have missed them: they are not
// recovered. Those that were away are.
func TestAGapThatCannotBeFilled(t *testing.T) {
	hub := memory.NewHub()
	nodes := logged(t, hub, 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	gone, s := begun(t, b, onB)
	away(t, gone, s)
	r, s := begun(t, a, onA)
	var position backplane.Position
	position, err := backplane.ParsePosition(r.offset)
	require.NoError(t, err)
	var losing atomic.Bool
	losing.Store(true)
	hub.Lose(func(int, transport.Record) bool { return losing.Load() })
	for range 3 {
		require.NoError(t, b.To("elsewhere").Emit(t.Context(), "lost"))
	}
	position.Offset.Major += 3
	hub.Trim(b.Channel(), position.Offset)
	losing.Store(false)
	require.NoError(t, b.Emit(t.Context(), "after the gap"))
	require.Equal(t, "after the gap", r.event())
	away(t, r, s)
	for _, n := range nodes {
		back := enter(t, n, r.auth())
		require.NotEqual(t, r.id, back.id)
		require.Empty(t, back.ahead)
	}
	again, s := begun(t, a, onA)
	away(t, again, s)
	require.Equal(t, again.id, enter(t, b, again.auth()).id)
}

// A server that is shut down or closed leaves the sessions to the others, whatever handlers still run.
func TestRecoveryAfterShutdown(t *testing.T) {
	for name, end := range map[string]func(n *node) error{
		"Shutdown": func(n *node) error { return n.Shutdown(context.Background()) },
		"Close":    func(n *node) error { return n.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			hub := memory.NewHub()
			nodes := logged(t, hub, 2)
			a, b := nodes[0], nodes[1]
			onA, onB := connected(a.Namespace), connected(b.Namespace)
			r, s := begun(t, a, onA)
			busy, proceed := make(chan struct{}), make(chan struct{})
			s.On("busy", func() {
				close(busy)
				<-proceed
			})
			r.send(`2["busy"]`)
			<-busy
			if name == "Shutdown" { // which waits for handlers
				close(proceed)
			} else {
				defer close(proceed)
			}
			require.NoError(t, s.Join("late"))
			s.SetData("late")
			require.NoError(t, end(a))
			for packet := r.peer.next(); packet != "closed"; packet = r.peer.next() {
				require.NotEqual(t, "1", packet, "official clients do not reconnect after a disconnect packet")
			}
			require.NoError(t, b.To("late").Emit(t.Context(), "missed"))
			back := enter(t, b, r.auth())
			require.Equal(t, r.id, back.id)
			require.Equal(t, "missed", back.event())
			again := onB.next(t)
			require.Equal(t, "late", again.Data())
			require.ElementsMatch(t, []string{r.id, "room", "late"}, again.Rooms())
		})
	}
}

// unreliable is a store of sessions that can fail.
type unreliable struct {
	storage.Sessions
	failing atomic.Bool
	calls   atomic.Int64
}

var errStore = errors.New("the store does not work")

func (u *unreliable) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	u.calls.Add(1)
	if u.failing.Load() {
		return errStore
	}
	return u.Sessions.SaveSessions(ctx, sessions...)
}

func (u *unreliable) TakeSession(ctx context.Context, scope, key, owner string, maxAway time.Duration) (
	storage.SavedSession, error) {
	if u.failing.Load() {
		return storage.SavedSession{}, errStore
	}
	return u.Sessions.TakeSession(ctx, scope, key, owner, maxAway)
}

// While the store fails, clients connect, and are new ones when they come back. Later they are recovered.
func TestAStoreThatFails(t *testing.T) {
	store := &unreliable{Sessions: memstore.NewSessions()}
	nodes := logged(t, memory.NewHub(), 2, func(c *socketio.Config) { c.Recovery.Sessions = store })
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	store.failing.Store(true)
	r, s := begun(t, a, onA)
	var reported error
	for !errors.Is(reported, errStore) {
		reported = a.errors.next(t)
	}
	back := enter(t, b, r.auth())
	require.NotEqual(t, r.id, back.id)
	require.False(t, onB.next(t).Recovered())
	require.NoError(t, s.Join("joined while it failed"))
	store.failing.Store(false)
	scope, err := store.SessionOwners(t.Context(), a.Channel())
	require.NoError(t, err)
	for len(scope) < 2 { // both have written what was waiting
		time.Sleep(time.Millisecond)
		scope, err = store.SessionOwners(t.Context(), a.Channel())
		require.NoError(t, err)
	}
	require.NoError(t, r.conn.Close())
	again := enter(t, b, r.auth())
	require.Equal(t, r.id, again.id)
	require.Contains(t, onB.next(t).Rooms(), "joined while it failed")
	a.errors.none(t)
}

// Nothing is written while nothing happens.
func TestNothingIsWrittenWhileIdle(t *testing.T) {
	store := &unreliable{Sessions: memstore.NewSessions()}
	n := loggedOn(t, memory.NewHub(), func(c *socketio.Config) {
		c.Recovery.Sessions, c.Recovery.MaxDisconnection = store, 40*time.Millisecond
	})
	joined := connected(n.Namespace)
	_, s := begun(t, n, joined)
	settled := func() int64 { // when there was no call for some rounds of upkeep
		for {
			before := store.calls.Load()
			time.Sleep(200 * time.Millisecond)
			if store.calls.Load() == before {
				return before
			}
		}
	}
	before := settled()
	require.NoError(t, n.Emit(t.Context(), "x"))
	eventually(t, "the session is stored again, because there was an event",
		func() bool { return store.calls.Load() > before })
	settled()
	assert.True(t, s.Connected())
}

// A cluster with a log whose bus and store keep no sessions cannot recover clients.
func TestRecoveryNeedsAStoreOfSessions(t *testing.T) {
	cluster, err := backplane.Open(t.Context(),
		backplane.Config{Bus: logOnly{memory.NewHub()}, Log: &backplane.LogConfig{}})
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close(context.Background())) }()
	_, err = socketio.NewServer(socketio.Config{Cluster: cluster, Recovery: &socketio.Recovery{}})
	require.ErrorContains(t, err, "set Recovery.Sessions")
}

// logOnly is a bus that keeps a log and no sessions.
type logOnly struct{ transport.Log }
