package interop_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/transport"
)

// migration is a system that moves from Socket.IO 2 to Socket.IO 4 and to Go: a legacy cluster and one of the default
// dialect in the same database, joined by two bridges.
type migration struct {
	*testing.T
	ctx context.Context
	w   *world
	nsp string

	old   *interop.Namespace // Socket.IO 2 with socket.io-adapter-postgres
	node  side               // Socket.IO 4 with @socket.io/postgres-adapter
	ours  side               // Go, in the cluster of node
	peers []*interop.Peer

	bridges []*runningBridge
	clients []client // of old, node and ours; in the rooms "all" and "old", "node" or "ours"
	events  int
}

// runningBridge is a bridge and what belongs to it.
type runningBridge struct {
	*bridge.Bridge
	clusters []*backplane.Cluster
	active   chan bool // what ActiveHandler was called with
	errors   *interop.Inbox[error]
}

// startMigration starts a server of each kind, and a bridge for each driver.
func startMigration(t *testing.T, nsp string) *migration {
	t.Helper()
	w := newWorld(t)
	m := &migration{T: t, ctx: patient(t), w: w, nsp: nsp}
	old := interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: w.url, Legacy: interop.LegacyOptions{
		Key: legacyKey(w.url), RequestsTimeout: patience, CountAsNumber: true,
	}})
	node := w.start(t, interop.Adapter05).(nodeOpener)
	m.peers = []*interop.Peer{old, node.k.peer}
	var err error
	m.old, err = old.Namespace(m.ctx, nsp)
	require.NoError(t, err)
	m.node, err = node.open(m.ctx, nsp)
	require.NoError(t, err)
	m.ours, err = w.startGo(t, pgxDriver).open(m.ctx, nsp)
	require.NoError(t, err)
	for _, driver := range []string{pgxDriver, pqDriver} {
		m.bridges = append(m.bridges, m.startBridge(driver))
	}
	m.count(2)

	onOld, err := m.old.Connect(m.ctx, interop.ClientSpec{Rooms: []string{"all", "old"}})
	require.NoError(t, err)
	onNode, err := m.node.connect(m.ctx, interop.ClientSpec{Rooms: []string{"all", "node"}})
	require.NoError(t, err)
	onOurs, err := m.ours.connect(m.ctx, interop.ClientSpec{Rooms: []string{"all", "ours"}})
	require.NoError(t, err)
	m.clients = []client{onOld, onNode, onOurs}
	return m
}

func (m *migration) startBridge(driver string) *runningBridge {
	m.Helper()
	b := &runningBridge{active: make(chan bool, 8), errors: new(interop.Inbox[error])}
	open := func(c backplane.Config) (*backplane.Cluster, transport.Roster) {
		c.Bus, c.ErrorHandler = m.w.newBus(m.T, m.ctx, driver), b.errors.Put
		cluster, err := backplane.Open(m.ctx, c)
		require.NoError(m, err)
		b.clusters = append(b.clusters, cluster)
		return cluster, c.Bus.(transport.Roster)
	}
	old, roster := open(backplane.Config{Dialect: legacy.Dialect{}, ChannelPrefix: legacyKey(m.w.url)})
	current, _ := open(backplane.Config{ChannelPrefix: m.w.prefix, HeartbeatInterval: goHeartbeat,
		HeartbeatTimeout: heartbeatTimeout})
	var err error
	b.Bridge, err = bridge.Open(m.ctx, bridge.Config{
		A: old, B: current, Namespaces: []string{m.nsp}, Roster: roster,
		ErrorHandler: b.errors.Put, ActiveHandler: func(active bool) { b.active <- active },
	})
	require.NoError(m, err)
	m.Cleanup(func() {
		ctx := patient(m.T)
		assert.NoError(m, b.Close(ctx))
		for _, c := range b.clusters {
			assert.NoError(m, c.Close(ctx))
		}
		for _, err := range b.errors.Take() {
			m.Errorf("reported by the bridge on %s: %v", driver, err)
		}
	})
	return b
}

// count waits until all servers of both clusters know of the bridges.
func (m *migration) count(bridges int) {
	m.Helper()
	require.NoError(m, m.old.AwaitServerCount(m.ctx, 1+bridges))
	require.NoError(m, m.node.AwaitServerCount(m.ctx, 2+bridges))
	require.NoError(m, m.ours.AwaitServerCount(m.ctx, 2+bridges))
}

