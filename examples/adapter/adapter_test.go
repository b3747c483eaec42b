package adapter_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/examples/adapter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

const patience = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a socket that keeps what it receives, and acknowledges with its id.
type client struct {
	id  string
	got chan []any
}

func connect(server *adapter.Adapter, id string, rooms ...string) client {
	c := client{id, make(chan []any, 16)}
	server.Connect(&adapter.Socket{
		Details: adapter.Details{ID: id, Handshake: map[string]any{"address": "::1"}, Data: map[string]any{"name": id}},
		Send: func(data []any, ack func(any)) {
			c.got <- data
			if ack != nil {
				ack("I am " + id)
			}
		},
		Disconnect: func(close bool) { c.got <- []any{"disconnect", close} },
	})
	server.AddAll(id, rooms)
	return c
}

func (c client) expect(t *testing.T, want ...any) {
	t.Helper()
	require.Equal(t, want, receive(t, c.got))
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing was received")
		panic("unreachable")
	}
}

// servers starts two servers in one cluster.
func servers(t *testing.T, bus func() transport.Bus) (a, b *adapter.Adapter) {
	met := make(chan string, 2)
	start := func() *adapter.Adapter {
		cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: bus(), Trace: backplane.Trace{
			PeerJoined: func(_, uid string) { met <- uid },
		}})
		require.NoError(t, err)
		own := &adapter.Memory{OnServerSideEmit: func(data []any, ack func(any)) {
			if ack != nil {
				ack(data)
			}
		}}
		s, err := adapter.New(t.Context(), cluster, "/", own, func(err error) { t.Error(err) })
		require.NoError(t, err)
		t.Cleanup(func() {
			s.Close()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			require.NoError(t, cluster.Close(ctx))
		})
		return s
	}
	a, b = start(), start()
	receive(t, met)
	receive(t, met)
	require.Equal(t, []int{2, 2}, []int{a.ServerCount(), b.ServerCount()})
	return a, b
}

func TestAdapter(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		hub := memory.NewHub()
		test(t, func() transport.Bus { return hub })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		test(t, func() transport.Bus { return pgxdriver.New(pool) })
	})
}

func test(t *testing.T, bus func() transport.Bus) {
	a, b := servers(t, bus)
	one, two, three := connect(a, "1", "r"), connect(b, "2", "r"), connect(b, "3")
	inRoom := adapter.Options{Rooms: []string{"r"}}

	a.Broadcast([]any{"news", "text", 1.5, []byte{1, 2}, map[string]any{"k": nil}}, inRoom)
	for _, c := range []client{one, two} {
		c.expect(t, "news", "text", 1.5, []byte{1, 2}, map[string]any{"k": nil})
	}
	no := false
	a.Broadcast([]any{"all but 2"}, adapter.Options{Except: []string{"2"}, Volatile: true, Compress: &no})
	one.expect(t, "all but 2")
	three.expect(t, "all but 2")
	b.Broadcast([]any{"here"}, adapter.Options{Local: true})
	two.expect(t, "here")
	three.expect(t, "here")

	answers, counts := make(chan any, 4), make(chan int, 4)
	b.BroadcastWithAck([]any{"who?"}, inRoom, func(n int) { counts <- n }, func(v any) { answers <- v })
	require.ElementsMatch(t, []any{"I am 1", "I am 2"}, []any{receive(t, answers), receive(t, answers)})
	require.Equal(t, 2, receive(t, counts)+receive(t, counts), "one count for each server")
	one.expect(t, "who?")
	two.expect(t, "who?")

	a.AddSockets(adapter.Options{Rooms: []string{"3"}}, []string{"new", "r"})
	b.DelSockets(adapter.Options{Rooms: []string{"1"}}, []string{"r"})
	sockets := make(chan []adapter.Details, 1)
	found := func(all []adapter.Details, err error) {
		require.NoError(t, err)
		sockets <- all
	}
	a.FetchSockets(adapter.Options{Rooms: []string{"new"}}, found)
	all := receive(t, sockets)
	require.Len(t, all, 1)
	require.Equal(t, []string{"3", "new", "r"}, all[0].Rooms)
	require.Equal(t, map[string]any{"name": "3"}, all[0].Data)
	require.Equal(t, "::1", all[0].Handshake["address"])
	b.FetchSockets(adapter.Options{Rooms: []string{"1", "2"}, Except: []string{"r"}}, found)
	all = receive(t, sockets)
	require.Len(t, all, 1)
	require.Equal(t, []string{"1"}, all[0].Rooms)

	replies := make(chan []any, 1)
	require.NoError(t, a.ServerSideEmit([]any{"ping", 1.5}, func(all []any, err error) {
		require.NoError(t, err)
		replies <- all
	}))
	require.Equal(t, []any{[]any{"ping", 1.5}}, receive(t, replies))
	require.NoError(t, a.ServerSideEmit([]any{"ping"}, nil))

	a.DisconnectSockets(inRoom, true)
	two.expect(t, "disconnect", true)
	three.expect(t, "disconnect", true)
	a.Broadcast([]any{"last"}, adapter.Options{})
	one.expect(t, "last")
}
