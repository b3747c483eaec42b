package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

var appendChecks = []check[*codecChecker]{
	{"TextIsText", "codec.Codec.Append",
		"The text form is valid UTF-8 without NUL, whatever the message contains. PostgreSQL rejects any other " +
			"notification.", textIsText},
	{"AppendAppends", "codec.Codec.Append",
		"Append extends dst and leaves its contents alone, whether there is spare capacity or not. The cluster " +
			"writes into buffers that it reuses.", appendAppends},
	{"AppendRetainsNothing", "codec.Codec.Append",
		"The bytes that Append returned belong to the caller: later calls do not change them, and changes of " +
			"them do not affect later calls. Thousands of messages wait in the cluster's queue at a time, and its " +
			"buffers are reused.", appendRetainsNothing},
	{"AppendLeavesTheEnvelope", "codec.Codec.Append",
		"Append only reads the envelope. The same envelope is delivered to this node's own clients.",
		appendLeavesTheEnvelope},
	{"ErrBinaryLeavesDst", "codec.Codec.Append",
		"When the text form cannot carry bytes, Append returns ErrBinary, and the contents of dst are unchanged, " +
			"as after any other error. The cluster then writes the binary form into the same buffer.",
		errBinaryLeavesDst},
	{"NonceTellsEqualMessagesApart", "codec.Envelope.Nonce",
		"A Nonce makes the bytes differ and has no other meaning. PostgreSQL delivers two equal notifications of " +
			"one transaction once: two equal messages would become one.", nonceTellsEqualMessagesApart},
}

// allSamples returns samples of everything.
func (c *codecChecker) allSamples() []sample {
	c.Helper()
	all := append(c.samples(), c.referenceSamples()...)
	for _, b := range binaryValues {
		all = append(all, c.carriers(b.name, b.value, true)...)
	}
	for _, s := range trickyTexts {
		all = append(all, c.carriers("the text "+quote(s), map[string]any{s: s}, false)...)
	}
	return all
}

func textIsText(c *codecChecker) {
	all := c.allSamples()
	for _, s := range []string{"\xff", "a\xe2\x82", "\xed\xa0\x80", "\xc0\x80"} {
		for _, env := range []codec.Envelope{
			{Type: codec.Heartbeat, NSP: "/" + s},
			{Type: codec.SocketsJoin, NSP: "/", Rooms: []string{s},
				Opts: codec.Opts{Rooms: []string{s}, Except: []string{s}}},
			{Type: codec.BroadcastAck, NSP: "/", RequestID: s, Value: codec.FromTree(s)},
			{Type: codec.BroadcastAck, NSP: "/", RequestID: "1",
				Value: codec.FromTree(codec.Object{{Key: s, Value: s}})},
		} {
			env.UID = sampleUID
			all = append(all, sample{name: fmt.Sprintf("%v with %q, which is not UTF-8", env.Type, s), env: &env})
		}
	}
	for _, n := range []int{4096, 65_536, 100_000} {
		all = append(all, c.carriers(fmt.Sprintf("a Unicode text of %d bytes", n), unicodeText(n), false)...)
	}
	for _, s := range all {
		p, err := c.appendSample(nil, s, codec.Text)
		if err == nil && (!utf8.Valid(p) || bytes.IndexByte(p, 0) >= 0) {
			c.fail("Append "+s.name+", text form", "valid UTF-8 without NUL, or an error", "%s", quote(string(p)))
		}
	}
}

func appendAppends(c *codecChecker) {
	all := c.allSamples()
	for _, n := range []int{4096, 65_536, 1 << 20} {
		all = append(all, c.ackSample(fmt.Sprintf("a text of %d bytes", n), c.newValue(asciiText(n))))
	}
	for i, s := range all {
		for _, f := range forms {
			if _, ok := c.mustAppend(s, f); !ok {
				continue
			}
			c.appendTo(s, f, "what was there", 0)
			c.appendTo(s, f, "what was there", 10)
			c.appendTo(s, f, "what was there", 1<<16)
			c.appendTo(s, f, "", 1<<16)
			if i%16 == 0 {
				c.appendTo(s, f, asciiText(1<<16), 1<<12)
				c.appendTo(s, f, asciiText(300_000), 0)
			}
		}
	}
}

// appendTo appends a sample to a dst that contains before.
func (c *codecChecker) appendTo(s sample, f codec.Format, before string, room int) {
	c.Helper()
	dst := append(make([]byte, 0, len(before)+room), before...)
	p, err := c.appendSample(dst, s, f)
	called := fmt.Sprintf("Append %s to %s with room for %d more bytes, %v form", s.name, quote(before), room, f)
	if err != nil || len(p) <= len(before) || string(p[:len(before)]) != before || string(dst) != before {
		c.fail(called, quote(before)+" followed by the message", "%s and the error %v", quote(string(p)), err)
	}
	c.expectSame(called+", Parse the appended bytes", s.env, c.mustParse(called, slices.Clone(p[len(before):]), f))
}

