package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

var clusterBroadcastChecks = []check[*clusterChecker]{
	{"BroadcastReachesEveryNodeOnce", "core.Target.Emit",
		"A broadcast reaches the clients of all nodes, including the emitting node, each once. That is the " +
			"purpose of a cluster.", broadcastReachesEveryNodeOnce},
	{"RoomsAndExceptSelect", "core.Target.Except",
		"A broadcast reaches the clients in at least one of its rooms, once each, but none that is in an " +
			"excepted room, on every node. Other users must not read messages that are not for them.",
		roomsAndExceptSelect},
	{"OrderIsKept", "package core, Delivery",
		"Messages of one node reach another in the order they were sent, whether they are small, large or " +
			"binary, awaited or not. A small \"delete\" that overtakes a large \"create\" leaves the clients with an " +
			"object that no longer exists.", orderIsKept},
	{"EqualBroadcastsAllArrive", "core.Target.Emit",
		"Equal broadcasts are distinct. A database that merges equal notifications swallows the second \"hi\" of " +
			"a chat.", equalBroadcastsAllArrive},
	{"NamespacesAreSeparate", "core.Cluster.Namespace",
		"A message sent in one namespace reaches no other, however similar their names. Namespaces keep the " +
			"administrators' messages from the guests.", namespacesAreSeparate},
	{"FlagsArrive", "core.Target.Volatile",
		"Volatile, Compress and Timeout arrive as they were set, and are unset if they were not set. The other " +
			"node's server sends with them.", flagsArrive},
}

func broadcastReachesEveryNodeOnce(c *clusterChecker) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	var all []*client
	for i, n := range []*node{a, b, d} {
		all = append(all, n.client(fmt.Sprint("one of ", i)), n.client(fmt.Sprint("two of ", i)))
	}
	for _, from := range []*node{a, b, d} {
		c.emit(from, from.Target, "hi", from.name, 1)
		for _, cl := range all {
			cl.expect("Emit on "+from.name, fmt.Sprintf(`["hi",%q,1]`, from.name))
		}
	}
	c.expectNothingMore("Emit once on each of three nodes", a, all...)
}

func roomsAndExceptSelect(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	clients := map[string]*client{}
	for _, n := range []*node{a, b} {
		for id, rooms := range map[string][]string{"x": {"x"}, "xy": {"x", "y"}, "y": {"y"}, "z": {"z"}} {
			clients[n.name+id] = n.client(n.name+id, rooms...)
		}
	}
	for _, t := range []struct {
		called string
		to     core.Target
		ids    []string
	}{
		{`To("x")`, a.To("x"), []string{"x", "xy"}},
		{`To("x", "y")`, a.To("x", "y"), []string{"x", "xy", "y"}},
		{`To("x").To("z")`, a.To("x").To("z"), []string{"x", "xy", "z"}},
		{`To("x").Except("y")`, a.To("x").Except("y"), []string{"x"}},
		{`Except("x", "z")`, a.Except("x", "z"), []string{"y"}},
		{`Except("x").Except("y")`, a.Except("x").Except("y"), []string{"z"}},
		{`To("nobody's")`, a.To("nobody's"), nil},
	} {
		called := t.called + ".Emit on A"
		c.emit(a, t.to, "hi")
		for _, n := range []*node{a, b} {
			for _, id := range t.ids {
				clients[n.name+id].expect(called, `["hi"]`)
			}
		}
		c.expectNothingMore(called, a, slices.Collect(maps.Values(clients))...)
	}
	c.emit(a, a.To("By"), "hi")
	clients["By"].expect("To(the id of a client of B).Emit on A", `["hi"]`)
	c.expectNothingMore("To(the id of a client of B).Emit on A", a, clients["Ay"])
}

