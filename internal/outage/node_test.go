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

// namespaces are the namespaces of every node. A name is data, even if it looks like SQL.
var namespaces = []string{"/", "/chat", `/a"; DROP TABLE x; --\'🚀`}

// node is a member of a cluster with a record of its events.
type node struct {
	*backplane.Cluster
	driver *driver
	rooms  map[string]*room // by namespace

	errors       journal[error] // passed to ErrorHandler
	sessionsLost journal[error]
	recovered    journal[*backplane.GapError]
	received     journal[receivedMessage]
	published    journal[error] // the result of each batch
	peersLeft    journal[string]
}

// receivedMessage is a message of another node.
type receivedMessage struct {
	nsp string
	typ codec.Type
	uid string
}

// room is a namespace of a node, with one client.
type room struct {
	*backplane.Namespace
	client *client
}

// startNode opens a node in every namespace, with a driver on a pool.
func startNode(tb testing.TB, h *driver, change ...func(*backplane.Config)) *node {
	tb.Helper()
	n := &node{driver: h, rooms: make(map[string]*room)}
	config := backplane.Config{Bus: h.bus, MinBackoff: 20 * time.Millisecond, MaxBackoff: 500 * time.Millisecond,
		ErrorHandler: n.errors.add,
		Trace: backplane.Trace{
			SessionLost: n.sessionsLost.add, SessionRecovered: n.recovered.add,
			Received:  func(nsp string, t codec.Type, uid string) { n.received.add(receivedMessage{nsp, t, uid}) },
			Published: func(_, _ int, _ time.Duration, err error) { n.published.add(err) },
			PeerLeft:  func(_, uid string, _ bool) { n.peersLeft.add(uid) },
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
		tb.Logf("Open exceeded the short PublishTimeout of this test on a busy machine: %v", err)
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

// requireClose closes a node.
func (n *node) requireClose(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, n.Close(within(tb)), "Close")
}

// waitForNoConnections waits until a database has none of the drivers' own connections.
func waitForNoConnections(tb testing.TB, database string) {
	tb.Helper()
	eventually(tb, func() bool { return pgtest.Backends(tb, database, "application_name LIKE 'backplane%'") == 0 },
		"Close must not leave a connection of the driver")
}

// client is a connected client that records what it is sent.
type client struct {
	id   string
	got  journal[event]
	mute bool // it never acknowledges
}

// event is an event that a client was sent.
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
