package conformance

import (
	"errors"
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

var dialectTypeChecks = []check[*dialectChecker]{
	{"BroadcastIsCarried", "package dialect, Messages",
		"Every dialect has codec.Broadcast in every namespace, with any rooms, exceptions and flags. It is what a " +
			"cluster is for.", broadcastIsCarried},
	{"HeartbeatsAreCarried", "package dialect, Nodes",
		"A Wire that is neither a Census nor Counted has codec.InitialHeartbeat, codec.Heartbeat and " +
			"codec.AdapterClose in every namespace. Without them no node would know another.", heartbeatsAreCarried},
	{"CarriesAgreesWithAppend", "dialect.Wire.Carries",
		"Carries is true for exactly the types of which Append writes messages; for the others Append returns a " +
			"*fault.UnsupportedError with the name of the dialect. The cluster asks Carries before it starts an " +
			"operation, and what is carried but refused would leave it half done.", carriesAgreesWithAppend},
	{"EveryTypeRoundTrips", "codec.Envelope",
		"Parse reads what Append wrote, with all fields that messages of the type use: what a dialect cannot " +
			"express is a *fault.UnsupportedError and never left out. A join without its exception would change the " +
			"rooms of the wrong sockets.", everyTypeArrives},
	{"ProcessHeartbeatRoundTrips", "package dialect, The process's own namespace",
		"In the process's own namespace a codec.Heartbeat arrives with UID, Process and Clock, and without NSP. A " +
			"node that does not recognize its own heartbeat takes its connection for broken and reconnects again " +
			"and again.", processHeartbeatRoundTrips},
	{"OptsRoundTrip", "codec.Opts",
		"Rooms, Except and the flags of a broadcast arrive as they were sent, in every combination, and unset " +
			"fields arrive unset: Except alone selects everybody else, and compress has three states.",
		dialectOptsRoundTrip},
	{"SendersRoundTrip", "dialect.Wire.Parse",
		"A message names its sender, or all messages of its type do not: UID is as it was sent, or empty. Nodes " +
			"recognize their own messages, emitters and answers by it.", sendersRoundTrip},
	{"NobodyIsNeverEverybody", "codec.Opts.Nobody",
		"A message to nobody (Opts.Nobody) is refused with ErrNobody. Written without rooms it would go to " +
			"everybody.", nobodyIsRefused},
	{"RelayedIsKept", "codec.Flags.Relayed",
		"A broadcast that comes from another cluster arrives with Relayed, and others without it. Two nodes that " +
			"pass broadcasts on would send each other the same message forever.", relayedIsKept},
}

func broadcastIsCarried(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		n.expectCarried(codec.Broadcast)
		for _, nsp := range n.namespaces() {
			for _, s := range c.samplesIn(nsp) {
				if s.env.Type == codec.Broadcast && s.env.RequestID == "" {
					n.roundTrip(s)
				}
			}
		}
	})
}

func (n *wireNode) expectCarried(types ...codec.Type) {
	n.Helper()
	for _, t := range types {
		if !n.carries(t) {
			n.fail(fmt.Sprintf("Carries %v", t), "true", "false")
		}
	}
}

func (n *wireNode) carries(t codec.Type) (yes bool) {
	n.Helper()
	n.data.guardPanic(fmt.Sprintf("Carries %v", t), func() { yes = n.wire.Carries(t) })
	return yes
}

func heartbeatsAreCarried(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		if n.census {
			c.Skip("the Wire is a dialect.Census or dialect.Counted and needs no messages about nodes")
		}
		n.expectCarried(codec.InitialHeartbeat, codec.Heartbeat, codec.AdapterClose)
		for _, nsp := range n.namespaces() {
			for _, s := range c.samplesIn(nsp)[:6] {
				n.roundTrip(s)
			}
		}
	})
}

func carriesAgreesWithAppend(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		written := make(map[codec.Type]bool)
		for _, s := range append(c.samplesIn("/chat"), c.heartbeat()) {
			const before = "what was there"
			dst := append(make([]byte, 0, 1<<12), before...)
			p, err := n.tryAppend(dst, s)
			if err == nil {
				written[s.env.Type] = true
			}
			called := n.called(s)
			switch {
			case err == nil && !n.carries(s.env.Type):
				c.fail(called, "a *fault.UnsupportedError, because Carries is false", "no error")
			case err != nil && (string(dst) != before || len(p) > 0 && string(p) != before):
				c.fail(called+", look at dst and the result", quote(before), "%s and %s, and the error %q",
					quote(string(dst)), quote(string(p)), err)
			}
			n.expectDialectNamed(called, err)
		}
		for _, t := range dialectTypes {
			if n.carries(t) && !written[t] {
				c.fail(fmt.Sprintf("Carries %v", t), "true only if Append writes such messages", "true")
			}
		}
		for _, t := range []codec.Type{0, -1, 14, 99, 110, 1 << 20, math.MaxInt32} {
			s := sample{name: fmt.Sprintf("message of the unknown type %d", int(t)),
				env: &codec.Envelope{Type: t, UID: sampleUID, NSP: "/"}}
			if n.carries(t) {
				c.fail(fmt.Sprintf("Carries %d", int(t)), "false, because there is no such type", "true")
			}
			n.data.guardPanic(n.called(s), func() { _, _ = n.wire.Append(nil, s.env) })
		}
	})
}

