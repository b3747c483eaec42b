package socketio_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// audited collects the events of Config.Audit.
func audited(into *events[socketio.AuditEvent]) func(*socketio.Config) {
	return func(c *socketio.Config) { c.Audit = into.add }
}

// reached waits for the next event of a kind, and returns it.
func reached(t *testing.T, audit *events[socketio.AuditEvent], kind socketio.AuditKind) socketio.AuditEvent {
	t.Helper()
	for {
		if e := audit.next(t); e.Kind == kind {
			return e
		}
	}
}

// onlyReached checks that a quota was reached, and no other one.
func onlyReached(t *testing.T, n *node, quota socketio.Quota) {
	t.Helper()
	for q, count := range n.Stats().Reached {
		assert.Equal(t, q == quota, count > 0, "%s: %d", q, count)
	}
}

// Each attacker is disconnected because of its quota. Another client is not affected.
func TestClientAboveAQuotaIsDisconnected(t *testing.T) {
	for name, c := range map[string]struct {
		quota  socketio.Quota
		reason string // of the disconnection, if it differs from the quota
		limit  func(*socketio.Config)
		attack func(*peer)
	}{
		"Events": {quota: socketio.QuotaEventRate,
			limit: func(c *socketio.Config) { c.MaxEventsPerSecond = 20 },
			attack: func(p *peer) {
				for range 1000 {
					p.send(`2["x"]`)
				}
			}},
		"Acknowledgements": {quota: socketio.QuotaEventRate,
			limit: func(c *socketio.Config) { c.MaxEventsPerSecond = 20 },
			attack: func(p *peer) {
				for i := range 1000 {
					p.send(`3%d[]`, i)
				}
			}},
		"Bytes": {quota: socketio.QuotaByteRate,
			limit: func(c *socketio.Config) { c.MaxBytesPerSecond = 10_000 },
			attack: func(p *peer) {
				for range 20 {
					p.send(`2["x","%s"]`, strings.Repeat("x", 9000))
				}
			}},
		"Attachments": {quota: socketio.QuotaAttachments, reason: "parse error",
			limit:  func(*socketio.Config) {},
			attack: func(p *peer) { p.send(`511-["x"]`) }},
		"AttachmentBytes": {quota: socketio.QuotaAttachments, reason: "parse error",
			limit: func(c *socketio.Config) { c.MaxAttachmentBytes = 1000 },
			attack: func(p *peer) {
				p.send(`52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
				p.sendBinary(strings.Repeat("x", 2000))
			}},
		"MemoryOfAttachments": {quota: socketio.QuotaMemory,
			limit: func(c *socketio.Config) { c.MaxMemory = 100_000 },
			attack: func(p *peer) {
				p.send(`53-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]`)
				p.sendBinary(strings.Repeat("x", 90_000))
				p.sendBinary(strings.Repeat("x", 90_000))
			}},
	} {
		t.Run(name, func(t *testing.T) {
			audit := newEvents[socketio.AuditEvent]()
			n := serve(t, c.limit, audited(audit))
			joined := connected(n.Namespace)
			honest := connect(t, n)
			joined.next(t)
			attacker := connect(t, n)
			got := newEvents[string]()
			s := joined.next(t)
			s.OnDisconnect(got.add)
			c.attack(attacker)

			want := string(c.quota)
			if c.reason != "" {
				want = c.reason
			}
			assert.Equal(t, want, got.next(t))
			e := reached(t, audit, socketio.AuditQuota)
			assert.Equal(t, string(c.quota), e.Reason)
			assert.Equal(t, "127.0.0.1", e.Address)
			var quota *socketio.QuotaError
			require.ErrorAs(t, e.Err, &quota)
			assert.Equal(t, want, reached(t, audit, socketio.AuditDisconnect).Reason)
			onlyReached(t, n, c.quota)
			honest.sync("")
			eventually(t, "only the other client is left", func() bool { return n.ClientsCount() == 1 })
		})
	}
}

func TestFullSendQueueIsCountedAndAudited(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.SendQueue = 4 })
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	p.stall()
	for s.Connected() {
		_ = s.Emit("x", strings.Repeat("x", 100_000)) // until the queue is full
	}
	eventually(t, "the quota is counted", func() bool { return n.Stats().Reached[socketio.QuotaSendQueue] == 1 })
}

func TestRoomQuota(t *testing.T) {
	limit := func(c *socketio.Config) { c.MaxRooms, c.MaxRoomBytes = 5, 100 }

	t.Run("JoinRefusesMore", func(t *testing.T) {
		n := serve(t, limit)
		joined := connected(n.Namespace)
		connect(t, n)
		s := joined.next(t)
		connect(t, n)
		other := joined.next(t)
		require.NoError(t, s.Join("1", "2", "3", "4", "5"), "the room named after its id must not count")
		var quota *socketio.QuotaError
		require.ErrorAs(t, s.Join("6"), &quota)
		assert.Equal(t, socketio.QuotaError{Quota: socketio.QuotaRooms, Limit: 5}, *quota)
		require.NoError(t, s.Join("1", "2"))
		require.NoError(t, other.Join("6"))
		s.Leave("1")
		require.NoError(t, s.Join("6"))
		require.ErrorAs(t, other.Join(strings.Repeat("x", 100)), &quota)
		require.NoError(t, other.Join(strings.Repeat("x", 99)))
		onlyReached(t, n, socketio.QuotaRooms)
	})
	t.Run("HoldsInAMiddleware", func(t *testing.T) {
		n := serve(t, limit)
		n.Use(func(s *socketio.Socket) error {
			require.NoError(t, s.Join("1", "2", "3", "4"))
			return s.Join("5", "6")
		})
		p := dial(t, n)
		p.send(`0`)
		p.expect(`4{"message":"too many rooms"}`)
	})
	t.Run("HoldsForSocketsJoin", func(t *testing.T) {
		a, b := pair(t, limit)
		joined := connected(a.Namespace)
		p := connect(t, a)
		s := joined.next(t)
		for i := range 10 {
			require.NoError(t, b.SocketsJoin(t.Context(), fmt.Sprint(i)))
		}
		require.NoError(t, b.Emit(t.Context(), "done")) // arrives after the other
		p.expect(`2["done"]`)
		assert.Len(t, s.Rooms(), 1+5)
		assert.EqualValues(t, 5, a.Stats().Reached[socketio.QuotaRooms])
	})
	t.Run("BoundsAnAttack", func(t *testing.T) {
		n := serve(t)
		joined := connected(n.Namespace)
		honest, attacker := connect(t, n), connect(t, n)
		joined.next(t)
		s := joined.next(t)
		s.On("join", func(room string) error { return s.Join(room) })
		const wanted = 20_000
		for i := range wanted {
			attacker.send(`2["join","room-%d"]`, i)
		}
		honest.sync("")
		eventually(t, "all other joins are refused",
			func() bool { return n.Stats().Reached[socketio.QuotaRooms] == wanted-4096 })
		assert.Len(t, n.Rooms(), 4096+2)
	})
}

func TestAckQuota(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.MaxAcks = 2 })
	joined := connected(n.Namespace)
	p, q := connect(t, n), connect(t, n)
	s := joined.next(t)
	joined.next(t)
	answers := newEvents[error]()
	for range 2 {
		go func() {
			_, err := s.EmitWithAck(t.Context(), "x")
			answers.add(err)
		}()
		require.Contains(t, p.next(), `["x"]`)
	}
	var quota *socketio.QuotaError
	_, err := s.EmitWithAck(t.Context(), "y")
	require.ErrorAs(t, err, &quota)
	assert.Equal(t, socketio.QuotaAcks, quota.Quota)

	// A broadcast reaches all clients, and waits for the acknowledgements that it may wait for.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		p.expect(`23["z"]`)
		q.expect(`23["z"]`)
		p.send(`33["p"]`) // the server does not wait for it
		p.sync("")
		q.send(`33["q"]`)
		q.sync("")
	}()
	values, err := n.Timeout(patience).EmitWithAck(ctx, "z")
	<-done
	require.Error(t, err, "an error was wanted: one acknowledgement is missing")
	require.Len(t, values, 1)
	assert.Equal(t, `"q"`, values[0].String())

	for i := range 2 {
		p.send(`3%d[]`, i)
		require.NoError(t, answers.next(t))
	}
	go func() { _, err := s.EmitWithAck(t.Context(), "y"); answers.add(err) }()
	id, _, _ := strings.Cut(strings.TrimPrefix(p.next(), "2"), "[")
	p.send("3%s[]", id)
	require.NoError(t, answers.next(t))
}

func TestAuthPayloadQuota(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := dial(t, n)
	p.send(`0{"token":"%s"}`, strings.Repeat("x", 64<<10))
	p.expect(`4{"message":"auth payload too large"}`)
	p.join("", `{"token":"`+strings.Repeat("x", 60<<10)+`"}`)
	joined.next(t)
	p.sync("")
	onlyReached(t, n, socketio.QuotaAuthBytes)
}

// A client that is busy, but not an attacker, reaches none of the default limits.
func TestBusyClientReachesNoDefaultQuota(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	n.OfPattern(anyName).OnConnection(func(s *socketio.Socket) { s.On("sync", func(ack func()) { ack() }) })
	p := connect(t, n)
	s := joined.next(t)
	s.On("upload", func(a, b []byte, ack func(int)) { ack(len(a) + len(b)) })
	s.On("join", func(room string) error { return s.Join(room) })
	s.On("x", func() {})
	for i := range 50 {
		p.join(fmt.Sprintf("/document-%d", i), `{"token":"`+strings.Repeat("x", 4000)+`"}`)
	}
	for i := range 2000 {
		p.send(`2["join","topic-%d"]`, i)
	}
	for range 20_000 {
		p.send(`2["x"]`)
	}
	for range 10 {
		p.send(`52-7["upload",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		p.sendBinary(strings.Repeat("x", 900_000))
		p.sendBinary(strings.Repeat("x", 900_000))
		p.expect(`37[1800000]`)
	}
	for i := range 2000 {
		require.NoError(t, s.Emit("y", i))
		require.Contains(t, p.next(), `2["y"`)
	}
	p.sync("")
	for q, count := range n.Stats().Reached {
		assert.Zero(t, count, q)
	}
	stats := n.Stats()
	assert.Equal(t, 1, stats.Clients)
	assert.Equal(t, 51, stats.Namespaces)
	assert.Equal(t, 50, stats.DynamicNamespaces)
	assert.Zero(t, stats.Unjoined)
	eventually(t, "nothing is queued", func() bool { return n.Stats().QueuedBytes == 0 })
}

func TestMeaninglessConfigIsRefused(t *testing.T) {
	for name, config := range map[string]socketio.Config{
		"MaxEvents":                  {MaxEvents: -1},
		"MaxEventBytes":              {MaxEventBytes: -1},
		"MaxAttachmentBytes":         {MaxAttachmentBytes: -1},
		"ConnectTimeout":             {ConnectTimeout: -1},
		"Reauthenticate":             {Reauthenticate: -1, Admit: func(*http.Request) error { return nil }},
		"ReauthenticateWithoutAFunc": {Reauthenticate: time.Hour},
		"ReauthenticateSocketWithoutATime": {ReauthenticateSocket: func(context.Context,
			*socketio.Socket) error {
			return nil
		}},
		"EmptyNamespacesAreKeptAndAreClosed": {KeepEmptyNamespaces: true, CleanupEmptyNamespaces: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := socketio.NewServer(config)
			require.Error(t, err)
		})
	}
}

func TestDisconnectedClientsFreeTheirMemory(t *testing.T) {
	n := serve(t)
	connected(n.Namespace)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var all []*peer
	for range 32 {
		p := connect(t, n)
		p.send(`52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		p.sendBinary(strings.Repeat("x", 900_000))
		all = append(all, p)
	}
	eventually(t, "the incomplete packets are held", func() bool { return n.Stats().QueuedBytes > 32*900_000 })
	for _, p := range all {
		_ = p.conn.Close()
	}
	eventually(t, "all clients are disconnected and nothing is queued",
		func() bool { return n.ClientsCount() == 0 && n.Stats().QueuedBytes == 0 })
	// the test itself keeps 8 MiB
	eventually(t, "the memory of their packets is freed", func() bool { return heap()-before < 16<<20 })
}