// senders send to everybody or to rooms.
func (m *migration) senders() map[string]func(to interop.Target, event string, args ...any) error {
	emit := func(emit func(context.Context, interop.Target, string, ...any) error) func(
		interop.Target, string, ...any) error {
		return func(to interop.Target, event string, args ...any) error { return emit(m.ctx, to, event, args...) }
	}
	return map[string]func(to interop.Target, event string, args ...any) error{
		"Node.js 2": emit(m.old.Emit), "Node.js 4": emit(m.node.Emit), "Go": emit(m.ours.Emit),
	}
}

// heard requires that each client gets the event next, and therefore that it got every earlier one only once.
func (m *migration) heard(clients []client, event string, args ...any) {
	m.Helper()
	for i, c := range clients {
		e, err := c.Next(m.ctx)
		require.NoError(m, err, "client %d, %s", i, event)
		require.Equal(m, event, e.Event, "client %d", i)
		require.Equal(m, interop.Canon(list(args)), interop.Canon(values(e.Args)), "client %d", i)
	}
}

// allHear sends events from each server and requires that the clients of all servers get them once.
func (m *migration) allHear() {
	m.Helper()
	for from, emit := range m.senders() {
		for name, args := range map[string][]any{
			"text":    {"Grüße, 世界 🎉", "", "\n\"\\"},
			"values":  {nil, true, 1.5, -40000, []any{}, map[string]any{"a": []any{1, map[string]any{}}}},
			"nothing": {},
			"bytes":   {[]byte{0, 1, 255}, []byte{}, map[string]any{"a": []any{[]byte("b"), 1}}},
			"large":   {strings.Repeat("x", 50000)},
			"larger":  {[]byte(strings.Repeat("z", 100_000)), strings.Repeat("ü", 50_000)},
		} {
			require.NoError(m, emit(interop.Target{}, from+" "+name, args...))
			m.heard(m.clients, from+" "+name, args...)
		}
		for i, room := range []string{"old", "node", "ours"} {
			require.NoError(m, emit(interop.To(room), from+" to "+room))
			m.heard(m.clients[i:i+1], from+" to "+room)
			id := m.clients[i].ID()
			require.NoError(m, emit(interop.To(id), from+" to the client of "+room))
			m.heard(m.clients[i:i+1], from+" to the client of "+room)
		}
		require.NoError(m, emit(interop.To("old", "ours", "nobody"), from+" to rooms"))
		m.heard([]client{m.clients[0], m.clients[2]}, from+" to rooms")
	}
	m.fence()
}

// fence requires that the clients have got nothing else: an event of each server is the next one.
func (m *migration) fence() {
	m.Helper()
	for from, emit := range m.senders() {
		m.events++
		require.NoError(m, emit(interop.To("all"), "fence of "+from, m.events))
		m.heard(m.clients, "fence of "+from, m.events)
	}
}

// TestInteropBridge moves a system from Socket.IO 2 to Socket.IO 4 and Go with the real packages of both. The tests of
// bridges do not run at the same time: each needs 30 connections to PostgreSQL.
func TestInteropBridge(t *testing.T) {
	for _, nsp := range []string{"/", "/chat"} {
		t.Run("Broadcasts"+nsp, func(t *testing.T) {
			m := startMigration(t, nsp)
			require.True(t, <-m.bridges[0].active)
			m.allHear()
			stats := m.bridges[0].Stats()
			assert.NotZero(t, stats.AToB.Passed)
			assert.NotZero(t, stats.BToA.Passed)
			assert.Equal(t, bridge.Stats{}, m.bridges[1].Stats(), "the other one stands by")
			assert.Zero(t, stats.AToB.Lost+stats.BToA.Lost)

			require.NoError(t, m.bridges[0].Close(m.ctx))
			require.True(t, <-m.bridges[1].active, "it takes over")
			m.count(1)
			m.allHear()
			for _, p := range m.peers {
				require.Empty(t, p.Errors.Take())
			}
		})
	}
}