// orderIsKept sends events of all kinds. Every second one must be fetched from the store.
func orderIsKept(c *clusterChecker) {
	a, b := c.node("A"), c.node("B", func(config *core.Config) { config.PayloadThreshold = 600 })
	if a.config.Store == nil {
		c.expectOrder(a, b, "small")
		return
	}
	large := strings.Repeat("x", max(9000, min(a.config.Bus.Limits().Payload, 64<<10)+1))
	c.expectOrder(a, b, "small", large, "small", []byte{0, 1, 2}, strings.Repeat("x", 700))
	c.expectOrder(b, a, "small", large, strings.Repeat("x", 700), []byte{0, 1, 2})
}

func (c *clusterChecker) expectOrder(from, to *node, fillers ...any) {
	c.Helper()
	cl := to.client("of " + to.name)
	n := c.scale(120, 6000)
	called := fmt.Sprintf("Emit and EmitAsync %d events, small, large and binary, on %s", n, from.name)
	inBatches(n, batchSize, func(i int) {
		filler := fillers[i*i%11%len(fillers)]
		if i%5 == 0 {
			c.emit(from, from.Target, "n", i, filler)
		} else {
			c.emitAsync(from, from.Target, "n", i, filler)
		}
	}, func(i int) {
		var got int
		p := cl.next(called, fmt.Sprint("event ", i))
		if err := p.args.Decode(&got); err != nil || got != i {
			c.fail(called, fmt.Sprintf("event %d", i), "event %d (%v)", got, err)
		}
	})
}

func equalBroadcastsAllArrive(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	cl := b.client("1")
	called := fmt.Sprintf("EmitAsync %d equal events at once", batchSize)
	for range 2 {
		inBatches(batchSize, batchSize, func(int) { c.emitAsync(a, a.Target, "hi") },
			func(int) { cl.expect(called, `["hi"]`) })
	}
	for range 3 {
		c.emit(a, a.Target, "hi")
		cl.expect("Emit an event that was emitted before", `["hi"]`)
	}
	c.expectNothingMore(called, a, cl)
}

func namespacesAreSeparate(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	names := []string{c.namespace + "/", c.namespace + "x", c.namespace + "X", c.namespace + ".", c.namespace + "%",
		c.namespace + "x/y"}
	home := b.client("home")
	others := map[string]*client{}
	senders := map[string]*core.Namespace{}
	for _, name := range names {
		registry, cl := c.registryWithClient(name)
		others[name] = cl
		b.open(name, registry)
		senders[name] = a.open(name, emptyRegistry())
	}
	c.emit(a, a.Target, "hi", "home")
	for _, name := range names {
		c.emit(a, senders[name].Target, "hi", name)
	}
	const called = "Emit one event in each of several namespaces with similar names"
	home.expect(called, `["hi","home"]`)
	c.expectNothingMore(called, a, home)
	for _, name := range names {
		others[name].expect(called, fmt.Sprintf(`["hi",%q]`, name))
		c.emit(a, senders[name].Target, "the end")
		others[name].expect(called+", Emit the end", `["the end"]`)
	}
}

func flagsArrive(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	cl := b.client("1")
	yes, no := true, false
	for called, t := range map[string]struct {
		to   core.Target
		want codec.Flags
	}{
		"Emit":                 {a.Target, codec.Flags{}},
		"Volatile().Emit":      {a.Volatile(), codec.Flags{Volatile: true}},
		"Compress(true).Emit":  {a.Compress(true), codec.Flags{Compress: &yes}},
		"Compress(false).Emit": {a.Compress(false), codec.Flags{Compress: &no}},
		"Timeout(1500 ms).Emit": {a.Timeout(1500 * time.Millisecond),
			codec.Flags{Timeout: 1500 * time.Millisecond}},
		"Volatile().Compress().…Emit": {a.Volatile().Compress(true).Timeout(time.Second),
			codec.Flags{Volatile: true, Compress: &yes, Timeout: time.Second}},
	} {
		c.emit(a, t.to, "hi")
		if got := cl.next(called, "the event").flags; flagsText(got) != flagsText(t.want) {
			c.fail(called+" on A", "on B the flags "+flagsText(t.want), "%s", flagsText(got))
		}
	}
}
