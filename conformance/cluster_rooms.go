package conformance

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

var clusterRoomChecks = []check[*clusterChecker]{
	{"JoinLeaveDisconnectReachAllNodes", "core.Target.SocketsJoin",
		"SocketsJoin, SocketsLeave and DisconnectSockets reach the selected sockets of all nodes, and no others. " +
			"A banned user must be disconnected everywhere.", joinLeaveDisconnectReachAllNodes},
	{"FetchSocketsFindsAll", "core.Target.FetchSockets",
		"FetchSockets returns the selected sockets of all nodes with their rooms, handshake and data. Without it " +
			"nobody knows who is online.", fetchSocketsFindsAll},
	{"RemoteSocketsCanBeUsed", "core.RemoteSocket",
		"A fetched socket can be sent to, asked, moved between rooms and disconnected, wherever it is, without " +
			"affecting other sockets.", remoteSocketsCanBeUsed},
}

func joinLeaveDisconnectReachAllNodes(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	clients := map[string]*client{}
	for _, n := range []*node{a, b} {
		clients[n.name+"1"] = n.client(n.name+"1", "x")
		clients[n.name+"2"] = n.client(n.name+"2", "y")
	}
	op := func(called string, f func(ctx context.Context) error) {
		c.Helper()
		c.must(called+" on A", f)
		c.emit(a, a.Target, "done") // when B has received this, it has carried out what was sent before
		for _, cl := range clients {
			cl.expect(called+", Emit, on A", `["done"]`)
		}
	}
	rooms := func(called string, want map[string][]string) {
		c.Helper()
		for _, n := range []*node{a, b} {
			for id, list := range want {
				list = append([]string{n.name + id}, list...)
				got := n.registry.SocketRooms(n.name + id)
				if slices.Sort(got); !slices.Equal(got, list) {
					c.fail(called+" on A", fmt.Sprintf("socket %s on %s in %s", n.name+id, n.name, quoteAll(list)),
						"%s", quoteAll(got))
				}
			}
		}
	}
	const joins = `To("x").SocketsJoin("p", "q")`
	op(joins, func(ctx context.Context) error { return a.To("x").SocketsJoin(ctx, "p", "q") })
	rooms(joins, map[string][]string{"1": {"p", "q", "x"}, "2": {"y"}})
	const leaves = `Except("y").SocketsLeave("q", "none")`
	op(leaves, func(ctx context.Context) error { return a.Except("y").SocketsLeave(ctx, "q", "none") })
	rooms(leaves, map[string][]string{"1": {"p", "x"}, "2": {"y"}})
	op(`SocketsJoin("all")`, func(ctx context.Context) error { return a.SocketsJoin(ctx, "all") })
	rooms(`SocketsJoin("all")`, map[string][]string{"1": {"all", "p", "x"}, "2": {"all", "y"}})
	op(`To("x").DisconnectSockets(true)`,
		func(ctx context.Context) error { return a.To("x").DisconnectSockets(ctx, true) })
	op(`To("y").DisconnectSockets(false)`,
		func(ctx context.Context) error { return a.To("y").DisconnectSockets(ctx, false) })
	for id, cl := range clients {
		want := id[1] == '1'
		if got := cl.disconnects.all(); len(got) != 1 || got[0] != want {
			c.fail(`To("x").DisconnectSockets(true), To("y").DisconnectSockets(false) on A`,
				fmt.Sprintf("client %s disconnected once, with close %v", id, want), "%v", got)
		}
	}
}

// fetch fetches sockets, sorted by their ids.
func (c *clusterChecker) fetch(n *node, to core.Target, called string) (all []*core.RemoteSocket) {
	c.Helper()
	c.must(called+" on "+n.name, func(ctx context.Context) (err error) {
		all, err = to.FetchSockets(ctx)
		return err
	})
	slices.SortFunc(all, func(a, b *core.RemoteSocket) int {
		if a.ID() < b.ID() {
			return -1
		}
		return 1
	})
	return all
}

func ids(sockets []*core.RemoteSocket) (all []string) {
	for _, s := range sockets {
		all = append(all, s.ID())
	}
	return all
}

