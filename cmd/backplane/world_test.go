package main_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// patience bounds each wait of a test. Only a failing test waits that long.
const patience = 2 * time.Minute

// pause is the time between two checks of a condition that there is no event for.
const pause = 20 * time.Millisecond

var drivers = []string{"pgx", "pq"}

// world is a database or Redis server with a Node.js node and a Go node, which are peers in the namespace /chat.
type world struct {
	t    *testing.T
	ctx  context.Context
	url  string
	peer *interop.Peer
	node *interop.Namespace   // the Node.js node's
	ours *backplane.Namespace // the Go node's

	registry *backplane.Registry
	cluster  *backplane.Cluster // the Go node's
	flags    []string           // that all commands need

	engine string            // flag for url; "": --postgres
	redis  *redistest.Server // nil on PostgreSQL
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, url: pgtest.Database(t)}
	w.registry = backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: answer})

	pool, err := pgxpool.New(ctx, w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
	w.cluster = cluster
	w.ours, err = cluster.Namespace(ctx, "/chat", w.registry)
	require.NoError(t, err)

	w.peer = interop.Start(t, interop.Config{Adapter: interop.Adapter05, DatabaseURL: w.url,
		Options: interop.Options{HeartbeatInterval: time.Second, HeartbeatTimeout: 10 * time.Second}})
	w.node, err = w.peer.Namespace(ctx, "/chat")
	require.NoError(t, err)
	require.NoError(t, w.node.AwaitServerCount(ctx, 2))
	require.NoError(t, w.ours.WaitForPeers(ctx, 1))
	return w
}

// answer is how the Go node answers server-side events.
func answer(args backplane.Args, reply func(backplane.Value)) {
	if reply != nil && args.Event() != "silence" {
		reply(args.Value())
	}
}

// args returns the arguments of a command, with the flags for the world's database and namespace.
func (w *world) args(args ...string) []string {
	engine := w.engine
	if engine == "" {
		engine = "--postgres"
	}
	return slices.Insert(slices.Clone(args), 1, append([]string{engine, w.url, "--nsp", "/chat"}, w.flags...)...)
}

// run runs a command in the world's namespace. The command must succeed.
func (w *world) run(args ...string) result {
	w.t.Helper()
	r := run(w.t, w.args(args...)...)
	require.Zero(w.t, r.code, "%q: %s%s", args, r.stdout, r.stderr)
	return r
}

// json runs a command with --json and decodes its output.
func (w *world) json(into any, args ...string) {
	w.t.Helper()
	readJSON(w.t, w.run(append(args, "--json")...).stdout, into)
}

func readJSON(t *testing.T, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}

// connect connects a client to the Node.js node.
func (w *world) connect(spec interop.ClientSpec) *interop.Client {
	w.t.Helper()
	c, err := w.node.Connect(w.ctx, spec)
	require.NoError(w.t, err)
	return c
}

// next returns the next event that a client of the Node.js node receives: its name and arguments.
func (w *world) next(c *interop.Client) []any {
	w.t.Helper()
	e, err := c.Next(w.ctx)
	require.NoError(w.t, err)
	all := []any{e.Event}
	for _, arg := range e.Args {
		all = append(all, arg.V)
	}
	return all
}

// client is a client of the Go node.
type client struct {
	id     string
	events chan string
	gone   chan bool // receives the close flag when the client is disconnected
	reply  any       // nil: no acknowledgement
	world  *world
}

var (
	_ backplane.AckSocket       = (*client)(nil)
	_ backplane.DescribedSocket = (*client)(nil)
)

// add connects a client to the Go node.
func (w *world) add(id string, reply any, rooms ...string) *client {
	c := &client{id: id, events: make(chan string, 64), gone: make(chan bool, 1), reply: reply, world: w}
	w.registry.Add(c, rooms...)
	return c
}

func (c *client) ID() string { return c.id }

func (c *client) Send(p *backplane.Packet) { c.events <- p.Args.String() }

func (c *client) SendAck(_ context.Context, p *backplane.Packet, answer func(backplane.Value)) {
	c.Send(p)
	if c.reply == nil {
		return
	}
	text, err := json.Marshal(c.reply)
	if err != nil {
		panic(err)
	}
	var v backplane.Value
	if err := v.UnmarshalJSON(text); err != nil {
		panic(err)
	}
	answer(v)
}

func (c *client) Disconnect(closing bool) {
	c.world.registry.RemoveID(c.id)
	c.gone <- closing
}

func (c *client) Describe() (backplane.Handshake, backplane.Value) {
	var data backplane.Value
	if err := data.UnmarshalJSON([]byte(`{"name":"` + c.id + `"}`)); err != nil {
		panic(err)
	}
	return backplane.Handshake{Address: "10.1.2.3", Issued: 1700000000000}, data
}

// next returns the next event that the client receives, as JSON.
func (c *client) next() string {
	c.world.t.Helper()
	return receive(c.world, c.events)
}

func receive[T any](w *world, c <-chan T) T {
	w.t.Helper()
	select {
	case v := <-c:
		return v
	case <-w.ctx.Done():
		require.Fail(w.t, "nothing came")
		panic("unreachable")
	}
}