func appendRetainsNothing(c *codecChecker) {
	type kept struct {
		s       sample
		f       codec.Format
		p, copy []byte
	}
	var all []kept
	samples := c.allSamples()
	for i := range max(c.scale(6000, 60_000), len(samples)) {
		s := samples[i%len(samples)]
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				all = append(all, kept{s, f, p, bytes.Clone(p)})
			}
		}
	}
	for _, k := range all {
		if !bytes.Equal(k.p, k.copy) {
			c.fail(fmt.Sprintf("Append %s, %v form, Append others, look at the first again", k.s.name, k.f),
				quote(string(k.copy)), "%s", quote(string(k.p)))
		}
	}
	for _, k := range all { // the bytes are the caller's: overwriting them must change nothing
		for i := range k.p {
			k.p[i] = 0xff
		}
	}
	c.roundTrip(samples...)
}

// appendLeavesTheEnvelope also changes an envelope afterwards: it belongs to the caller, who may reuse it.
func appendLeavesTheEnvelope(c *codecChecker) {
	all := func() []sample {
		all := c.allSamples()
		for _, env := range c.selectorEnvelopes(codec.Opts{Rooms: []string{"b", "a", "b"},
			Except: []string{"z", "", "y"}}) {
			env.NSP, env.Nonce = "", 7
			all = append(all, sample{name: env.Type.String() + " without a namespace, with unsorted rooms", env: env})
		}
		return all
	}
	first, second := all(), all()
	for i, s := range first {
		for _, f := range forms {
			called := s.called(f)
			_, err := c.appendSample(nil, s, f)
			c.expectSame(called+", look at the envelope", second[i].env, s.env)
			if s.env.Nonce != second[i].env.Nonce {
				c.fail(called+", look at the envelope", fmt.Sprintf("the Nonce %d", second[i].env.Nonce), "%d",
					s.env.Nonce)
			}
			if err != nil {
				continue
			}
			nsp := s.env.NSP
			s.env.NSP = "/another"
			if p, ok := c.mustAppend(s, f); ok {
				c.expectSame(called+", change its namespace, Append, Parse", s.env, c.mustParse(called, p, f))
			}
			s.env.NSP = nsp
		}
	}
}

func errBinaryLeavesDst(c *codecChecker) {
	const before = "what was there"
	for _, env := range c.selectorEnvelopes(codec.Opts{Nobody: true, Except: []string{"x"}}) {
		c.appendRefusable(sample{env.Type.String() + " to nobody", env, false}, before)
	}
	for i := range nestings {
		for _, s := range c.nestedSamples(i, codec.MaxDepth+1) {
			c.appendRefusable(s, before)
		}
	}
	refused := false
	all := carriersOf("bytes after a long text", codec.FromTree([]any{asciiText(100_000), []byte{1}}), true)
	for _, b := range binaryValues {
		all = append(all, c.carriers(b.name, b.value, true)...)
	}
	for _, s := range all {
		dst, err := c.appendRefusable(s, before)
		called := "Append " + s.name + ", text form"
		switch {
		case err == nil:
			continue
		case !errors.Is(err, codec.ErrBinary):
			c.fail(called, fmt.Sprintf("no error, or the error %q", codec.ErrBinary), "the error %q", err)
		}
		refused = true
		p, err := c.appendSample(dst, s, codec.Binary)
		if err != nil || !bytes.HasPrefix(p, []byte(before)) {
			c.fail(called+", then binary form", "no error", "the error %v", err)
		}
		c.expectSame(called+", then binary form, Parse", s.env, c.mustParse(called, p[len(before):], codec.Binary))
	}
	if !refused {
		c.Skip("the text form carries all bytes: it never returns ErrBinary")
	}
}

// appendRefusable appends a sample that may be refused to a dst that contains before, in both forms. It
// returns the result of the text form.
func (c *codecChecker) appendRefusable(s sample, before string) (dst []byte, err error) {
	c.Helper()
	for _, f := range []codec.Format{codec.Binary, codec.Text} {
		dst = append(make([]byte, 0, 1<<16), before...)
		_, err = c.appendSample(dst, s, f)
		if string(dst) != before {
			c.fail(fmt.Sprintf("Append %s, %v form, look at dst", s.name, f), fmt.Sprintf("%q", before),
				"%q, and the error %v", dst, err)
		}
	}
	return dst, err
}

func nonceTellsEqualMessagesApart(c *codecChecker) {
	for _, s := range append(c.samples(), c.referenceSamples()...) {
		for _, f := range forms {
			seen := make(map[string]uint64)
			for _, nonce := range []uint64{0, 1, 2, 3, 255, 256, 257, 65_535, 65_536, 1 << 31, 1 << 32, 1<<32 + 1,
				1<<53 - 2, 1<<53 - 1} {
				env := *s.env
				env.Nonce = nonce
				p, ok := c.mustAppend(sample{s.name, &env, s.hasBytes}, f)
				if !ok {
					continue
				}
				called := fmt.Sprintf("Append %s, %v form, with Nonce %d", s.name, f, nonce)
				if other, ok := seen[string(p)]; ok {
					c.fail(called, fmt.Sprintf("other bytes than with Nonce %d", other), "the same bytes %s",
						quote(string(p)))
				}
				seen[string(p)] = nonce
				c.expectSame(called+", Parse", s.env, c.mustParse(called, p, f))
			}
		}
	}
}