func fetchSocketsFindsAll(c *clusterChecker) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.waitForPeers(a, b, d)
	a.client("1", "x")
	described := b.client("2", "x", "y")
	handshake := core.Handshake{Headers: map[string]any{"user-agent": "check"}, Address: "::1",
		URL:   "/socket.io/?EIO=4",
		Query: map[string]any{"EIO": "4"}, Auth: map[string]any{"token": "é"}, Issued: 1700000000000, Secure: true,
		Time: "now"}
	data := c.value(map[string]any{"name": "Zoë", "n": 42})
	described.setDescription(handshake, data)
	b.client("3", "y")
	for _, t := range []struct {
		called string
		to     core.Target
		want   []string
	}{
		{"FetchSockets", a.Target, []string{"1", "2", "3"}},
		{`To("x").FetchSockets`, a.To("x"), []string{"1", "2"}},
		{`Except("x").FetchSockets`, a.Except("x"), []string{"3"}},
		{`To("none").FetchSockets`, a.To("none"), nil},
		{"Local().FetchSockets", a.Local(), []string{"1"}},
	} {
		if got := ids(c.fetch(a, t.to, t.called)); !slices.Equal(got, t.want) {
			c.fail(t.called+" on A", "the sockets "+quoteAll(t.want), "%s", quoteAll(got))
		}
	}
	s := c.fetch(a, a.To("2"), `To("2").FetchSockets`)[0]
	if got := s.Rooms(); !slices.Equal(got, []string{"2", "x", "y"}) {
		c.fail("Rooms of a fetched socket of B", `["2" "x" "y"]`, "%s", quoteAll(got))
	}
	if s.Node() != b.UID() {
		c.fail("Node of a fetched socket of B", quote(b.UID()), "%s", quote(s.Node()))
	}
	if got := s.Data().String(); !equalValues(s.Data(), data) {
		c.fail("Data of a fetched socket of B", data.String(), "%s", got)
	}
	h, err := s.Handshake()
	if err != nil {
		c.fail("Handshake of a fetched socket of B", "no error", "the error %q", err)
	}
	if want := fmt.Sprintf("%+v", handshake); fmt.Sprintf("%+v", h) != want {
		c.fail("Handshake of a fetched socket of B", want, "%+v", h)
	}
}

func equalValues(a, b codec.Value) bool { return diffValues("", a, b) == nil }

func remoteSocketsCanBeUsed(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	c.waitForPeers(a, b)
	one, two := b.client("1"), b.client("2")
	here := a.client("here")
	s := c.fetch(a, a.To("1"), `To("1").FetchSockets`)[0]
	c.must("Emit on a fetched socket of B", func(ctx context.Context) error { return s.Emit(ctx, "hi") })
	one.expect("Emit on a fetched socket of B", `["hi"]`)
	var ack codec.Value
	c.must("EmitWithAck on a fetched socket of B", func(ctx context.Context) (err error) {
		ack, err = s.EmitWithAck(ctx, "question")
		return err
	})
	if ack.String() != `"1"` {
		c.fail("EmitWithAck on a fetched socket of B", `its acknowledgement "1"`, "%v", ack)
	}
	one.expect("EmitWithAck on a fetched socket of B", `["question"]`)
	c.must("Join on a fetched socket of B", func(ctx context.Context) error { return s.Join(ctx, "p", "q") })
	c.must("Leave on a fetched socket of B", func(ctx context.Context) error { return s.Leave(ctx, "q") })
	c.emit(a, a.To("p", "q"), "room")
	one.expect(`Join("p", "q"), Leave("q") on a fetched socket of B, To("p", "q").Emit`, `["room"]`)
	if got := b.registry.SocketRooms("1"); !slices.Equal(got, []string{"1", "p"}) {
		c.fail(`Join("p", "q"), Leave("q") on a fetched socket of B`, `its rooms ["1" "p"]`, "%s", quoteAll(got))
	}
	c.must("Disconnect on a fetched socket of B", func(ctx context.Context) error { return s.Disconnect(ctx, true) })
	if closed, ok := takeNext(c, one.disconnects); !ok || !closed {
		c.fail("Disconnect(true) on a fetched socket of B", "a disconnected client and a closed connection",
			"disconnected %v, closed %v", ok, closed)
	}
	c.expectNothingMore("use a fetched socket of B", a, two, here)
	for _, cl := range []*client{two, here} {
		if n := cl.disconnects.len(); n > 0 {
			c.fail("Disconnect on a fetched socket of B", "the other clients stay", "client %s was disconnected", cl.id)
		}
	}
}
