package interop_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// logged gives a Go node a log.
func logged(c *backplane.Config) { c.Log = &backplane.LogConfig{} }

// TestInteropLogged: a log changes nothing for the nodes of Node.js. What they send is delivered as ever, and they
// receive what the Go node sends. With the default order, the Go node's own clients get its events when these come
// back.
func TestInteropLogged(t *testing.T) {
	for _, c := range []struct{ adapter, driver string }{
		{interop.Adapter05, pgxDriver},
		{interop.Adapter05, pqDriver},
		{interop.Cluster, pgxDriver},
	} {
		t.Run("Node-"+c.adapter+"/"+c.driver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			node, ours := w.start(t, c.adapter), w.startGo(t, c.driver, logged)
			t.Run("NodeToGo", func(t *testing.T) { runScenarios(t, w, node, ours, onlyBrief) })
			t.Run("GoToNode", func(t *testing.T) { runScenarios(t, w, ours, node, onlyBrief) })
		})
	}
}

// TestInteropLoggedGoToGo: the same between two of our nodes with logs, on different drivers.
func TestInteropLoggedGoToGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pgx, pq := w.startGo(t, pgxDriver, logged), w.startGo(t, pqDriver, logged)
	t.Run("pgxToPq", func(t *testing.T) { runScenarios(t, w, pgx, pq, onlyBrief) })
	t.Run("pqToPgx", func(t *testing.T) { runScenarios(t, w, pq, pgx, onlyBrief) })
}

// TestInteropLoggedMessagesAreTheSameBytes: on the channel of a namespace, a node with a log sends the notifications of
// one without, byte for byte, and no others but those about the log itself.
func TestInteropLoggedMessagesAreTheSameBytes(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			with, without := everyOperation(t, driver, logged), everyOperation(t, driver)
			require.Equal(t, without, with)
			require.Greater(t, len(with), len(operations))
		})
	}
}

// operations are what a node can send without an answer that depends on other nodes.
var operations = []func(ctx context.Context, ns *backplane.Namespace) error{
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.Emit(ctx, "e", 1, "x", nil) },
	func(ctx context.Context, ns *backplane.Namespace) error {
		return ns.To("a", "b").Except("c").Compress(false).Emit(ctx, "e", map[string]any{"a": []int{1}})
	},
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.Volatile().Emit(ctx, "v") },
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.Emit(ctx, "binary", []byte{1, 2}) },
	func(ctx context.Context, ns *backplane.Namespace) error {
		return ns.Emit(ctx, "large", longStructure())
	},
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.In("a").SocketsJoin(ctx, "x", "y") },
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.SocketsLeave(ctx, "x") },
	func(ctx context.Context, ns *backplane.Namespace) error {
		return ns.In("a").DisconnectSockets(ctx, true)
	},
	func(ctx context.Context, ns *backplane.Namespace) error { return ns.ServerSideEmit(ctx, "s", 1) },
	func(ctx context.Context, ns *backplane.Namespace) error {
		_, err := ns.In("a").EmitWithAck(ctx, "ask", 1)
		return err
	},
	func(ctx context.Context, ns *backplane.Namespace) error {
		_, err := ns.In("a").FetchSockets(ctx)
		return err
	},
	func(ctx context.Context, ns *backplane.Namespace) error {
		_, err := ns.ServerSideEmitWithAck(ctx, "ask", 1)
		return err
	},
}

// random is what differs between two runs: ids of requests and rows, keys, times and addresses.
var random = regexp.MustCompile(`"(requestId|attachmentId|attachmentKey|closeHash|closeKey|process)":"[^"]*"`)

// everyOperation runs the operations on a Go node, beside a Node.js node without clients, and returns the notifications
// that the Go node has sent in its namespace, in order.
func everyOperation(t *testing.T, driver string, change ...func(*backplane.Config)) []string {
	w := newWorld(t)
	node := w.start(t, interop.Adapter05)
	uid := func(c *backplane.Config) { c.UID = "00112233445566aa" }
	ours := w.startGo(t, driver, append(change, uid)...)
	f := newFixture(t, w, ours, node, scenario{nsp: "/bytes"})
	require.NoError(t, f.to.OnServerSide(f.ctx, "ask", interop.Reply(1)))
	for _, run := range operations {
		require.NoError(t, run(f.ctx, f.from.(*goSide).ns))
	}
	require.NoError(t, f.from.Emit(f.ctx, interop.Target{}, "last"))
	_, err := f.recording.Messages.Await(f.ctx, func(m interop.Message) bool {
		return strings.Contains(m.Payload, `"last"`)
	})
	require.NoError(t, err)
	var sent []string
	for _, m := range f.recording.Seen.Take() {
		if m.UID == f.from.UID() && m.Type > 2 { // the number of heartbeats depends on the time
			sent = append(sent, random.ReplaceAllString(m.Payload, `"$1":"…"`))
		}
	}
	return sent
}
