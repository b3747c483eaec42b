package conformance

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

var censusChecks = []check[*dialectChecker]{
	{"CensusFindsOthers", "dialect.Census.Others",
		"Others returns every other node that has entered the namespace, as soon as its Enter has returned, and not " +
			"the node itself. Requests wait for exactly these nodes.", censusFindsOthers},
	{"CensusForgetsWhoLeft", "dialect.Census.Leave",
		"A node that has left is not counted any more. Leaving a namespace that was not entered, or again, does " +
			"nothing. Requests would wait for the node until they time out.", censusForgetsWhoLeft},
	{"EnteringAgainDoesNothing", "dialect.Census.Enter",
		"A node counts once, however often it enters, until one Leave. Requests would wait for answers that do not " +
			"come.", enteringAgainDoesNothing},
	{"CensusSeparatesNamespaces", "dialect.Nodes.Certain",
		"Certain nodes have opened the namespace; those that have opened only other ones are at most Possible.",
		censusSeparatesNamespaces},
	{"CensusSeparatesPrefixes", "dialect.Options.Prefix",
		"Nodes of a cluster with another prefix are not counted, also if one prefix starts with the other.",
		censusSeparatesPrefixes},
	{"NodesHaveOneName", "dialect.Nodes",
		"A node has the same name in each census, and no two nodes have the same, in Certain and Possible together.",
		nodesHaveOneName},
	{"OthersRestoresWhatWasLost", "dialect.Census.Others",
		"After the connections of the bus broke, Others of each node makes the node count again. Nobody calls Enter " +
			"a second time.", othersRestoresWhatWasLost},
	{"CensusErrorsAreErrors", "dialect.Census",
		"If the bus cannot be asked, Enter and Others return an error. An empty census looks like a node that is " +
			"alone: its requests would be complete without an answer.", censusErrorsAreErrors},
}

// requireCensus returns a func that makes nodes on one bus.
func (c *dialectChecker) requireCensus() (open func(prefix string) *censusNode) {
	c.Helper()
	if _, ok := c.bus.(transport.Roster); !ok {
		c.Skip("the bus of DialectHarness.NewBus is no transport.Roster")
	}
	open = func(prefix string) *censusNode {
		o := c.options(c.bus.Limits())
		o.Prefix = prefix
		n := c.open(o)
		census, ok := n.wire.(dialect.Census)
		if !ok {
			c.Skip("the Wire does not implement dialect.Census")
		}
		node := &censusNode{n, census, make(map[string]bool)}
		c.closeAtEnd(func(ctx context.Context) error {
			for nsp := range node.entered {
				_ = census.Leave(ctx, nsp)
			}
			return nil
		})
		return node
	}
	open(samplePrefix) // skips the check if there is no census
	return open
}

// censusNode is a node that counts the others.
type censusNode struct {
	*wireNode
	census  dialect.Census
	entered map[string]bool
}

func (n *censusNode) enter(nsp string) {
	n.Helper()
	n.entered[nsp] = true
	n.must("Enter "+quote(nsp), func(ctx context.Context) error { return n.census.Enter(ctx, nsp) })
}

func (n *censusNode) leave(nsp string) {
	n.Helper()
	n.must("Leave "+quote(nsp), func(ctx context.Context) error { return n.census.Leave(ctx, nsp) })
}

func (n *censusNode) others(nsp string) (nodes dialect.Nodes) {
	n.Helper()
	n.must("Others of "+quote(nsp), func(ctx context.Context) (err error) {
		nodes, err = n.census.Others(ctx, nsp)
		return err
	})
	return nodes
}

// expectOthers fails the check unless the census finds this number of other nodes.
func (n *censusNode) expectOthers(called, nsp string, want int) (names []string) {
	n.Helper()
	nodes := n.others(nsp)
	if names = slices.Concat(nodes.Certain, nodes.Possible); len(names) != want {
		n.fail(called+", Others of "+quote(nsp), fmt.Sprintf("%d other nodes", want), "certain %q, possible %q",
			nodes.Certain, nodes.Possible)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) < want {
		n.fail(called+", Others of "+quote(nsp), "different names", "%q", names)
	}
	return names
}

func censusFindsOthers(c *dialectChecker) {
	open := c.requireCensus()
	for i, nsp := range []string{"/", "/chat", "/名前"} {
		var nodes []*censusNode
		for k := range 4 {
			n := open(fmt.Sprint("cluster", i))
			n.expectOthers(fmt.Sprintf("Enter on %d nodes", k), nsp, k)
			n.enter(nsp)
			nodes = append(nodes, n)
			for _, n := range nodes {
				n.expectOthers(fmt.Sprintf("Enter on %d nodes", k+1), nsp, k)
			}
		}
	}
}

func censusForgetsWhoLeft(c *dialectChecker) {
	open := c.requireCensus()
	first, second, third := open(samplePrefix), open(samplePrefix), open(samplePrefix)
	first.leave("/") // not entered
	for range 3 {
		first.enter("/")
		second.enter("/")
		third.enter("/")
		first.expectOthers("Enter on 3 nodes", "/", 2)
		second.leave("/")
		first.expectOthers("Enter on 3 nodes, Leave on one", "/", 1)
		second.leave("/")
		first.expectOthers("Enter on 3 nodes, Leave on one twice", "/", 1)
		third.expectOthers("Enter on 3 nodes, Leave on another", "/", 1)
		first.leave("/")
		third.expectOthers("Enter on 3 nodes, Leave on the two others", "/", 0)
		first.leave("/chat")
		third.leave("/")
		second.expectOthers("Enter and Leave on 3 nodes", "/", 0)
	}
}

