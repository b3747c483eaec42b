package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var dialectForeignChecks = []check[*dialectChecker]{
	{"ForeignBytesAreMalformed", "dialect.Wire.Parse",
		"Parse never panics on foreign bytes: its errors wrap codec.ErrMalformed or ErrForeign. Anybody who can " +
			"publish can send anything, and a panic in one message would stop all.", wireForeignBytes},
	{"BrokenMessagesAreMalformed", "dialect.Wire.Parse",
		"Parse reads a message that was cut or changed in transit, or returns an error that wraps " +
			"codec.ErrMalformed or ErrForeign, but never panics, neither in Parse nor when its data is decoded " +
			"later.", wireBrokenMessages},
	{"HostileLengthsAllocateLittle", "dialect.Wire.Parse",
		"Parse does not trust a length: it takes memory in proportion to the message. Otherwise ten bytes that " +
			"claim four billion elements stop the server.", wireHostileLengths},
	{"DeepNestingIsMalformed", "codec.MaxDepth",
		"Bytes that nest deeper than codec.MaxDepth do not overflow the stack, which no program survives.",
		wireDeepNesting},
	{"ParseLeavesItsInput", "dialect.Wire.Parse",
		"Parse only reads p. An envelope may share its memory.", wireParseLeavesInput},
	{"ParsedEnvelopesBelongToCaller", "dialect.Wire.Parse",
		"A parsed envelope does not change: later calls do not affect it. Thousands wait in the cluster's receive " +
			"queues at a time.", wireEnvelopesBelongToCaller},
}

// parseForeign parses bytes of unknown origin, and decodes the result if there is one.
func (n *wireNode) parseForeign(called, channel string, p []byte) (env *codec.Envelope, err error) {
	n.Helper()
	if env, err = n.parse(called, channel, p); err != nil || env == nil {
		return env, err
	}
	n.useForeign(called, env)
	return env, nil
}

// useForeign does with a parsed envelope what a node may do with it.
func (n *wireNode) useForeign(called string, env *codec.Envelope) {
	n.Helper()
	n.data.guardPanic(called+", Parse, decode the data", func() {
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
	n.data.guardPanic(called+", Parse, Append", func() { n.wire.Append(nil, env) })
}

// ownChannels returns the channels of some namespaces and of the process's own.
func (n *wireNode) ownChannels() (channels []string) {
	n.Helper()
	for _, nsp := range []string{"/", "/chat", ""} {
		channels = append(channels, n.listen(n.route(nsp, sampleUID))...)
	}
	return slices.Compact(channels)
}

func wireForeignBytes(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, channel := range n.ownChannels() {
			for _, g := range append(garbageInputs(), nearlyMessages...) {
				n.parseForeign(fmt.Sprintf("foreign bytes %s on %s", quote(g), quote(channel)), channel, []byte(g))
			}
		}
	})
}

// nearlyMessages begin like messages of dialects that exist.
var nearlyMessages = []string{
	`["",""]`, `["a"]`, `["a","b","c"]`, `[1,2]`, `["a",{}]`, `{"a":["b"]}`, `["socket.io#/chat#","`,
	`["socket.io#/chat#",""]`,
	`["socket.io#/chat#","AAAA"]`, `["socket.io#/chat#","====" ]`, `["socket.io#/#","kw=="]`,
	`["socket.io-request#/chat#","{}"]`, `["socket.io-request#/chat#","{\"type\":0}"]`,
	`["socket.io-request#/#","{\"type\":\"x\",\"requestid\":{}}"]`, `["socket.io-response#/#","null"]`,
	`["socket.io-response#/#","{\"requestid\":1}"]`, `["socket.io-response#/#","[]"]`,
	`["socket.io#/#","_chunk_x_0_9999999999_                             "]`, `["socket.io#/#","_chunk_x_-1_2_"]`,
	`["socket.io#/#","_chunk_"]`,
}

// encoded returns encoded messages with their channels. The caller may change the bytes.
func (n *wireNode) encoded() (all []namespaceMessage) {
	n.Helper()
	samples := append(n.samplesIn("/chat"), n.heartbeat())
	samples = append(samples, n.references("/chat", "1")[:3]...)
	samples = append(samples, n.carriers("bytes", []any{[]byte{1, 2, 3}, "text", []byte{}}, true)...)
	for _, s := range samples {
		if p, ok := n.append(s); ok {
			all = append(all, namespaceMessage{s, n.channel(n.route(s.env.NSP, sampleUID), s), bytes.Clone(p)})
		}
	}
	return all
}

func wireBrokenMessages(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, m := range n.encoded() {
			for _, i := range c.data.breakPositions(m.p, 0) {
				n.parseForeign(fmt.Sprintf("%s, cut to %d of %d bytes", n.called(m.s), i, len(m.p)), m.channel,
					bytes.Clone(m.p[:i]))
			}
			for _, i := range c.data.breakPositions(m.p, 1) {
				for _, change := range []byte{0x01, 0x80, 0xff, m.p[i]} {
					q := bytes.Clone(m.p)
					q[i] ^= change
					n.parseForeign(fmt.Sprintf("%s, byte %d of %d xor %#x", n.called(m.s), i, len(m.p), change),
						m.channel, q)
				}
			}
			for _, end := range []string{"\x00", "x", "]", "}", "{}", "\xff", string(m.p)} {
				n.parseForeign(fmt.Sprintf("%s, followed by %s", n.called(m.s), quote(end)), m.channel,
					append(bytes.Clone(m.p), end...))
			}
		}
	})
}