// expectDialectNamed fails the check if a *fault.UnsupportedError does not say what the dialect does not have.
func (n *wireNode) expectDialectNamed(called string, err error) {
	n.Helper()
	var unsupported *fault.UnsupportedError
	if !errors.As(err, &unsupported) {
		return
	}
	if name := n.harness.Dialect.Name(); unsupported.Dialect != name || unsupported.Op == "" {
		n.fail(called, fmt.Sprintf("a *fault.UnsupportedError with an Op and the Dialect %q", name),
			"the Op %q and the Dialect %q", unsupported.Op, unsupported.Dialect)
	}
}

func everyTypeArrives(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range []string{"/", "/chat"} {
			n.roundTrip(c.samplesIn(nsp)...)
		}
		for _, count := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxInt32} {
			n.roundTrip(sample{name: fmt.Sprintf("BROADCAST_CLIENT_COUNT of %d", count),
				env: &codec.Envelope{Type: codec.BroadcastClientCount, UID: sampleUID, NSP: "/", RequestID: "1",
					ClientCount: count}})
		}
	})
}

func processHeartbeatRoundTrips(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, uid := range []string{sampleUID, otherUID} {
			for _, clock := range []uint64{0, 1, 1<<31 - 1, 1 << 31, 1 << 32, 1<<53 - 1} {
				s := c.heartbeat()
				s.env.UID, s.env.Clock = uid, clock
				p, ok := n.append(s)
				if !ok {
					c.fail(n.called(s), "no error", "an error")
				}
				channel := n.channel(n.route("", uid), s)
				got := n.mustParse(n.called(s), channel, p)
				if d := diffEnvelopes(s.env, got); d != nil {
					c.fail(n.called(s)+", Parse", d.where+" is "+d.want, "%s", d.got)
				}
			}
		}
	})
}

func dialectOptsRoundTrip(c *dialectChecker) {
	yes, no := true, false
	c.eachBus(func(n *wireNode) {
		for _, compress := range []*bool{nil, &yes, &no} {
			for _, volatile := range []bool{false, true} {
				flags := codec.Flags{Volatile: volatile, Compress: compress}
				for _, rooms := range [][]string{nil, {"room"}, {"b", "a", "b"}, {"", "x"}, {"a#b"}} {
					for _, except := range [][]string{nil, {"exception"}, {"", "room"}} {
						s := c.broadcast(fmt.Sprintf("rooms %q, except %q, %s", rooms, except, flagsText(flags)), 1,
							false)
						s.env.Opts = codec.Opts{Rooms: rooms, Except: except, Flags: flags}
						n.roundTrip(s)
					}
				}
			}
		}
	})
}

func sendersRoundTrip(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, uid := range []string{sampleUID, otherUID, "0000000000000000", "ffffffffffffffff", codec.EmitterUID} {
			n.roundTrip(with(c.samplesIn("/chat"), func(env *codec.Envelope) { env.UID = uid })...)
		}
	})
}

func nobodyIsRefused(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, opts := range []codec.Opts{{Nobody: true}, {Nobody: true, Except: []string{"an exception"}},
			{Nobody: true, Rooms: []string{"a room"}}} {
			for _, s := range with(c.samplesIn("/chat"), func(env *codec.Envelope) { env.Opts = opts }) {
				if !selectsSockets(s.env.Type) || !n.carries(s.env.Type) {
					continue
				}
				called := n.called(s) + " to nobody"
				const before = "what was there"
				dst := append(make([]byte, 0, 1<<12), before...)
				var err error
				n.data.guardPanic(called, func() { _, err = n.wire.Append(dst, s.env) })
				var unsupported *fault.UnsupportedError
				if !errors.Is(err, codec.ErrNobody) && (n.required(s.env) || !errors.As(err, &unsupported)) {
					c.fail(called, "ErrNobody", "the error %v", err)
				}
				if string(dst) != before {
					c.fail(called+", look at dst", quote(before), "%s", quote(string(dst)))
				}
			}
		}
	})
}

func relayedIsKept(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range []string{"/", "/chat"} {
			for _, s := range c.samplesIn(nsp) {
				if s.env.Type == codec.Broadcast && s.env.RequestID == "" {
					n.roundTrip(s)
					relayed := with([]sample{s}, func(env *codec.Envelope) { env.Opts.Flags.Relayed = true })[0]
					relayed.name += " from another cluster"
					n.roundTrip(relayed)
				}
			}
		}
	})
}