func enteringAgainDoesNothing(c *dialectChecker) {
	open := c.requireCensus()
	first, second := open(samplePrefix), open(samplePrefix)
	first.enter("/")
	for i := range 5 {
		second.enter("/")
		first.expectOthers(fmt.Sprintf("Enter %d times on another node", i+1), "/", 1)
	}
	second.leave("/")
	first.expectOthers("Enter 5 times and Leave once on another node", "/", 0)
}

func censusSeparatesNamespaces(c *dialectChecker) {
	open := c.requireCensus()
	first, second := open(samplePrefix), open(samplePrefix)
	names := []string{"/", "/chat", "/chat2", "/chat#", "/chat/room", "/x"}
	for _, nsp := range names {
		first.enter(nsp)
		for _, other := range names {
			if n := len(second.others(other).Certain); other != nsp && n > 0 {
				c.fail(fmt.Sprintf("Enter %s on another node, Others of %s", quote(nsp), quote(other)),
					"no certain node",
					"%d", n)
			}
		}
		second.expectOthers("Enter on another node", nsp, 1)
		first.leave(nsp)
	}
	for i, nsp := range names { // several at a time
		first.enter(nsp)
		for _, nsp := range names[:i+1] {
			second.expectOthers(fmt.Sprintf("Enter %d namespaces on another node", i+1), nsp, 1)
		}
	}
	first.leave("/chat")
	if n := len(second.others("/chat").Certain); n > 0 {
		c.fail("Leave one of several namespaces on another node, Others", "no certain node", "%d", n)
	}
	second.expectOthers("Leave another one of several namespaces on another node", "/chat2", 1)
}

func censusSeparatesPrefixes(c *dialectChecker) {
	open := c.requireCensus()
	prefixes := []string{samplePrefix, samplePrefix + "2", samplePrefix + "#", "socket", samplePrefix + "-request"}
	var nodes []*censusNode
	for _, prefix := range prefixes {
		n := open(prefix)
		n.enter("/")
		n.enter("/chat")
		nodes = append(nodes, n)
	}
	for i, n := range nodes {
		for _, nsp := range []string{"/", "/chat"} {
			n.expectOthers(fmt.Sprintf("Enter in %d clusters with other prefixes than %s", len(prefixes)-1,
				quote(prefixes[i])), nsp, 0)
		}
	}
}

func nodesHaveOneName(c *dialectChecker) {
	open := c.requireCensus()
	viewer := open(samplePrefix)
	viewer.enter("/")
	var before []string
	for i := range 5 {
		open(samplePrefix).enter("/")
		names := viewer.expectOthers("Enter on other nodes", "/", i+1)
		again := viewer.expectOthers("Enter on other nodes, Others again", "/", i+1)
		for _, name := range before {
			if !slices.Contains(names, name) {
				c.fail("Others, Enter on another node, Others", "the name "+quote(name)+" again", "%q", names)
			}
		}
		if !slices.Equal(names, again) {
			c.fail("Others twice", fmt.Sprintf("the names %q", names), "%q", again)
		}
		before = names
	}
}

func othersRestoresWhatWasLost(c *dialectChecker) {
	open := c.requireCensus()
	if c.harness.Sever == nil {
		c.Skip("DialectHarness.Sever is nil")
	}
	first, second := open(samplePrefix), open(samplePrefix)
	for range 3 {
		for _, nsp := range []string{"/", "/chat"} {
			first.enter(nsp)
			second.enter(nsp)
		}
		c.harness.Sever(c.TB, c.bus)
		for _, nsp := range []string{"/", "/chat"} {
			c.eventually("Others of "+quote(nsp)+" after the connections broke", func(ctx context.Context) error {
				if _, err := second.census.Others(ctx, nsp); err != nil {
					return err
				}
				nodes, err := first.census.Others(ctx, nsp)
				if n := len(nodes.Certain) + len(nodes.Possible); err == nil && n != 1 {
					err = fmt.Errorf("%d other nodes instead of 1", n)
				}
				return err
			})
			second.expectOthers("Others on both nodes after the connections broke", nsp, 1)
		}
		first.leave("/")
		second.expectOthers("Leave on another node after the connections broke", "/", 0)
		second.leave("/")
	}
}

func censusErrorsAreErrors(c *dialectChecker) {
	open := c.requireCensus()
	failing, ok := c.bus.(interface {
		Fail(err error)
		Heal()
	})
	if !ok {
		c.Skip("the bus of DialectHarness.NewBus has no Fail and Heal, as a memory.Hub has")
	}
	first, second := open(samplePrefix), open(samplePrefix)
	first.enter("/")
	second.enter("/")
	failing.Fail(nil)
	for called, f := range map[string]func(ctx context.Context) error{
		"Enter while the bus fails": func(ctx context.Context) error { return second.census.Enter(ctx, "/chat") },
		"Others while the bus fails": func(ctx context.Context) error {
			_, err := first.census.Others(ctx, "/")
			return err
		},
	} {
		if err := c.call(called, f); err == nil {
			failing.Heal()
			c.fail(called, "an error", "none")
		}
	}
	failing.Heal()
	first.expectOthers("Enter on 2 nodes, an outage of the bus", "/", 1)
	second.enter("/chat")
	second.expectOthers("Enter on 2 nodes, an outage of the bus", "/", 1)
}
