package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

var dialectOpenChecks = []check[*dialectChecker]{
	{"NameIsConstant", "dialect.Dialect.Name",
		"The dialect has a name, always the same. It is in the errors that users see.", nameIsConstant},
	{"OpenDoesNoIO", "dialect.Dialect.Open",
		"Open calls no method of the bus. Clusters are created before their server can be reached.", openDoesNoIO},
	{"OptionsAreValidated", "dialect.Dialect.Open",
		"Options that the dialect cannot work with are a *fault.ConfigError or a *fault.NameError. With all others " +
			"the Wire works, in the namespace \"/\" and in the process's own. An option that is silently ignored is " +
			"found in production.", optionsAreValidated},
	{"WiresAreIndependent", "dialect.Dialect",
		"One dialect serves several clusters: what Open returns does not depend on what it has returned before.",
		wiresAreIndependent},
}

var dialectUseChecks = []check[*dialectChecker]{
	{"ConcurrentUse", "dialect.Wire",
		"A Wire is safe for concurrent use, except that one goroutine at a time calls Parse. All namespaces of a " +
			"cluster send at the same time.", concurrentWireUse},
}

func nameIsConstant(c *dialectChecker) {
	name := c.harness.Dialect.Name()
	if again := c.harness.Dialect.Name(); name == "" || again != name {
		c.fail("Name, twice", "the same name, not empty", "%q and %q", name, again)
	}
}

// idleBus is a bus that counts the calls of its methods.
type idleBus struct{ calls atomic.Int64 }

var errIdle = errors.New("this bus is not to be used")

func (b *idleBus) Publish(context.Context, ...transport.Message) error {
	b.calls.Add(1)
	return errIdle
}

func (b *idleBus) Open(context.Context) (transport.Session, error) {
	b.calls.Add(1)
	return nil, errIdle
}

func (b *idleBus) Limits() transport.Limits { return transport.Limits{} } // it does no I/O

// idleRoster is an idleBus that is a transport.Roster.
type idleRoster struct{ idleBus }

func (b *idleRoster) Enter(context.Context, string) (transport.Entry, error) {
	b.calls.Add(1)
	return nil, errIdle
}

func (b *idleRoster) Entries(context.Context, string) ([]transport.EntryInfo, error) {
	b.calls.Add(1)
	return nil, errIdle
}

func openDoesNoIO(c *dialectChecker) {
	for _, limits := range c.harness.Limits {
		o := c.options(limits)
		bus, roster := &idleBus{}, &idleRoster{}
		for _, b := range []any{bus, roster} {
			o.Bus = b
			n, err := c.tryOpen(o)
			if err != nil {
				c.expectOptionError("Open with "+showOptions(o), err)
				continue
			}
			n.Carries(codec.Broadcast)
		}
		if calls := bus.calls.Load() + roster.calls.Load(); calls > 0 {
			c.fail("Open with "+showOptions(o), "no call of the bus", "%d", calls)
		}
	}
}

func (c *dialectChecker) expectOptionError(called string, err error) {
	c.Helper()
	var config *fault.ConfigError
	var name *fault.NameError
	switch {
	case errors.As(err, &name):
	case !errors.As(err, &config):
		c.fail(called, "a *fault.ConfigError or a *fault.NameError", "the error %q", err)
	case config.Field == "" || config.Reason == "":
		c.fail(called, "a *fault.ConfigError with a Field and a Reason", "%+v", *config)
	}
}

