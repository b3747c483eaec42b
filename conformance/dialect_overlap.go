package conformance

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/dialect"
)

var overlapChecks = []check[*dialectChecker]{
	{"OverlapsNamesOthersThatHear", "dialect.Overlapper",
		"Overlaps names other namespaces, each once, and they listen to the channel of the message. It returns the " +
			"same each time. The own namespace among them would get the message twice.", overlapsNamesOthersThatHear},
	{"BroadcastsInTheMainNamespaceOverlapNothing", "dialect.Overlapper",
		"A message in the namespace \"/\" concerns no other one. Everything else would mix all namespaces.",
		mainNamespaceOverlapsNothing},
}

func (n *wireNode) requireOverlapper() dialect.Overlapper {
	n.Helper()
	o, ok := n.wire.(dialect.Overlapper)
	if !ok {
		n.Skip("the Wire does not implement dialect.Overlapper")
	}
	return o
}

// overlaps returns the other namespaces that get a message.
func (n *wireNode) overlaps(o dialect.Overlapper, s sample) (names []string) {
	n.Helper()
	n.data.guardPanic(n.called(s)+", Overlaps", func() { names = o.Overlaps(s.env) })
	return names
}

func overlapsNamesOthersThatHear(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		o := n.requireOverlapper()
		for _, nsp := range n.namespaces() {
			for _, m := range n.messagesIn(nsp) {
				called := n.called(m.s) + ", Overlaps"
				names := slices.Clone(n.overlaps(o, m.s))
				if again := n.overlaps(o, m.s); !slices.Equal(names, again) {
					c.fail(called+" again", namesOf(names), "%s", namesOf(again))
				}
				for i, name := range names {
					if name == nsp || slices.Contains(names[:i], name) {
						c.fail(called, "other namespaces than its own, each once", "%s", namesOf(names))
					}
					heard := n.listen(n.route(name, otherUID))
					if !slices.Contains(heard, m.channel) && !m.s.env.Type.Response() {
						c.fail(called, fmt.Sprintf("namespaces that listen to %s", quote(m.channel)),
							"%s, which listens to %s",
							quote(name), namesOf(heard))
					}
				}
			}
		}
	})
}

func mainNamespaceOverlapsNothing(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		o := n.requireOverlapper()
		for _, m := range append(n.messagesIn("/"), namespaceMessage{s: c.heartbeat()}) {
			if names := n.overlaps(o, m.s); len(names) > 0 {
				c.fail(n.called(m.s)+", Overlaps", "none", "%s", namesOf(names))
			}
		}
	})
}
