package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

var dialectNamespaceChecks = []check[*dialectChecker]{
	{"NamespacesArriveByName", "dialect.Wire.Parse",
		"An envelope has the namespace of its message, whatever its name, on a channel of several namespaces too.",
		namespacesArriveByName},
	{"NamespacesDoNotMix", "dialect.Wire.Parse",
		"A message of one namespace never comes out as one of another, whatever their names. Namespaces separate " +
			"what clients may see.", namespacesDoNotMix},
	{"ForeignNamespacesAreReported", "dialect.ErrForeign",
		"A message that names another namespace than that of its channel is ErrForeign, with the envelope. Somebody " +
			"has published it on the wrong channel: delivered, it would pass from one namespace to another.",
		foreignNamespacesAreReported},
	{"PrefixesDoNotMix", "dialect.Options.Prefix",
		"A node with one prefix delivers nothing of a cluster with another one. One database serves the clusters of " +
			"several applications.", prefixesDoNotMix},
}

// spread returns messages whose content could be mistaken for a name of a channel.
func (c *dialectChecker) spread(nsp string) []sample {
	c.Helper()
	all := c.samplesIn(nsp)
	for _, room := range []string{"room", "#", "b#c", "/chat", "chat", "*", "/"} {
		s := c.broadcast("the room "+quote(room), 1, false)
		s.env.NSP, s.env.Opts.Rooms = nsp, []string{room}
		all = append(all, s)
	}
	return all
}

func namespacesArriveByName(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range n.namespaces() {
			n.roundTrip(c.spread(nsp)...)
		}
	})
}

// namespaceMessage is a message on its channel.
type namespaceMessage struct {
	s       sample
	channel string
	p       []byte
}

// messagesIn returns messages of a namespace.
func (n *wireNode) messagesIn(nsp string) (all []namespaceMessage) {
	n.Helper()
	r := n.route(nsp, sampleUID)
	for _, s := range n.spread(nsp) {
		if p, ok := n.append(s); ok {
			all = append(all, namespaceMessage{s, n.channel(r, s), p})
		}
	}
	return all
}

func namespacesDoNotMix(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		names := n.namespaces()
		for _, nsp := range names {
			messages := n.messagesIn(nsp)
			for _, other := range names {
				if other == nsp {
					continue
				}
				heard := n.listen(n.route(other, otherUID))
				for _, m := range messages {
					for _, name := range hears(heard, m.channel) {
						called := fmt.Sprintf("%s, on %s, which %s listens to as well as %s", n.called(m.s),
							quote(m.channel), quote(other), quote(name))
						env, err := n.parse(called, name, bytes.Clone(m.p))
						if err == nil && env != nil && env.NSP != nsp {
							c.fail(called+", Parse", "the namespace "+quote(nsp), "the namespace %s", quote(env.NSP))
						}
					}
				}
			}
		}
	})
}

// namesNamespace reports whether the bytes of a message depend on its namespace alone.
func (n *wireNode) namesNamespace(s sample) bool {
	n.Helper()
	first, ok1 := n.append(s)
	second, ok2 := n.append(s)
	elsewhere, ok3 := n.append(with([]sample{s}, func(env *codec.Envelope) { env.NSP = "/" })[0])
	return ok1 && ok2 && ok3 && bytes.Equal(first, second) && !bytes.Equal(first, elsewhere)
}

func foreignNamespacesAreReported(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		names := append(n.namespaces(), "")
		heard := make(map[string][]string) // the channels of each namespace
		for _, nsp := range names {
			for _, uid := range []string{sampleUID, otherUID} {
				heard[nsp] = append(heard[nsp], n.listen(n.route(nsp, uid))...)
			}
		}
		for _, nsp := range names[1 : len(names)-1] {
			seen := make(map[codec.Type]bool)
			for _, m := range n.messagesIn(nsp) {
				if seen[m.s.env.Type] {
					continue // one of each type is enough
				}
				seen[m.s.env.Type] = true
				named := n.namesNamespace(m.s)
				for _, other := range names {
					for _, channel := range heard[other] {
						if slices.Contains(heard[nsp], channel) {
							continue
						}
						called := fmt.Sprintf("%s, on the channel %s of %s", n.called(m.s), quote(channel),
							quote(other))
						env, err := n.parse(called, channel, bytes.Clone(m.p))
						if err == nil && env != nil && (env.NSP == nsp || named) {
							c.fail(called+", Parse", "dialect.ErrForeign, because the message names "+quote(nsp),
								"the namespace %s", quote(env.NSP))
						}
					}
				}
			}
		}
	})
}

func prefixesDoNotMix(c *dialectChecker) {
	prefixes := []string{samplePrefix, samplePrefix + "2", samplePrefix + "#", samplePrefix + "-request", "socket",
		samplePrefix + "#/chat", "", "*"}
	for _, limits := range c.harness.Limits {
		var nodes []*wireNode
		for _, prefix := range prefixes {
			o := c.options(limits)
			o.Prefix = prefix
			if w, err := c.tryOpen(o); err == nil {
				nodes = append(nodes, c.newNode(w, o))
			} else if prefix == samplePrefix {
				c.fail("Open with "+showOptions(o), "no error", "the error %q", err)
			}
		}
		for _, from := range nodes {
			messages := from.messagesOfAll()
			for _, to := range nodes {
				if to == from {
					continue
				}
				heard := make(map[string]string) // the namespace that listens to a name, one of them
				for _, nsp := range append(to.namespaces(), "") {
					for _, name := range to.listen(to.route(nsp, otherUID)) {
						heard[name] = nsp
					}
				}
				all := slices.Collect(maps.Keys(heard))
				for _, m := range messages {
					for _, name := range hears(all, m.channel) {
						from.expectNotDelivered(to, heard[name], name, m)
					}
				}
			}
		}
	}
}

// messagesOfAll returns messages of several namespaces and of the process's own.
func (n *wireNode) messagesOfAll() (all []namespaceMessage) {
	n.Helper()
	for _, nsp := range n.namespaces() {
		all = append(all, n.messagesIn(nsp)...)
	}
	s := n.heartbeat()
	if p, ok := n.append(s); ok {
		all = append(all, namespaceMessage{s, n.channel(n.route("", sampleUID), s), p})
	}
	return all
}

// expectNotDelivered fails the check if a node delivers a message of a node with another prefix.
func (n *wireNode) expectNotDelivered(to *wireNode, nsp, name string, m namespaceMessage) {
	n.Helper()
	called := fmt.Sprintf("%s with prefix %s, on %s, which %s of a cluster with the prefix %s listens to",
		n.called(m.s),
		quote(n.options.Prefix), quote(m.channel), quote(nsp), quote(to.options.Prefix))
	if env, err := to.parse(called, name, bytes.Clone(m.p)); err == nil && env != nil {
		n.fail(called+", Parse", "nothing, or an error", "a %v in %s", env.Type, quote(env.NSP))
	}
}

// expectNameError fails the check unless err says which name it is about.
func (n *wireNode) expectNameError(called, name string, err error) {
	n.Helper()
	var wrong *fault.NameError
	if errors.As(err, &wrong) && (wrong.Name != name || wrong.Reason == "") {
		n.fail(called, fmt.Sprintf("a *fault.NameError with the Name %s and a Reason", quote(name)), "%+v", *wrong)
	}
}