func optionsAreValidated(c *dialectChecker) {
	prefixes := []string{samplePrefix, "", "a", "#", "/", `it's "quoted" \`, "名前", "\U0001F389", "a b", "%s", "\n",
		strings.Repeat("x", 30), strings.Repeat("x", 60), strings.Repeat("x", 61), strings.Repeat("x", 62),
		strings.Repeat("x", 63), strings.Repeat("x", 64), strings.Repeat("é", 31), asciiText(10_000), "a\x00", "\x00"}
	for _, limits := range c.harness.Limits {
		for _, prefix := range append(prefixes, invalidTexts...) {
			for _, signed := range []bool{false, true} {
				o := c.options(limits)
				o.Prefix, o.Signed = prefix, signed
				w, err := c.tryOpen(o)
				if err != nil {
					called := "Open with " + showOptions(o)
					c.expectOptionError(called, err)
					if prefix == samplePrefix && !signed {
						c.fail(called, "no error: this is the default", "the error %q", err)
					}
					continue
				}
				c.newNode(w, o).expectWorks()
			}
		}
	}
}

// expectWorks fails the check unless the node can send in the namespace "/" and in the process's own.
func (n *wireNode) expectWorks() {
	n.Helper()
	for _, s := range []sample{n.broadcast("1", 1, false), n.heartbeat()} {
		r := n.route(s.env.NSP, sampleUID)
		n.expectNamesFit(n.calledNamespace(s.env.NSP, sampleUID)+", Listen", n.listen(r)...)
		n.expectNamesFit(n.called(s)+", Channel", n.channel(r, s))
		p, _ := n.append(s)
		if n.options.Limits.Text {
			n.expectText(n.called(s)+" with "+showOptions(n.options), p)
		}
		n.roundTrip(s)
	}
}

func wiresAreIndependent(c *dialectChecker) {
	for _, limits := range c.harness.Limits {
		first := c.open(c.options(limits))
		o := c.options(limits)
		o.Prefix = "another"
		second := c.open(o)
		third := c.open(c.options(transport.Limits{Payload: 2000, Channel: 60, Text: limits.Text}))
		for _, n := range []*wireNode{first, second, third, first} {
			n.roundTrip(append(c.samplesIn("/chat"), c.heartbeat())...)
			n.expectWorks()
		}
		a, b := first.listen(first.route("/chat", sampleUID)), c.open(c.options(limits))
		if got := b.listen(b.route("/chat", sampleUID)); namesOf(a) != namesOf(got) {
			c.fail("Open twice with "+showOptions(o)+", Namespace, Listen", namesOf(a), "%s", namesOf(got))
		}
	}
}

func concurrentWireUse(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		shared := append(c.samplesIn("/chat"), c.heartbeat())
		for _, size := range []int{4096, 70_000} {
			shared = append(shared, c.broadcast(fmt.Sprintf("a Unicode text of %d bytes", size), unicodeText(size),
				false))
		}
		encoded := make([][]byte, len(shared)) // nil: the dialect has no such message
		for i, s := range shared {
			encoded[i], _ = n.append(s)
		}
		splitter, splits := n.wire.(dialect.Splitter)
		peeker, peeks := n.wire.(dialect.Peeker)
		limit := n.options.Limits.Payload
		one := func(i int) (p []byte, err error) {
			k := i % len(shared)
			s := shared[k]
			c.noteCall("Namespace, Append and others on 8 goroutines, last " + s.name)
			r, err := n.wire.Namespace(s.env.NSP, sampleUID)
			if err != nil {
				return nil, fmt.Errorf("namespace %s: %w", quote(s.env.NSP), err)
			}
			if len(r.Listen()) == 0 || r.Channel(s.env) == "" {
				return nil, fmt.Errorf("no channel for %s", s.name)
			}
			if _, err := n.wire.Namespace(fmt.Sprint("/", i), otherUID); err != nil {
				return nil, fmt.Errorf("another namespace: %w", err)
			}
			if p, err = n.wire.Append(nil, s.env); (err == nil) != (encoded[k] != nil) {
				return nil, fmt.Errorf("appending %s: the error %v, unlike the first time", s.name, err)
			}
			if err != nil {
				return nil, nil
			}
			if !n.wire.Carries(s.env.Type) {
				return nil, fmt.Errorf("the wire does not carry %v", s.env.Type)
			}
			if peeks && peeker.SentBy(p, otherUID) {
				return nil, fmt.Errorf("another sender is taken for that of %s", s.name)
			}
			if splits && limit > 0 && len(p) > limit {
				if _, _, err := splitter.Split(nil, s.env, limit); err != nil {
					return nil, fmt.Errorf("splitting %s: %w", s.name, err)
				}
			}
			return p, nil
		}
		var waits []func() error
		var written [7][][]byte
		for g := range written {
			written[g] = make([][]byte, c.scale(6, 60)*len(shared))
			waits = append(waits, c.runAlongside(func() (err error) {
				for i := range written[g] {
					if written[g][i], err = one(i + g*5); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		waits = append(waits, c.runAlongside(func() error { return n.parseAll(shared, encoded) }))
		c.data.waitAll("8 goroutines use one Wire", waits)
		for g, all := range written {
			for i, p := range all {
				if p == nil {
					continue
				}
				s := shared[(i+g*5)%len(shared)]
				called := n.called(s) + " while others do"
				n.expectSame(called+", Parse", s.env,
					n.mustParse(called, n.channel(n.route(s.env.NSP, sampleUID), s), p))
			}
		}
	})
}

// parseAll parses encoded messages again and again.
func (n *wireNode) parseAll(samples []sample, encoded [][]byte) error {
	for i := range n.scale(6, 60) * len(samples) {
		s, p := samples[i%len(samples)], encoded[i%len(samples)]
		if p == nil {
			continue
		}
		r, err := n.wire.Namespace(s.env.NSP, sampleUID)
		if err != nil {
			return fmt.Errorf("namespace %s: %w", quote(s.env.NSP), err)
		}
		env, err := n.wire.Parse(r.Channel(s.env), bytes.Clone(p))
		if err != nil || env == nil || kindOf(env.Type) != kindOf(s.env.Type) || env.NSP != s.env.NSP {
			return fmt.Errorf("parsing %s: %+v and the error %v", s.name, env, err)
		}
	}
	return nil
}
