package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var foreignChecks = []check[*codecChecker]{
	{"ForeignBytesAreMalformed", "codec.Codec.Parse",
		"Parse never panics on foreign bytes: what it cannot read is an error that wraps ErrMalformed. Anybody " +
			"who can publish can send anything, and a panic stops the whole server.", foreignBytesAreMalformed},
	{"BrokenMessagesAreMalformed", "codec.Codec.Parse",
		"Parse reads a message that was cut or changed in transit, or returns an error that wraps ErrMalformed, " +
			"but never panics, neither in Parse nor when its data is decoded later.", brokenMessagesAreMalformed},
	{"TrailingBytesAreMalformed", "codec.Codec.Parse",
		"Bytes after the message are an error that wraps ErrMalformed; only white space may follow the text " +
			"form. Append never wrote them: two messages have been joined.", trailingBytesAreMalformed},
	{"HostileLengthsAllocateLittle", "codec.Codec.Parse",
		"Parse does not trust a length: it allocates in proportion to the input. Otherwise a message of ten " +
			"bytes that claims a list of four billion elements stops the server.", hostileLengthsAllocateLittle},
	{"DeepNestingIsMalformed", "codec.MaxDepth",
		"Foreign bytes that nest deeper than MaxDepth are an error that wraps ErrMalformed, never a stack " +
			"overflow, which no program survives.", deepNestingIsMalformed},
	{"UnknownTypesAreNoError", "codec.Codec.Parse",
		"A type that the codec does not know is no error: the envelope has that Type. Newer nodes send messages " +
			"that older nodes need not understand.", unknownTypesAreNoError},
	{"ParseLeavesItsInput", "codec.Codec.Parse",
		"Parse only reads p. Several namespaces, or a test, may read the same bytes.", parseLeavesItsInput},
	{"ParsedEnvelopesBelongToCaller", "codec.Codec.Parse",
		"A parsed envelope belongs to the caller: later calls do not change it, and changes of it do not affect " +
			"later calls. Thousands wait in the cluster's receive queues at a time.", parsedEnvelopesBelongToCaller},
}

// parseForeign parses bytes of unknown origin, and decodes the result if there is one.
func (c *codecChecker) parseForeign(called string, p []byte, f codec.Format) (env *codec.Envelope, err error) {
	c.Helper()
	env, err = c.parse(called, p, f)
	if err != nil {
		if !errors.Is(err, codec.ErrMalformed) {
			c.fail(called+", Parse", "an error that wraps ErrMalformed", "the error %q", err)
		}
		return env, err
	}
	c.guardPanic(called+", Parse, decode the data", func() {
		var any1, any2 any
		env.Args.Decode(&any1, &any2)
		env.Args.Values()
		env.Args.Value().AppendJSONBuffers(nil)
		env.Value.Decode(&any1)
		for _, s := range env.Sockets {
			s.Data.Decode(&any1)
			s.Handshake.AppendJSON(nil)
		}
	})
	for _, g := range forms {
		c.guardPanic(fmt.Sprintf("%s, Parse, Append, %v form", called, g), func() { c.codec.Append(nil, env, g) })
	}
	return env, nil
}