// hostileLengths are lengths of lists, maps, texts and bytes in the forms of msgpack and CBOR.
var hostileLengths = []string{"\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", "\xdf\x7f\xff\xff\xff",
	"\xdb\x7f\xff\xff\xff",
	"\xc6\x7f\xff\xff\xff", "\x9a\x7f\xff\xff\xff", "\xba\x7f\xff\xff\xff", "\x7a\x7f\xff\xff\xff",
	"\x5a\x7f\xff\xff\xff",
	"\x9b\x00\x00\x00\x01\x00\x00\x00\x00", "\xdd\x00\xff\xff\xff", "\x9a\x00\xff\xff\xff", "\xdc\xff\xff",
	"\xde\xff\xff",
	"\x99\xff\xff", "999999999", "2147483647", "1e9"}

func wireHostileLengths(c *dialectChecker) {
	const most = 4 << 20 // bytes allocated for a message of a few hundred
	c.eachBus(func(n *wireNode) {
		for i, m := range n.encoded() {
			for k, length := range hostileLengths {
				if (i+k)%3 != 0 && !c.suite.soak {
					continue
				}
				called := fmt.Sprintf("%s, with the length %q", n.called(m.s), length)
				parse := func(at int) {
					q := append(bytes.Clone(m.p[:at]), length...)
					if at+len(length) < len(m.p) {
						q = append(q, m.p[at+len(length):]...)
					}
					n.parseForeign(fmt.Sprintf("%s at byte %d", called, at), m.channel, q)
				}
				places := c.data.breakPositions(m.p, k)
				total := allocatedBytes(func() {
					for _, at := range places {
						parse(at)
					}
				})
				if total < most+uint64(len(places)*len(m.p))*64 {
					continue
				}
				for _, at := range places { // find the position that costs so much
					least := uint64(1 << 62)
					for try := 0; try < 100 && least > most; try++ { // other goroutines may allocate too
						least = min(least, allocatedBytes(func() { parse(at) }))
					}
					if least > most {
						c.fail(fmt.Sprintf("%s at byte %d, Parse, Append", called, at),
							fmt.Sprintf("at most %d bytes allocated", most), "%d", least)
					}
				}
			}
		}
	})
}

func wireDeepNesting(c *dialectChecker) {
	const levels = 200_000
	deep := map[string]string{
		"JSON arrays": "[", "JSON objects": `{"a":`, "msgpack arrays": "\x91", "msgpack maps": "\x81\xa1a",
		"CBOR arrays": "\x81", "CBOR maps": "\xa1\x61a", "CBOR tags": "\xc1",
	}
	const innermost = "innermost data"
	c.eachBus(func(n *wireNode) {
		for _, channel := range n.ownChannels() {
			for name, text := range deep {
				for _, start := range []string{"", "\x00", `["a",`} {
					p := []byte(start + strings.Repeat(text, levels))
					called := fmt.Sprintf("%d levels of %s after %q on %s", levels, name, start, quote(channel))
					n.parseForeign(called, channel, p)
					if stack := stackGrowth(func() { _, _ = n.wire.Parse(channel, p) }); stack > levels*20 {
						c.fail(called+", Parse", fmt.Sprintf("stack growth for at most %d levels", codec.MaxDepth),
							"%d bytes of growth", stack)
					}
				}
			}
		}
		// Where a message contains data as JSON, put deeper data in its place.
		for _, s := range c.carriers("a text", innermost, false) {
			p, ok := n.append(s)
			if !ok || bytes.Count(p, []byte(`"`+innermost+`"`)) != 1 {
				continue
			}
			channel := n.channel(n.route(s.env.NSP, sampleUID), s)
			for _, levels := range []int{codec.MaxDepth + 1, 128, 1000, levels} {
				for _, b := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
					data := strings.Repeat(b[0], levels) + "1" + strings.Repeat(b[1], levels)
					called := fmt.Sprintf("%v with %d levels of %s", s.env.Type, levels, b[0])
					env, err := n.parseForeign(called, channel, bytes.Replace(p, []byte(`"`+innermost+`"`),
						[]byte(data), 1))
					if err == nil && env != nil {
						c.fail(called+", Parse", "an error that wraps ErrMalformed", "no error")
					}
				}
			}
		}
	})
}

func wireParseLeavesInput(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		all := append(c.mixed(), c.references("/chat", "1")...)
		for _, text := range rawTexts {
			all = append(all, c.broadcast("the JSON "+quote(text), c.data.rawJSON(text), false))
		}
		for _, s := range all {
			p, ok := n.append(s)
			if !ok {
				continue
			}
			channel := n.channel(n.route(s.env.NSP, sampleUID), s)
			for _, q := range [][]byte{p, p[:len(p)/2]} {
				copied := bytes.Clone(q)
				called := fmt.Sprintf("%s, %d of %d bytes", n.called(s), len(q), len(p))
				n.parseForeign(called, channel, copied)
				if !bytes.Equal(q, copied) {
					c.fail(called+", Parse, look at the bytes again", quote(string(q)), "%s", quote(string(copied)))
				}
			}
		}
	})
}

func wireEnvelopesBelongToCaller(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		type kept struct {
			s   sample
			env *codec.Envelope
		}
		var all []kept
		samples := c.mixed()
		for i := range max(c.scale(3000, 30_000), len(samples)) {
			s := samples[i%len(samples)]
			if p, ok := n.append(s); ok {
				channel := n.channel(n.route(s.env.NSP, sampleUID), s)
				all = append(all, kept{s, n.mustParse(n.called(s), channel, bytes.Clone(p))})
			}
		}
		for _, k := range all {
			n.expectSame(n.called(k.s)+", Parse, Parse others, look at the first again", k.s.env, k.env)
		}
		for _, k := range all { // the envelopes are the caller's: overwriting them must change nothing
			overwriteEnvelope(k.env)
		}
		n.roundTrip(samples...)
	})
}
