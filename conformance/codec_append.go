package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

var appendChecks = []check[*codecCase]{
	{"TextIsText", "The text form is valid UTF-8 without NUL, whatever is in the message. PostgreSQL refuses any other notification.", textIsText},
	{"AppendAppends", "Append extends dst and leaves what is in it alone, whether there is room behind it or not. The cluster writes into buffers " +
		"that it uses again.", appendAppends},
	{"AppendKeepsNothing", "What Append returned is the caller's: later calls do not change it. Many messages wait in the cluster's queue at a time.",
		appendKeepsNothing},
	{"AppendLeavesTheEnvelope", "Append only reads the envelope. The same one is delivered to this node's own clients.", appendLeavesTheEnvelope},
	{"ErrBinaryLeavesDst", "When the text form cannot carry bytes, Append returns ErrBinary, and dst's content is unchanged. The cluster then writes the " +
		"binary form into the same buffer.", errBinaryLeavesDst},
	{"NonceTellsEqualMessagesApart", "A Nonce makes the bytes differ, and says nothing else. PostgreSQL delivers two equal notifications of one transaction once: " +
		"two equal messages would be one.", nonceTellsEqualMessagesApart},
	{"DeepDataIsAnError", "Data that nests deeper than MaxDepth is an error of Append, never a crash or a message that no peer can read. Users hand " +
		"in what their clients sent.", deepDataIsAnError},
}

// all returns samples of everything.
func (c *codecCase) all() []sample {
	c.Helper()
	all := append(c.samples(), c.references()...)
	for _, b := range blobs {
		all = append(all, c.carriers(b.name, b.value, true)...)
	}
	for _, s := range curious {
		all = append(all, c.carriers("the text "+quote(s), map[string]any{s: s}, false)...)
	}
	return all
}

func textIsText(c *codecCase) {
	all := c.all()
	for _, s := range []string{"\xff", "a\xe2\x82", "\xed\xa0\x80", "\xc0\x80"} {
		for _, env := range []codec.Envelope{
			{Type: codec.Heartbeat, NSP: "/" + s},
			{Type: codec.SocketsJoin, NSP: "/", Rooms: []string{s}, Opts: codec.Opts{Rooms: []string{s}, Except: []string{s}}},
			{Type: codec.BroadcastAck, NSP: "/", RequestID: s, Value: codec.FromTree(s)},
			{Type: codec.BroadcastAck, NSP: "/", RequestID: "1", Value: codec.FromTree(codec.Object{{Key: s, Value: s}})},
		} {
			env.UID = sampleUID
			all = append(all, sample{name: fmt.Sprintf("%v with %q, which is not UTF-8", env.Type, s), env: &env})
		}
	}
	for _, s := range all {
		p, err := c.append(nil, s, codec.Text)
		if err == nil && (!utf8.Valid(p) || bytes.IndexByte(p, 0) >= 0) {
			c.fail("Append "+s.name+", text form", "valid UTF-8 without NUL, or an error", "%s", quote(string(p)))
		}
	}
}

func appendAppends(c *codecCase) {
	const before = "what was there"
	for _, s := range c.all() {
		for _, f := range forms {
			if _, ok := c.write(s, f); !ok {
				continue
			}
			for _, room := range []int{0, 10, 1 << 16} {
				dst := append(make([]byte, 0, len(before)+room), before...)
				p, err := c.append(dst, s, f)
				called := fmt.Sprintf("Append %s to %q with room for %d more bytes, %v form", s.name, before, room, f)
				if err != nil || !bytes.HasPrefix(p, []byte(before)) || string(dst) != before {
					c.fail(called, fmt.Sprintf("%q with the message behind it", before), "%s and the error %v", quote(string(p)), err)
				}
				c.expect(called+", Parse what was appended", s.env, c.read(called, slices.Clone(p[len(before):]), f))
			}
		}
	}
}