// TestInteropBridgeSelects: whom events reach in the other cluster that are not for all.
func TestInteropBridgeSelects(t *testing.T) {
	m := startMigration(t, "/")
	old, onOld := m.old, m.clients[0].(*interop.Client)
	require.NoError(t, old.EmitFrom(m.ctx, onOld, interop.Target{}, "others"))
	m.heard(m.clients[1:], "others")
	require.NoError(t, old.EmitFrom(m.ctx, onOld, interop.To("all"), "others in a room"))
	m.heard(m.clients[1:], "others in a room")
	for from, s := range map[string]side{"Node.js 4": m.node, "Go": m.ours} {
		id := onOld.ID()
		require.NoError(t, s.Emit(m.ctx, interop.Target{Except: []string{id}}, from+" except a client"))
		m.heard(m.clients[1:], from+" except a client")
		require.NoError(t, s.Emit(m.ctx, interop.Target{To: []string{"all"}, Except: []string{"node", id}}, from))
		m.heard(m.clients[2:], from)
		// Node.js's adapter for Socket.IO 2 looks for the ids of sockets only.
		require.NoError(t, s.Emit(m.ctx, interop.Target{Except: []string{"all"}}, from+" except a room"))
		m.heard(m.clients[:1], from+" except a room")
		require.NoError(t, s.Emit(m.ctx, interop.Target{Volatile: true, Compress: ptr(false)}, from+" with flags"))
		m.heard(m.clients, from+" with flags")
	}
	m.fence()
}

// TestInteropBridgeKeepsOrder: clients of servers of Socket.IO 2 get what a Go server sends in its order.
func TestInteropBridgeKeepsOrder(t *testing.T) {
	m := startMigration(t, "/chat")
	for i := range 500 {
		require.NoError(t, m.ours.(*goSide).EmitAsync(interop.Target{}, "n", i, strings.Repeat("x", i%9*1500)))
	}
	for i := range 500 {
		// The adapter of Socket.IO 4 delivers small messages while it reads a large one.
		m.heard([]client{m.clients[0], m.clients[2]}, "n", i, strings.Repeat("x", i%9*1500))
	}
}

// TestInteropBridgeAnswers: requests of all servers end as if the bridges were servers without clients.
func TestInteropBridgeAnswers(t *testing.T) {
	m := startMigration(t, "/chat")
	ids := []any{m.clients[0].ID(), m.clients[1].ID(), m.clients[2].ID()}
	ask := func(a interop.Answer, err error) interop.Answer {
		t.Helper()
		require.NoError(t, err)
		require.Empty(t, a.Error)
		require.Less(t, a.Took, patience/2, "it does not end by timeout")
		return a
	}
	assert.Equal(t, ids[:1], ask(m.old.Clients(m.ctx)).Values)
	assert.ElementsMatch(t, []any{ids[0], "all", "old"}, ask(m.old.AllRooms(m.ctx)).Values)
	assert.ElementsMatch(t, []any{ids[0], "all", "old"}, ask(m.old.ClientRooms(m.ctx, m.clients[0].ID())).Values)
	assert.Equal(t, []any{nil, nil, nil}, ask(m.old.CustomRequest(m.ctx, "x")).Values,
		"the hooks of the server and of both bridges")
	for _, s := range []side{m.node, m.ours} {
		sockets, err := s.FetchSockets(m.ctx, interop.Target{})
		require.NoError(t, err)
		assert.ElementsMatch(t, ids[1:], idsOf(sockets))
		a, err := s.EmitWithAck(m.ctx, interop.Target{TimeoutMS: patience.Milliseconds()}, "ready?", 1)
		require.Empty(t, ask(a, err).Error)
		require.Len(t, a.Values, 2)
		m.heard(m.clients[1:], "ready?", 1)
		require.NoError(t, m.node.OnServerSide(m.ctx, "who", nil))
		require.NoError(t, m.ours.OnServerSide(m.ctx, "who", nil))
		a = ask(s.ServerSideEmitWithAck(m.ctx, "who", "x"))
		assert.ElementsMatch(t, []any{[]any{"x"}, nil, nil}, a.Values, "of the other server and of both bridges")
	}
	assert.EqualValues(t, 2, m.bridges[0].Stats().BToA.Withheld, "events that ask for acknowledgements")
	m.fence()
}

// TestInteropBridgeIsReplaced: when the server ends the connection that shows the active bridge, one of both goes on.
func TestInteropBridgeIsReplaced(t *testing.T) {
	m := startMigration(t, "/")
	require.True(t, <-m.bridges[0].active)
	db, err := sql.Open("postgres", m.w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	var ended int
	require.NoError(t, db.QueryRowContext(m.ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = $1`, bridge.DefaultName).Scan(&ended))
	require.Equal(t, 1, ended, "only the active bridge has a connection for that")
	require.False(t, <-m.bridges[0].active)
	select {
	case active := <-m.bridges[0].active:
		require.True(t, active)
	case active := <-m.bridges[1].active:
		require.True(t, active)
	case <-m.ctx.Done():
		t.Fatal("no bridge has taken over")
	}
	m.allHear()
}
