package interop_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// legacyPair is two peers of a legacy cluster that hear each other, with a client each.
type legacyPair struct {
	url     string
	peers   []*interop.Peer
	ns      []*interop.Namespace
	clients []*interop.Client
}

// legacyKey returns a key that no other test uses: the adapter counts nodes in all databases of the server. With its
// namespace it must fit into an application_name, 63 bytes.
func legacyKey(url string) string { return url[strings.LastIndex(url, "/test_")+1:][:16] }

// startLegacyPair starts peers whose clients are in the rooms "both", and "first" or "second".
func startLegacyPair(t *testing.T, ctx context.Context, nsp string, o interop.LegacyOptions) *legacyPair {
	t.Helper()
	url := pgtest.Database(t)
	o.Key = legacyKey(url)
	p := &legacyPair{url: url}
	for i := range 2 {
		peer := interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: url, Legacy: o})
		ns, err := peer.Namespace(ctx, nsp)
		require.NoError(t, err)
		c, err := ns.Connect(ctx, interop.ClientSpec{Rooms: []string{"both", []string{"first", "second"}[i]}})
		require.NoError(t, err)
		p.peers, p.ns, p.clients = append(p.peers, peer), append(p.ns, ns), append(p.clients, c)
	}
	for _, ns := range p.ns {
		require.NoError(t, ns.AwaitServerCount(ctx, 2))
	}
	return p
}

// heard requires that the clients get this event next.
func heard(t *testing.T, ctx context.Context, clients []*interop.Client, event string, args ...any) {
	t.Helper()
	for i, c := range clients {
		e, err := c.Next(ctx)
		require.NoError(t, err, "client %d", i)
		require.Equal(t, event, e.Event, "client %d", i)
		require.Equal(t, interop.Canon(list(args)), interop.Canon(values(e.Args)), "client %d", i)
	}
}

