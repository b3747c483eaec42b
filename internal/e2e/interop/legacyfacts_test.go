package interop_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// These tests prove what socket.io-adapter-postgres 1.2.1 does in cases that a Go node has to know about.

// notifyLegacy sends payloads on the channel of legacy clusters.
func notifyLegacy(t *testing.T, ctx context.Context, url string, payloads ...string) {
	t.Helper()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, p := range payloads {
		_, err = conn.Exec(ctx, "SELECT pg_notify('socketio', $1)", p)
		require.NoError(t, err)
	}
}

// TestInteropLegacyForeignMessages: most messages that are not from the adapter end the process, whatever its key is.
func TestInteropLegacyForeignMessages(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	url := pgtest.Database(t)
	key := legacyKey(url)
	recording, err := interop.Record(t, url, "").Listen(ctx, "socketio")
	require.NoError(t, err)
	start := func() *interop.Peer {
		return interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: url,
			Legacy: interop.LegacyOptions{Key: key, Unguarded: true}})
	}
	for _, payload := range []string{
		``, `no json`, `null`, `5`, `{}`, `[]`, `[null]`, // for every key
		`["KEY#/#"]`, `["KEY#/#",5]`, `["KEY#/#",""]`, `["KEY#/#","!!!"]`, // no base64, or of no message
		`["KEY#/#","wA=="]`,                         // null
		`["KEY#/#","k6FhgqR0eXBlAqRkYXRhkaFlwA=="]`, // no options: null
		`["KEY-request#/#","no json"]`,              // an error event, which ends the process without a handler
		`["KEY-request#/#","null"]`, `["KEY-response#/#","null"]`,
		`["KEY-request#/#","{\"type\":3,\"sid\":\"constructor\"}"]`,
		`["KEY#/#","_chunk_constructor_0_1` + strings.Repeat(" ", 28) + `x"]`,
	} {
		peer := start()
		notifyLegacy(t, ctx, url, strings.ReplaceAll(payload, "KEY", key))
		require.NoError(t, peer.Exited(ctx), "%s must end the process", payload)
	}
	start()
	for i, payload := range []string{
		`"text"`, `[1,2]`, `["other"]`, `["other",5]`, `["other#/#","!!!"]`,
		`["KEY#/#room#","!!!"]`, // nobody is in the room
		`["KEY#/#","kA=="]`,     // an empty list
		`["KEY-request#/#","5"]`, `["KEY-request#/#","[]"]`, `["KEY-request#/#","{}"]`,
		`["KEY-request#/#","{\"type\":7}"]`, `["KEY-request#/#","{\"type\":\"0\"}"]`,
		`["KEY-response#/#","{}"]`, `["KEY-response#/#","{\"requestid\":\"unknown\"}"]`,
		`["KEY#/#","_chunk_"]`, `["KEY#/#","_chunk_a_x_y"]`,
	} {
		question := fmt.Sprintf(`["KEY-request#/#","{\"requestid\":%d,\"type\":2}"]`, i)
		answer := fmt.Sprintf(`["KEY-response#/#","{\"requestid\":%d,\"rooms\":[]}"]`, i)
		replace := func(s string) string { return strings.ReplaceAll(s, "KEY", key) }
		notifyLegacy(t, ctx, url, replace(payload), replace(question))
		_, err := recording.Messages.Await(ctx, func(m interop.Message) bool { return m.Payload == replace(answer) })
		require.NoError(t, err, "%s must not end the process", payload)
	}
	// Each node publishes a broadcast without options again, with the options true.
	recording.Messages.Take()
	notifyLegacy(t, ctx, url, fmt.Sprintf(`["%s#/#",%q]`, key, "kqFhgqR0eXBlAqRkYXRhkaFl"))
	_, err = recording.Messages.Next(ctx)
	require.NoError(t, err)
	again, err := recording.Messages.Next(ctx)
	require.NoError(t, err)
	m, err := interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: pgtest.Database(t)}).
		DecodeLegacy(ctx, again.Payload)
	require.NoError(t, err)
	assert.Contains(t, string(m.Decoded), `"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":true}`)
	// Requests without an id are answered without one.
	notifyLegacy(t, ctx, url, fmt.Sprintf(`["%s-request#/#","{\"type\":0}"]`, key))
	_, err = recording.Messages.Await(ctx, func(m interop.Message) bool {
		return m.Payload == fmt.Sprintf(`["%s-response#/#","{\"clients\":[]}"]`, key)
	})
	require.NoError(t, err)
}

