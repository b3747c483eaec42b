package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

var dialectAppendChecks = []check[*dialectChecker]{
	{"PayloadsSuitTheBus", "transport.Limits.Text",
		"On a bus that carries only text, payloads are valid UTF-8 without NUL, whatever the message contains. " +
			"PostgreSQL rejects any other notification.", payloadsSuitTheBus},
	{"AppendAppends", "dialect.Wire.Append",
		"Append extends dst and leaves its contents alone, whether there is spare capacity or not, also if it " +
			"returns an error. The cluster writes into buffers that it reuses.", wireAppendAppends},
	{"AppendRetainsNothing", "dialect.Wire.Append",
		"The bytes that Append returned belong to the caller: later calls do not change them, and changes of them " +
			"do not affect later calls. Thousands of messages wait in the cluster's queue at a time.",
		wireRetainsNothing},
	{"AppendLeavesTheEnvelope", "dialect.Wire.Append",
		"Append only reads the envelope. The same envelope is delivered to this node's own clients.",
		wireLeavesTheEnvelope},
	{"NonceTellsEqualMessagesApart", "codec.Envelope.Nonce",
		"A Nonce makes the bytes differ and has no other meaning. PostgreSQL delivers two equal notifications of " +
			"one transaction once: two equal messages would become one.", wireNonceTellsApart},
}

// invalidTexts are not valid UTF-8.
var invalidTexts = []string{"\xff", "a\xe2\x82", "\xed\xa0\x80", "\xc0\x80"}

func payloadsSuitTheBus(c *dialectChecker) {
	tried := false
	c.eachBus(func(n *wireNode) {
		if !n.options.Limits.Text {
			return
		}
		tried = true
		all := c.mixed()
		for _, s := range slices.Concat(trickyTexts, invalidTexts, []string{unicodeText(100_000)}) {
			tree := codec.FromTree(codec.Object{{Key: s, Value: s}})
			for _, env := range []codec.Envelope{
				{Type: codec.Heartbeat, Process: s, CloseHash: s},
				{Type: codec.AdapterClose, CloseKey: s},
				{Type: codec.Broadcast, Args: c.data.newArgs("e"),
					Opts: codec.Opts{Rooms: []string{s}, Except: []string{s}}},
				{Type: codec.SocketsJoin, Rooms: []string{s}, Opts: codec.Opts{Rooms: []string{s}}, RequestID: "1"},
				{Type: codec.BroadcastAck, RequestID: s, Value: tree},
				{Type: codec.CustomRequest, RequestID: "1", Value: tree},
				{Type: codec.ListSocketsResponse, RequestID: "1", Rooms: []string{s}},
				{Type: codec.Broadcast, AttachmentID: s, AttachmentKey: s},
			} {
				env.UID, env.NSP = sampleUID, "/"
				all = append(all, sample{fmt.Sprintf("%v with %s", env.Type, quote(s)), &env, true})
			}
		}
		for _, s := range all {
			var p []byte
			var err error
			n.data.guardPanic(n.called(s), func() { p, err = n.wire.Append(nil, s.env) })
			if err == nil {
				n.expectText(n.called(s), p)
			}
		}
	})
	if !tried {
		c.Skip("no bus of DialectHarness.Limits carries only text")
	}
}

func (n *wireNode) expectText(called string, p []byte) {
	n.Helper()
	if !utf8.Valid(p) || bytes.IndexByte(p, 0) >= 0 {
		n.fail(called, "valid UTF-8 without NUL", "%s", quote(string(p)))
	}
}

func wireAppendAppends(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		all := append(c.mixed(), c.broadcast("a text of a MiB", asciiText(1<<20), false))
		for i := range nestings {
			all = append(all, c.data.nestedSamples(i, codec.MaxDepth+1)...)
		}
		for i, s := range all {
			n.appendTo(s, "what was there", 0)
			n.appendTo(s, "what was there", 10)
			n.appendTo(s, "what was there", 1<<16)
			n.appendTo(s, "", 1<<16)
			if i%16 == 0 {
				n.appendTo(s, asciiText(1<<16), 1<<12)
			}
		}
	})
}

