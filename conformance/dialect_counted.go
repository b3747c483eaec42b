package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/dialect"
)

var countedChecks = []check[*dialectChecker]{
	{"CountedChannelIsHeard", "dialect.Counted.CountedChannel",
		"CountedChannel is one of the channels that every node of the namespace listens to, and not a prefix. A node " +
			"that is not counted is not waited for.", countedChannelIsHeard},
	{"OnlyNodesAreCounted", "dialect.Counted.CountedChannel",
		"No node listens to it because of another namespace, or in a cluster with another prefix. Requests would " +
			"wait for answers that do not come.", onlyNodesAreCounted},
}

// countedChannel returns the channel whose listeners are the nodes of a namespace.
func (n *wireNode) countedChannel(nsp string) (channel string) {
	n.Helper()
	counted, ok := n.wire.(dialect.Counted)
	if !ok {
		n.Skip("the Wire does not implement dialect.Counted")
	}
	n.data.guardPanic("CountedChannel of "+quote(nsp), func() { channel = counted.CountedChannel(nsp) })
	return channel
}

func countedChannelIsHeard(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range n.namespaces() {
			channel := n.countedChannel(nsp)
			for _, uid := range []string{sampleUID, otherUID} {
				if heard := n.listen(n.route(nsp, uid)); !slices.Contains(heard, channel) {
					c.fail("CountedChannel of "+quote(nsp), "one of the channels that "+quote(uid)+" listens to: "+
						namesOf(heard), "%s", quote(channel))
				}
			}
			n.expectNamesFit("CountedChannel of "+quote(nsp), channel)
		}
	})
}

func onlyNodesAreCounted(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		names := n.namespaces()
		var others []*wireNode
		for _, prefix := range []string{samplePrefix + "2", samplePrefix + "#", "socket", ""} {
			o := n.options
			o.Prefix = prefix
			if w, err := c.tryOpen(o); err == nil {
				others = append(others, c.newNode(w, o))
			}
		}
		for _, nsp := range names {
			channel := n.countedChannel(nsp)
			for _, node := range append(others, n) {
				for _, other := range append(names, "") {
					r, err := node.tryRoute(other, otherUID)
					if err != nil || node == n && other == nsp {
						continue
					}
					if slices.Contains(node.listen(r), channel) {
						c.fail(fmt.Sprintf("CountedChannel of %s with the prefix %s", quote(nsp), quote(samplePrefix)),
							fmt.Sprintf("a channel that %s with the prefix %s does not listen to", quote(other),
								quote(node.options.Prefix)), "%s", quote(channel))
					}
				}
			}
			if strings.Contains(channel, otherUID) && !strings.Contains(nsp, otherUID) {
				c.fail("CountedChannel of "+quote(nsp), "a name without a uid", "%s", quote(channel))
			}
		}
	})
}