func appendKeepsNothing(c *codecCase) {
	type kept struct {
		s       sample
		f       codec.Format
		p, copy []byte
	}
	var all []kept
	for _, s := range c.all() {
		for _, f := range forms {
			if p, ok := c.write(s, f); ok {
				all = append(all, kept{s, f, p, bytes.Clone(p)})
			}
		}
	}
	for _, k := range all {
		if !bytes.Equal(k.p, k.copy) {
			c.fail(fmt.Sprintf("Append %s, %v form, Append others, look at the first again", k.s.name, k.f), quote(string(k.copy)), "%s", quote(string(k.p)))
		}
	}
}

func appendLeavesTheEnvelope(c *codecCase) {
	first, second := c.all(), c.all()
	for i, s := range first {
		for _, f := range forms {
			c.append(nil, s, f)
			c.expect(fmt.Sprintf("Append %s, %v form, look at the envelope", s.name, f), second[i].env, s.env)
		}
	}
}

func errBinaryLeavesDst(c *codecCase) {
	refused := false
	for _, b := range blobs {
		for _, s := range c.carriers(b.name, b.value, true) {
			const before = "what was there"
			dst := append(make([]byte, 0, 1<<16), before...)
			_, err := c.append(dst, s, codec.Text)
			called := "Append " + s.name + ", text form"
			switch {
			case err == nil:
				continue
			case !errors.Is(err, codec.ErrBinary):
				c.fail(called, fmt.Sprintf("no error, or %q", codec.ErrBinary), "the error %q", err)
			case string(dst) != before:
				c.fail(called+", look at dst", fmt.Sprintf("%q", before), "%q", dst)
			}
			refused = true
			p, err := c.append(dst, s, codec.Binary)
			if err != nil || !bytes.HasPrefix(p, []byte(before)) {
				c.fail(called+", then binary form", "no error", "the error %v", err)
			}
			c.expect(called+", then binary form, Parse", s.env, c.read(called, p[len(before):], codec.Binary))
		}
	}
	if !refused {
		c.Skip("the text form carries all bytes: it never returns ErrBinary")
	}
}

func deepDataIsAnError(c *codecCase) {
	nested := func(depth int) codec.Value {
		var tree any = "the core"
		for i := range depth {
			if i%2 == 0 {
				tree = []any{tree}
			} else {
				tree = codec.Object{{Key: "k", Value: tree}}
			}
		}
		return codec.FromTree(tree)
	}
	for _, s := range c.carriers("50 levels", nested(50), false) {
		c.roundTrip(s)
	}
	for _, depth := range []int{codec.MaxDepth + 1, 10 * codec.MaxDepth, 100_000} {
		value := nested(depth)
		for _, env := range []codec.Envelope{
			{Type: codec.ServerSideEmitResponse, RequestID: "1", Value: value},
			{Type: codec.BroadcastAck, RequestID: "1", Value: value},
			{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: []codec.Socket{{ID: "s", Data: value}}},
		} {
			env.UID, env.NSP = sampleUID, "/"
			for _, f := range forms {
				s := sample{name: fmt.Sprintf("%v of %d levels", env.Type, depth), env: &env}
				if p, err := c.append(nil, s, f); err == nil {
					c.fail(fmt.Sprintf("Append %s, %v form", s.name, f), "an error", "none, but %s", quote(strings.ToValidUTF8(string(p), "?")))
				}
			}
		}
	}
}

func nonceTellsEqualMessagesApart(c *codecCase) {
	for _, s := range append(c.samples(), c.references()...) {
		for _, f := range forms {
			seen := make(map[string]uint64)
			for nonce := range uint64(4) {
				env := *s.env
				env.Nonce = nonce
				p, ok := c.write(sample{s.name, &env, s.binary}, f)
				if !ok {
					continue
				}
				called := fmt.Sprintf("Append %s, %v form, with Nonce %d", s.name, f, nonce)
				if other, ok := seen[string(p)]; ok {
					c.fail(called, fmt.Sprintf("other bytes than with Nonce %d", other), "%s again", quote(string(p)))
				}
				seen[string(p)] = nonce
				c.expect(called+", Parse", s.env, c.read(called, p, f))
			}
		}
	}
}