// appendTo appends a sample to a dst that contains before.
func (n *wireNode) appendTo(s sample, before string, room int) {
	n.Helper()
	dst := append(make([]byte, 0, len(before)+room), before...)
	called := fmt.Sprintf("%s, to %s with room for %d more bytes", n.called(s), quote(before), room)
	var p []byte
	var err error
	n.data.guardPanic(called, func() { p, err = n.wire.Append(dst, s.env) })
	if string(dst) != before {
		n.fail(called+", look at dst", quote(before), "%s, and the error %v", quote(string(dst)), err)
	}
	if err != nil {
		return // other checks look at the error
	}
	if len(p) <= len(before) || string(p[:len(before)]) != before {
		n.fail(called, quote(before)+" followed by the message", "%s", quote(string(p)))
	}
	channel := n.channel(n.route(s.env.NSP, s.env.UID), s)
	n.expectSame(called+", Parse the appended bytes", s.env, n.mustParse(called, channel, bytes.Clone(p[len(before):])))
}

func wireRetainsNothing(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		type kept struct {
			s       sample
			p, copy []byte
		}
		var all []kept
		samples := c.mixed()
		for i := range max(c.scale(3000, 30_000), len(samples)) {
			s := samples[i%len(samples)]
			if p, ok := n.append(s); ok {
				all = append(all, kept{s, p, bytes.Clone(p)})
			}
		}
		for _, k := range all {
			if !bytes.Equal(k.p, k.copy) {
				c.fail(n.called(k.s)+", Append others, look at the first again", quote(string(k.copy)), "%s",
					quote(string(k.p)))
			}
		}
		for _, k := range all { // the bytes are the caller's: overwriting them must change nothing
			for i := range k.p {
				k.p[i] = 0xff
			}
		}
		n.roundTrip(samples...)
	})
}

// wireLeavesTheEnvelope also changes an envelope afterwards: it belongs to the caller, who may reuse it.
func wireLeavesTheEnvelope(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		unsorted := func(env *codec.Envelope) {
			env.Nonce = 7
			if selectsSockets(env.Type) {
				env.Opts.Rooms, env.Opts.Except = []string{"b", "a", "b"}, []string{"z", "", "y"}
			}
		}
		first := append(c.mixed(), with(c.samplesIn("/"), unsorted)...)
		second := append(c.mixed(), with(c.samplesIn("/"), unsorted)...)
		for i, s := range first {
			called := n.called(s)
			_, err := n.tryAppend(nil, s)
			var d *difference
			n.data.guardPanic(called, func() { d = diffEnvelopes(second[i].env, s.env) })
			if d != nil {
				c.fail(called+", look at the envelope", d.where+" is "+d.want, "%s", d.got)
			}
			if want := second[i].env.Nonce; s.env.Nonce != want {
				c.fail(called+", look at the envelope", fmt.Sprintf("the Nonce %d", want), "%d", s.env.Nonce)
			}
			if err != nil || s.env.NSP == "" {
				continue
			}
			old := *s.env
			s.env.NSP = "/another"
			if s.env.Type == codec.Broadcast {
				s.env.Opts = codec.Opts{Rooms: []string{"another"}}
			}
			n.roundTrip(s)
			*s.env = old
		}
	})
}

func wireNonceTellsApart(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, s := range append(c.samplesIn("/chat"), c.references("/chat", "1")...) {
			seen := make(map[string]uint64)
			for _, nonce := range []uint64{0, 1, 2, 3, 255, 256, 257, 65_535, 65_536, 1 << 31, 1 << 32, 1<<32 + 1,
				1<<53 - 2, 1<<53 - 1} {
				t := with([]sample{s}, func(env *codec.Envelope) { env.Nonce = nonce })[0]
				p, err := n.tryAppend(nil, t)
				if errors.Is(err, codec.ErrBinary) || err != nil {
					break
				}
				called := fmt.Sprintf("%s, with Nonce %d", n.called(s), nonce)
				if other, ok := seen[string(p)]; ok {
					c.fail(called, fmt.Sprintf("other bytes than with Nonce %d", other), "the same bytes %s",
						quote(string(p)))
				}
				seen[string(p)] = nonce
				channel := n.channel(n.route(s.env.NSP, s.env.UID), t)
				n.expectSame(called+", Parse", s.env, n.mustParse(called, channel, p))
			}
		}
	})
}