// TestInteropLegacyPeers proves the fixture: two servers with the real package hear each other.
func TestInteropLegacyPeers(t *testing.T) {
	t.Parallel()
	for _, nsp := range []string{"/", "/chat"} {
		t.Run("Broadcasts"+nsp, func(t *testing.T) {
			ctx := patient(t)
			p := startLegacyPair(t, ctx, nsp, interop.LegacyOptions{})
			from, near, far := p.ns[0], p.clients[0], p.clients[1]
			yes, no := true, false
			// The adapter does not keep the order of messages, so each must arrive before the next is sent.
			for name, args := range map[string][]any{
				"text":      {"Grüße, 世界 🎉", "", "\x00\n\"\\"},
				"numbers":   {0, -1, 1.5, int64(math.MaxUint32), 1e15, -1e15, 5e-324},
				"values":    {nil, true, false, []any{}, map[string]any{"a": []any{1, map[string]any{}}}},
				"bytes":     {[]byte{0, 1, 255}, []byte{}},
				"nested":    {map[string]any{"a": []any{[]byte("b"), map[string]any{"c": []byte("d")}}}},
				"date":      {time.UnixMilli(1700000000123).UTC()},
				"large":     {strings.Repeat("x", 50000)},
				"megabyte":  {strings.Repeat("y", 1<<20), []byte(strings.Repeat("z", 1<<20))},
				"arguments": {},
			} {
				want := list(args)
				if name == "date" {
					want[0] = "2023-11-14T22:13:20.123Z"
				}
				require.NoError(t, from.Emit(ctx, interop.Target{}, name, args...))
				heard(t, ctx, p.clients, name, want...)
			}
			require.NoError(t, from.Emit(ctx, interop.Target{}, "undefined", interop.Undefined{}))
			heard(t, ctx, p.clients, "undefined", nil)
			require.NoError(t, from.Emit(ctx, interop.To("second"), "room"))
			heard(t, ctx, p.clients[1:], "room")
			require.NoError(t, from.Emit(ctx, interop.To("first", "second"), "rooms"))
			heard(t, ctx, p.clients, "rooms")
			require.NoError(t, from.EmitFrom(ctx, near, interop.Target{}, "others"))
			heard(t, ctx, p.clients[1:], "others")
			require.NoError(t, from.EmitFrom(ctx, near, interop.To("both"), "others in a room"))
			heard(t, ctx, p.clients[1:], "others in a room")
			require.NoError(t, from.Emit(ctx, interop.Target{Local: true}, "local"))
			heard(t, ctx, p.clients[:1], "local")
			flags := interop.Target{Volatile: true, Compress: &no, JSON: true, Binary: &yes}
			require.NoError(t, from.Emit(ctx, flags, "flags", []byte("x")))
			heard(t, ctx, p.clients, "flags", []byte("x"))
			require.NoError(t, p.ns[1].Emit(ctx, interop.To(near.ID()), "back"))
			heard(t, ctx, p.clients[:1], "back")
			require.NoError(t, p.ns[1].Emit(ctx, interop.To(far.ID()), "last"))
			heard(t, ctx, p.clients[1:], "last")
			require.Empty(t, append(p.peers[0].Errors.Take(), p.peers[1].Errors.Take()...))
			for _, peer := range p.peers {
				require.NoError(t, peer.Stop(ctx))
			}
		})
	}
	t.Run("Requests", func(t *testing.T) {
		ctx := patient(t)
		p := startLegacyPair(t, ctx, "/chat", interop.LegacyOptions{CountAsNumber: true, RequestsTimeout: patience})
		first, second := p.clients[0].ID(), p.clients[1].ID()
		// ask requires that a request ends without an error: all nodes have answered.
		ask := func(a interop.Answer, err error) interop.Answer {
			t.Helper()
			require.NoError(t, err)
			require.Empty(t, a.Error)
			require.Less(t, a.Took, patience/2)
			return a
		}
		assert.ElementsMatch(t, []any{first, second}, ask(p.ns[0].Clients(ctx)).Values)
		assert.ElementsMatch(t, []any{second}, ask(p.ns[0].Clients(ctx, "second")).Values)
		assert.ElementsMatch(t, []any{first, second}, ask(p.ns[1].Clients(ctx, "first", "second")).Values)
		assert.ElementsMatch(t, []any{second, "both", "second"}, ask(p.ns[0].ClientRooms(ctx, second)).Values)
		assert.ElementsMatch(t, []any{first, second, "both", "first", "second"}, ask(p.ns[0].AllRooms(ctx)).Values)

		ask(p.ns[0].RemoteJoin(ctx, second, "moved"))
		require.NoError(t, p.clients[1].Joined(ctx, "moved"))
		assert.Contains(t, ask(p.ns[0].AllRooms(ctx)).Values, "moved")
		ask(p.ns[0].RemoteLeave(ctx, second, "moved"))
		require.NoError(t, p.clients[1].Left(ctx, "moved"))
		assert.NotContains(t, ask(p.ns[0].AllRooms(ctx)).Values, "moved")

		assert.Equal(t, []any{nil, nil}, ask(p.ns[0].CustomRequest(ctx, "x")).Values, "the default hooks")
		require.NoError(t, p.ns[0].CustomHook(ctx, interop.Echo()))
		require.NoError(t, p.ns[1].CustomHook(ctx, interop.Reply(map[string]any{"n": 1})))
		question := map[string]any{"q": []any{"ü", 1.5}}
		answers := ask(p.ns[0].CustomRequest(ctx, question)).Values
		assert.ElementsMatch(t, []any{question, map[string]any{"n": 1.0}}, answers)
		e, err := p.ns[1].NextServerSide(ctx)
		require.NoError(t, err)
		assert.Equal(t, []any{question}, values(e.Args))

		ask(p.ns[0].RemoteDisconnect(ctx, second, true))
		reason, err := p.clients[1].Disconnected(ctx)
		require.NoError(t, err)
		assert.Equal(t, "io server disconnect", reason)
		require.Empty(t, append(p.peers[0].Errors.Take(), p.peers[1].Errors.Take()...))
	})
	t.Run("RequestsTimeOut", func(t *testing.T) {
		ctx := patient(t)
		const timeout = time.Second
		p := startLegacyPair(t, ctx, "/", interop.LegacyOptions{RequestsTimeout: timeout})
		a, err := p.ns[0].Clients(ctx)
		require.NoError(t, err)
		assert.Equal(t, "timeout reached while waiting for clients response", a.Error)
		assert.ElementsMatch(t, []any{p.clients[0].ID(), p.clients[1].ID()}, a.Values)
		assert.GreaterOrEqual(t, a.Took, timeout-10*time.Millisecond)
		a, err = p.ns[0].ClientRooms(ctx, "nobody")
		require.NoError(t, err)
		assert.Equal(t, "timeout reached while waiting for rooms response", a.Error)
		assert.Nil(t, a.One)
		p.peers[1].Kill()
		require.NoError(t, p.ns[0].AwaitServerCount(ctx, 1))
		a, err = p.ns[0].RemoteJoin(ctx, p.clients[1].ID(), "x")
		require.NoError(t, err)
		assert.Equal(t, "timeout reached while waiting for remoteJoin response", a.Error)
	})
}
