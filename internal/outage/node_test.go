package outage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// namespaces are what every node listens to. A name is data, also if it looks like SQL.
var namespaces = []string{"/", "/chat", `/a"; DROP TABLE x; --\'🚀`}

// node is one member of a cluster, and the journal of what happens to it.
type node struct {
	*backplane.Cluster
	handle *handle
	rooms  map[string]*room // by namespace

	errors   journal[error] // given to ErrorHandler
	lost     journal[error]
	back     journal[*backplane.GapError]
	received journal[arrival]
	sent     journal[error] // the outcome of each batch
	left     journal[string]
}

// arrival is a message of another node.
type arrival struct {
	nsp string
	typ codec.Type
	uid string
}

// room is a namespace of a node, with one client.
type room struct {
	*backplane.Namespace
	client *client
}

// start opens a node in every namespace, with a driver on a pool.
func start(tb testing.TB, h *handle, change ...func(*backplane.Config)) *node {
	tb.Helper()
	n := &node{handle: h, rooms: make(map[string]*room)}
	config := backplane.Config{Bus: h.bus, MinBackoff: 20 * time.Millisecond, MaxBackoff: 500 * time.Millisecond,
		ErrorHandler: n.errors.add,
		Trace: backplane.Trace{
			SessionLost: n.lost.add, SessionRecovered: n.back.add,
			Received:  func(nsp string, t codec.Type, uid string) { n.received.add(arrival{nsp, t, uid}) },
			Published: func(_, _ int, _ time.Duration, err error) { n.sent.add(err) },
			PeerLeft:  func(_, uid string, _ bool) { n.left.add(uid) },
		}}
	for _, f := range change {
		f(&config)
	}
	ctx := within(tb)
	var err error
	for {
		n.Cluster, err = backplane.Open(ctx, config)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
		tb.Logf("Open took longer than the short PublishTimeout of this test, on a busy machine: %v", err)
	}
	require.NoError(tb, err, "Open")
	tb.Cleanup(func() { _ = n.Close(within(tb)) })
	for _, name := range namespaces {
		n.join(tb, name)
	}
	return n
}

func (n *node) join(tb testing.TB, name string) *room {
	tb.Helper()
	r := &room{client: &client{id: "client of " + name}}
	registry := backplane.NewRegistry(backplane.RegistryConfig{
		ServerSideEmit: func(_ backplane.Args, reply func(backplane.Value)) {
			if reply != nil {
				reply(value(name))
			}
		}})
	registry.Add(r.client)
	var err error
	r.Namespace, err = n.Namespace(within(tb), name, registry)
	require.NoError(tb, err, "Namespace %q", name)
	n.rooms[name] = r
	return r
}

// shut closes a node and requires that nothing of it is left.
func (n *node) shut(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, n.Close(within(tb)), "Close")
}

// vanish waits until a database has no connection of any driver's own.
func vanish(tb testing.TB, database string) {
	tb.Helper()
	until(tb, func() bool { return pgtest.Backends(tb, database, "application_name LIKE 'backplane%'") == 0 },
		"after Close a connection of the driver's own is left")
}

// client is a connected client that notes what it is sent.
type client struct {
	id   string
	got  journal[event]
	mute bool // it never acknowledges
}

// event is what a client was sent.
type event struct {
	name, from string
	number     int
}

func (c *client) ID() string { return c.id }

func (c *client) Send(p *backplane.Packet) {
	e := event{name: p.Args.Event()}
	if err := p.Args.Decode(&e.from, &e.number); err != nil {
		e.from = "undecodable: " + err.Error()
	}
	c.got.add(e)
}

func (c *client) SendAck(_ context.Context, p *backplane.Packet, answer func(codec.Value)) {
	c.Send(p)
	if !c.mute {
		answer(value(c.id))
	}
}

func (c *client) Disconnect(bool) {}

func value(v any) backplane.Value {
	out, err := codec.NewValue(v)
	if err != nil {
		panic(err)
	}
	return out
}