// TestInteropLegacySizes: messages that are short enough to need no pieces and too long for NOTIFY are lost, and so are
// pieces that have more than 8,000 bytes because of their characters. The process ends if nobody handles the rejection.
func TestInteropLegacySizes(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := startLegacyPair(t, ctx, "/", interop.LegacyOptions{RequestsTimeout: time.Second})
	from := p.ns[0]
	tooLong := func() {
		t.Helper()
		e, err := p.peers[0].Errors.Next(ctx)
		require.NoError(t, err)
		assert.Equal(t, "unhandledRejection error: payload string too long", e.Where+" "+e.Message)
	}
	limit := 7999 - len(`["#/#",""]`) - len(legacyKey(p.url))
	for _, n := range []int{limit / 4 * 4, limit/4*4 + 4, 7996, 8000, 8004} {
		require.NoError(t, from.Emit(ctx, interop.Target{}, "e", legacySized(n)))
		heard(t, ctx, p.clients[:1], "e", legacySized(n))
		if n > limit && n <= 8000 {
			tooLong()
			continue
		}
		heard(t, ctx, p.clients[1:], "e", legacySized(n))
	}
	// The same for requests, in which quotation marks are escaped twice.
	for _, data := range []string{strings.Repeat("€", 2700), strings.Repeat("€", 9000), strings.Repeat(`"`, 3000)} {
		a, err := from.CustomRequest(ctx, data)
		require.NoError(t, err)
		assert.Equal(t, []any{}, a.Values, "not even the node itself has answered")
		tooLong()
		p.peers[0].Errors.Take() // an error for each piece
	}
	// And for answers: a node with 318 to 346 rooms or clients.
	rooms := make([]string, 330)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room%016d", i)
	}
	_, err := from.Connect(ctx, interop.ClientSpec{Rooms: rooms})
	require.NoError(t, err)
	a, err := p.ns[1].AllRooms(ctx)
	require.NoError(t, err)
	assert.ElementsMatch(t, []any{"both", "second", p.clients[1].ID()}, a.Values)
	tooLong()

	unguarded := interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: p.url,
		Legacy: interop.LegacyOptions{Key: legacyKey(p.url), Unguarded: true}})
	ns, err := unguarded.Namespace(ctx, "/")
	require.NoError(t, err)
	_ = ns.Emit(ctx, interop.Target{}, "e", legacySized(8000))
	require.NoError(t, unguarded.Exited(ctx))
}

// TestInteropLegacyCount: the adapter counts the connections whose application_name is that of a namespace. A process
// has one such connection, which has the name of the namespace that was opened last.
func TestInteropLegacyCount(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	url := pgtest.Database(t)
	key := legacyKey(url)
	start := func(url string) *interop.Peer {
		return interop.Start(t, interop.Config{Adapter: interop.Legacy, DatabaseURL: url,
			Legacy: interop.LegacyOptions{Key: key, CountAsNumber: true, RequestsTimeout: time.Second}})
	}
	names := func() []string {
		conn, err := pgx.Connect(ctx, url)
		require.NoError(t, err)
		defer func() { _ = conn.Close(ctx) }()
		rows, err := conn.Query(ctx, `SELECT application_name FROM pg_stat_activity
			WHERE datname = current_database() AND application_name LIKE 'socket.io-%'`)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return found
	}
	open := func(p *interop.Peer, nsp string) *interop.Namespace {
		ns, err := p.Namespace(ctx, nsp)
		require.NoError(t, err)
		return ns
	}
	counts := func(ns *interop.Namespace, want int) {
		t.Helper()
		n, err := ns.ServerCount(ctx)
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	peer := start(url)
	root := open(peer, "/")
	assert.Equal(t, []string{"socket.io-" + key + "-request#/#"}, names())
	counts(root, 1)
	chat := open(peer, "/chat")
	assert.Equal(t, []string{"socket.io-" + key + "-request#/chat#"}, names())
	counts(root, 0)
	counts(chat, 1)
	a, err := root.Clients(ctx)
	require.NoError(t, err)
	assert.NotEmpty(t, a.Error, "the count of 0 never equals the number of answers")

	long := "/" + strings.Repeat("x", 40)
	ns := open(peer, long)
	assert.Equal(t, []string{("socket.io-" + key + "-request#" + long + "#")[:63]}, names())
	counts(ns, 0) // it searches for the whole name

	other := start(pgtest.Database(t))
	counts(open(other, "/chat"), 1)
	counts(chat, 1) // a node in another database that it cannot reach
}

// TestInteropLegacyConnectionLost: the adapter does not listen again.
func TestInteropLegacyConnectionLost(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := startLegacyPair(t, ctx, "/", interop.LegacyOptions{})
	pgtest.Exec(t, p.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'socket.io-%'`)
	for _, peer := range p.peers {
		e, err := peer.Errors.Next(ctx)
		require.NoError(t, err)
		assert.Equal(t, "adapter error: terminating connection due to administrator command", e.Where+" "+e.Message)
	}
	n, err := p.ns[0].ServerCount(ctx)
	require.NoError(t, err)
	assert.Equal(t, 0, n)
	recording, err := interop.Record(t, p.url, "").Listen(ctx, "socketio")
	require.NoError(t, err)
	require.NoError(t, p.ns[0].Emit(ctx, interop.Target{}, "e", 1))
	_, err = recording.Messages.Next(ctx)
	require.NoError(t, err, "it still publishes")
	heard(t, ctx, p.clients[:1], "e", 1)
}