// garbageInputs returns bytes that no codec should accept as a message.
func garbageInputs() []string {
	all := []string{
		"", " ", "\x00", "x", "null", "true", "0", "-", "1e999", `"text"`, `"`, "{", "}", "{}", "[]", "[", "[]]",
		"{}{}", "{}x", `{"`, `{"a"`, `{"a":`, `{"a":}`, `{a:1}`, `{'a':1}`, `{"type":}`,
		`{"type":"3"}`, `{"type":null}`, `{"type":1e99}`, `{"type":-1}`, `{"type":3}`, `{"type":3,"uid":1}`,
		`{"type":3,"uid":"x","data":null}`, `{"type":3,"uid":"x","data":[]}`,
		`{"type":3,"uid":"x","data":{"packet":{"data":{}}}}`, `{"type":8,"uid":"x","data":{"sockets":{}}}`,
		"{\"uid\":\"\xff\"}", `{"uid":"\ud800"}`, "\ufeff{}", "<xml/>",
		"\xff", "\xff\xff\xff\xff", "\xc0", "\xc1", "\x80", "\x81", "\x81\xa4type", "\x81\xa4type\x03",
		"\x82\xa4type\x03\xa3uid", "\xa0", "\xbf", "\xbf\xff", "\xdf\xff\xff\xff\xff",
		"\xdd\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x01",
		"\xd8\xff", "\x9f", "\x9f\xff", "\x5f", "\x7f\x61", "\xfb\x00", "\xf9", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xa1\x01\x03",
		"\xa1\x01\x18", "\xd9\xd9\xf7\xa0",
		strings.Repeat("\x00", 1000), strings.Repeat("\xff", 1000), strings.Repeat("A", 1000), "====", "oWED", "oQED",
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same in each run
	for i := range 2000 {
		p := make([]byte, i%64)
		for j := range p {
			p[j] = byte(random.Uint32())
		}
		all = append(all, string(p))
	}
	return all
}

func foreignBytesAreMalformed(c *codecChecker) {
	for _, g := range garbageInputs() {
		for _, f := range forms {
			c.parseForeign(fmt.Sprintf("foreign bytes %s, %v form", quote(g), f), []byte(g), f)
		}
	}
}

// appendedSamples returns encoded samples in a form. The caller may change the bytes.
func (c *codecChecker) appendedSamples(f codec.Format) (names []string, all [][]byte) {
	c.Helper()
	samples := append(c.samples(), c.referenceSamples()[:3]...)
	samples = append(samples, c.carriers("bytes", []any{[]byte{1, 2, 3}, "text", []byte{}}, true)...)
	for _, s := range samples {
		if p, ok := c.mustAppend(s, f); ok {
			names, all = append(names, s.name), append(all, bytes.Clone(p))
		}
	}
	return names, all
}

// breakPositions returns the positions at which a check breaks a message: all, or a few hundred of a long
// message in the quick profile.
func (c *codecChecker) breakPositions(p []byte, first int) (all []int) {
	step := 1
	if most := c.scale(300, math.MaxInt); len(p) > most {
		step = len(p)/most + 1
	}
	for n := first % step; n < len(p); n += step {
		all = append(all, n)
	}
	if len(p) > 1 {
		all = append(all, len(p)-2, len(p)-1)
	}
	return all
}

func brokenMessagesAreMalformed(c *codecChecker) {
	for _, f := range forms {
		names, all := c.appendedSamples(f)
		for i, p := range all {
			for _, n := range c.breakPositions(p, 0) {
				c.parseForeign(fmt.Sprintf("%s, %v form, cut to %d of %d bytes", names[i], f, n, len(p)),
					bytes.Clone(p[:n]), f)
			}
			for _, n := range c.breakPositions(p, 1) {
				for _, change := range []byte{0x01, 0x80, 0xff, p[n]} { // one bit, the sign, all bits, the byte to zero
					q := bytes.Clone(p)
					q[n] ^= change
					c.parseForeign(fmt.Sprintf("%s, %v form, byte %d of %d xor %#x", names[i], f, n, len(p), change),
						q, f)
				}
			}
		}
	}
}

func trailingBytesAreMalformed(c *codecChecker) {
	var ends []string
	for b := range 256 {
		ends = append(ends, string([]byte{byte(b)}))
	}
	ends = append(ends, "  x", "{}", "[]", "null", "\x00\x00", " \x00", "AA", "AAA", "AAAA", "====", "\xc0", "\xf6",
		"\xa0", asciiText(1000), strings.Repeat("\x00", 1<<16), strings.Repeat("A", 1<<16))
	for _, f := range forms {
		names, all := c.appendedSamples(f)
		for i, p := range all {
			for _, end := range append(ends, string(p), string(p[:1]), string(p[len(p)-1:])) {
				called := fmt.Sprintf("%s, %v form, followed by %s", names[i], f, quote(end))
				want := c.mustParse(called, bytes.Clone(p), f)
				env, err := c.parseForeign(called, append(bytes.Clone(p), end...), f)
				if err != nil {
					continue
				}
				if f != codec.Text || strings.Trim(end, " \t\r\n") != "" {
					c.fail(called+", Parse", "an error that wraps ErrMalformed", "no error")
				}
				c.expectSame(called+", Parse", want, env)
			}
		}
	}
}

func unknownTypesAreNoError(c *codecChecker) {
	tried := false
	for _, t := range []codec.Type{0, 14, 99, 1000, 1 << 20} {
		for _, env := range []codec.Envelope{
			{Type: t, UID: sampleUID, NSP: "/"},
			{Type: t, UID: sampleUID, NSP: "/", AttachmentID: "1"},
		} {
			for _, f := range forms {
				s := sample{name: fmt.Sprintf("message of the unknown type %d", t), env: &env}
				if p, err := c.appendSample(nil, s, f); err == nil { // Append may refuse it
					tried = true
					c.parseBack(s, p, f)
				}
			}
		}
	}
	if !tried {
		c.Skip("Append does not write unknown types: add a message with one to CodecHarness.Golden")
	}
}

func parseLeavesItsInput(c *codecChecker) {
	all := c.allSamples()
	for _, text := range rawTexts {
		all = append(all, c.carriers("the JSON "+quote(text), c.rawJSON(text), false)...)
	}
	for _, n := range []int{4096, 65_536, 100_000} {
		all = append(all, c.carriers(fmt.Sprintf("a Unicode text of %d bytes", n), unicodeText(n), false)...)
	}
	for _, s := range all {
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				c.parseTwice(fmt.Sprintf("%s, %v form", s.name, f), p, f)
				c.parseTwice(fmt.Sprintf("%s, %v form, cut in the middle", s.name, f), p[:len(p)/2], f)
			}
		}
	}
}

// parseTwice fails the check if Parse changes its input.
func (c *codecChecker) parseTwice(called string, p []byte, f codec.Format) {
	c.Helper()
	q := bytes.Clone(p)
	first, err := c.parseForeign(called, q, f)
	if !bytes.Equal(p, q) {
		c.fail(called+", Parse, look at the bytes again", quote(string(p)), "%s", quote(string(q)))
	}
	if err == nil {
		second := c.mustParse(called+", Parse again", q, f)
		c.expectSame(called+", Parse again", first, second)
	}
}

func parsedEnvelopesBelongToCaller(c *codecChecker) {
	type kept struct {
		called string
		s      sample
		env    *codec.Envelope
	}
	var all []kept
	samples := c.allSamples()
	for i := range max(c.scale(6000, 60_000), len(samples)) {
		s := samples[i%len(samples)]
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				called := s.called(f)
				all = append(all, kept{called, s, c.mustParse(called, bytes.Clone(p), f)})
			}
		}
	}
	for _, k := range all {
		c.expectSame(k.called+", Parse, Parse others, look at the first again", k.s.env, k.env)
	}
	for _, k := range all { // the envelopes are the caller's: overwriting them must change nothing
		overwriteEnvelope(k.env)
	}
	c.roundTrip(samples...)
}

// overwriteEnvelope changes everything that env refers to.
func overwriteEnvelope(env *codec.Envelope) {
	for _, list := range [][]string{env.Rooms, env.Opts.Rooms, env.Opts.Except} {
		for i := range list {
			list[i] = "overwritten"
		}
	}
	clear(env.Sockets)
	*env = codec.Envelope{}
}
