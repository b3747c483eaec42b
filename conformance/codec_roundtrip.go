package conformance

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var roundTripChecks = []check[*codecCase]{
	{"EveryTypeRoundTrips", "What Append wrote in either form, Parse reads again: every type, with all of its fields and with none but those " +
		"it cannot be without. Nodes speak to each other in no other way.", everyTypeRoundTrips},
	{"FlagsRoundTrip", "Flags arrive as they were sent, and those that are not set arrive as not set: compress has three states, a timeout of 0 " +
		"is the receiver's default.", flagsRoundTrip},
	{"NobodyIsNeverEverybody", "A message to nobody (Opts.Nobody) is refused, best with ErrNobody, or read as one to nobody again. Written without rooms it " +
		"would disconnect everybody.", nobodyIsNeverEverybody},
	{"HeadersRoundTrip", "The header holds any text, and may lack the namespace: the receiver then takes it from the channel. Namespaces are " +
		"chosen by remote clients.", headersRoundTrip},
	{"ReferencesRoundTrip", "With an AttachmentID the envelope is a reference: it has a header and no data, whatever the type, and its id is text, also " +
		"if it looks like a number. The AttachmentKey stands in the reference and in the message that is stored: it tells a row that was replaced.", referencesRoundTrip},
}

var dataChecks = []check[*codecCase]{
	{"TextRoundTrips", "All of Unicode arrives as it was sent, NUL included, wherever users put it. Users write in all languages.", textRoundTrips},
	{"NumbersRoundTrip", "A number arrives as the same number: exactly if it is an integer below 2^53, else as exactly as a float64 says it. " +
		"Ids of other systems are such integers.", numbersRoundTrip},
	{"ShapesRoundTrip", "Null, false, 0, \"\", [] and {} are six different values, and stay where they are. Programs tell them apart.", shapesRoundTrip},
	{"LargeDataRoundTrips", "Data of any size arrives whole: long texts, long lists, objects with many keys. Lengths are written in " +
		"different ways when they grow.", largeDataRoundTrips},
	{"BytesRoundTrip", "The binary form carries bytes at any depth, and bytes stay bytes; the text form does so too, or refuses them with ErrBinary. " +
		"Bytes that come out as text, or as an object, are a broken image at the client.", bytesRoundTrip},
	{"ForwardedDataIsKept", "What one node parsed it can send on, in either form: data stays encoded on its way through. A message that came from the " +
		"store as binary may go out as text.", forwardedDataIsKept},
	{"ParsedDataDecodes", "Args and Value of a parsed envelope decode into Go's types. That is what a program finally does with them.", parsedDataDecodes},
}

func everyTypeRoundTrips(c *codecCase) {
	for _, s := range c.samples() {
		c.roundTrip(s)
	}
}

func flagsRoundTrip(c *codecCase) {
	yes, no := true, false
	for _, volatile := range []bool{true, false} {
		for _, single := range []bool{true, false} {
			for _, compress := range []*bool{nil, &yes, &no} {
				for _, timeout := range []time.Duration{0, time.Millisecond, 5 * time.Second, 24 * time.Hour} {
					flags := codec.Flags{Volatile: volatile, Compress: compress, Timeout: timeout, ExpectSingleResponse: single}
					env := &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: c.args("e"), Opts: codec.Opts{Flags: flags}}
					c.roundTrip(sample{name: fmt.Sprintf("BROADCAST with flags %+v", flags), env: env})
				}
			}
		}
	}
}

func nobodyIsNeverEverybody(c *codecCase) {
	for _, env := range []codec.Envelope{
		{Type: codec.Broadcast, Args: c.args("e")},
		{Type: codec.SocketsJoin, Rooms: []string{"r"}},
		{Type: codec.SocketsLeave, Rooms: []string{"r"}},
		{Type: codec.DisconnectSockets, Close: true},
		{Type: codec.FetchSockets, RequestID: "1"},
	} {
		env.UID, env.NSP, env.Opts = sampleUID, "/", codec.Opts{Nobody: true, Except: []string{"an exception"}}
		for _, f := range forms {
			s := sample{name: env.Type.String() + " to nobody", env: &env}
			p, err := c.append(nil, s, f)
			if err != nil {
				continue
			}
			called := fmt.Sprintf("Append %s, %v form", s.name, f)
			if got := c.read(called, p, f); !got.Opts.Nobody {
				c.fail(called+", Parse", "that Append refuses it, or Opts.Nobody", "Opts %+v", got.Opts)
			}
		}
	}
}

func headersRoundTrip(c *codecCase) {
	for _, nsp := range append([]string{"", "/", "/admin", "/user-" + strings.Repeat("9", 300)}, curious...) {
		for _, t := range []codec.Type{codec.Heartbeat, codec.BroadcastClientCount} {
			env := &codec.Envelope{Type: t, UID: sampleUID, NSP: nsp}
			if t == codec.BroadcastClientCount {
				env.RequestID = "r" + nsp
			}
			c.roundTrip(sample{name: fmt.Sprintf("%v of namespace %s", t, quote(nsp)), env: env})
		}
	}
	c.roundTrip(sample{name: "BROADCAST of the emitter", env: &codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, NSP: "/", Args: c.args("e")}})
}

func referencesRoundTrip(c *codecCase) {
	for _, s := range c.references() {
		c.roundTrip(s)
	}
}

// curious are texts that have been trouble somewhere.
var curious = []string{
	" ", "  two spaces ", "\n", "\r\n\t", "\x00", "a\x00b", "\x01\x1f\x7f", `"`, `\`, `\\`, `\u0041`, `'`, "`", "/", "</script>", "<>&", "\u2028\u2029", "{}", "[]", "null",
	"true", "0", "-1", "1e3", "0x10", "undefined", "NaN", "constructor", "type", "uid", "é", "e\u0301", "ß", "\u0130", "日本語", "עברית", "\u202e", "\ufeff", "\ufffd",
	"\ufffe\uffff", "\U0001F389", "\U0001F469\u200D\U0001F4BB", "\U0010ffff", "$1", "%s", "'; DROP TABLE x; --",
}

func textRoundTrips(c *codecCase) {
	for _, s := range append(slices.Clone(curious), "") {
		opts := codec.Opts{Rooms: []string{s, "x"}, Except: []string{s}}
		for _, env := range []codec.Envelope{
			{Type: codec.Broadcast, Opts: opts, Args: c.args(s, s, map[string]any{s: s}), RequestID: "r" + s},
			{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{"x", s}},
			{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: []codec.Socket{{ID: "s" + s, Rooms: []string{s}, Data: c.value(s), Handshake: c.value(map[string]any{s: s})}}},
			{Type: codec.BroadcastAck, RequestID: "1", Value: c.value(s)},
		} {
			env.UID, env.NSP = sampleUID, "/"
			c.roundTrip(sample{name: fmt.Sprintf("%v with the text %s", env.Type, quote(s)), env: &env})
		}
	}
	for _, s := range c.carriers("the text __proto__, not as a key, which some decoders refuse", "__proto__", false) {
		c.roundTrip(s)
	}
	for _, s := range c.carriers("all of Unicode", allText(), false) {
		c.roundTrip(s)
	}
}

func numbersRoundTrip(c *codecCase) {
	const safe = int64(1<<53 - 1)
	numbers := []any{
		0, 1, -1, 23, 24, 31, 32, -32, -33, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535, 65536, 1<<31 - 1, int64(1 << 31), -1 << 31, int64(-1<<31 - 1),
		int64(1<<32 - 1), int64(1 << 32), safe, -safe, safe + 1, -safe - 1, int64(math.MaxInt64), int64(math.MinInt64), uint64(math.MaxUint64),
		0.5, -0.5, 0.1, 1.0 / 3, 1e21, 1e-7, 1e300, -1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, 1.5e9, float32(0.5),
	}
	for _, n := range numbers {
		for _, s := range c.carriers(fmt.Sprintf("the number %v", n), n, false) {
			c.roundTrip(s)
		}
	}
	for _, n := range []int{0, 1, 127, 128, 65535, 65536, math.MaxInt32} {
		env := &codec.Envelope{Type: codec.BroadcastClientCount, UID: sampleUID, NSP: "/", RequestID: "1", ClientCount: n}
		c.roundTrip(sample{name: fmt.Sprintf("BROADCAST_CLIENT_COUNT of %d", n), env: env})
	}
}

func shapesRoundTrip(c *codecCase) {
	shapes := []any{nil, false, 0, "", []any{}, map[string]any{}, true, []any{nil}, []any{nil, nil, 1}, []any{[]any{}, map[string]any{}, []any{[]any{}}},
		map[string]any{"": nil}, map[string]any{"a": []any{}, "b": map[string]any{}, "c": nil, "A": 0}, []string{}, map[string]any{"type": "Buffer"}}
	for i, shape := range shapes {
		for _, s := range c.carriers(fmt.Sprintf("shape %d, %v", i, shape), shape, false) {
			c.roundTrip(s)
		}
	}
	at := time.UnixMilli(1700000000123).UTC()
	for _, when := range []time.Time{at, at.Truncate(time.Second), time.UnixMilli(0).UTC(), time.UnixMilli(-1).UTC(), time.UnixMilli(1 << 40).UTC()} {
		for _, s := range c.carriers("the time "+when.String(), codec.FromTree(when), false) {
			c.roundTrip(s)
		}
	}
}

func largeDataRoundTrips(c *codecCase) {
	for _, n := range []int{15, 16, 31, 32, 255, 256, 65535, 65536, 200000} {
		for _, s := range c.carriers(fmt.Sprintf("a text of %d bytes", n), strings.Repeat("x", n), false) {
			c.roundTrip(s)
		}
	}
	for _, n := range []int{15, 16, 23, 24, 255, 256, 65536} {
		list, object, rooms := make([]any, n), make(map[string]any), make([]string, n)
		for i := range n {
			list[i], rooms[i] = i%3, fmt.Sprint("room ", i)
			if n <= 256 {
				object[fmt.Sprint("key ", i)] = i % 5
			}
		}
		c.roundTrip(c.carriers(fmt.Sprintf("a list of %d", n), list, false)[0])
		c.roundTrip(c.carriers(fmt.Sprintf("an object of %d", len(object)), object, false)[0])
		c.roundTrip(sample{name: fmt.Sprintf("SOCKETS_JOIN of %d rooms", n), env: &codec.Envelope{Type: codec.SocketsJoin, UID: sampleUID, NSP: "/", Rooms: rooms}})
	}
}

// blob is a value with bytes in it.
type blob struct {
	name  string
	value any
}

var blobs = []blob{
	{"some bytes", []byte("\x00\x01\xfe\xff")},
	{"no bytes", []byte{}},
	{"bytes that are text", []byte("text")},
	{"many bytes", []byte(strings.Repeat(allBytes(), 100))},
	{"bytes deep inside", map[string]any{"a": []any{1, map[string]any{"b": []byte{1, 2, 3}, "c": "text"}}}},
	{"bytes twice", []any{[]byte{1}, []byte{2}}},
}

func bytesRoundTrip(c *codecCase) {
	for _, b := range blobs {
		for _, s := range c.carriers(b.name, b.value, true) {
			c.roundTrip(s)
		}
	}
}

func forwardedDataIsKept(c *codecCase) {
	all := c.samples()
	for _, b := range blobs {
		all = append(all, c.carriers(b.name, b.value, true)...)
	}
	for _, s := range all {
		for _, f := range forms {
			p, ok := c.write(s, f)
			if !ok {
				continue
			}
			called := fmt.Sprintf("Append %s, %v form, Parse, Append", s.name, f)
			parsed := sample{s.name, c.read(called, p, f), s.binary}
			for _, g := range forms {
				if q, ok := c.write(parsed, g); ok {
					called := fmt.Sprintf("%s, %v form", called, g)
					c.expect(called+", Parse", s.env, c.read(called, q, g))
				}
			}
		}
	}
}

func parsedDataDecodes(c *codecCase) {
	type user struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}
	want := user{"Ada", []string{"a", "b"}}
	env := &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: c.args("event", want, 7, "text")}
	answer := &codec.Envelope{Type: codec.BroadcastAck, UID: sampleUID, NSP: "/", RequestID: "1", Value: c.value(map[string]any{"image": []byte{0, 1, 2, 255}, "user": want})}
	for _, f := range forms {
		p, _ := c.write(sample{name: "BROADCAST", env: env}, f)
		called := fmt.Sprintf("Append BROADCAST of %+v, 7 and a text, %v form, Parse, Args.Decode", want, f)
		got := c.read(called, p, f)
		var u user
		var n int
		var text string
		err := got.Args.Decode(&u, &n, &text)
		if err != nil || u.Name != want.Name || !slices.Equal(u.Tags, want.Tags) || n != 7 || text != "text" {
			c.fail(called, "the same", "%+v, %d, %q and the error %v", u, n, text, err)
		}
		if p, ok := c.write(sample{"BROADCAST_ACK", answer, true}, f); ok {
			called := fmt.Sprintf("Append BROADCAST_ACK with bytes, %v form, Parse, Value.Decode", f)
			var got struct {
				Image []byte
				User  user
			}
			err := c.read(called, p, f).Value.Decode(&got)
			if err != nil || string(got.Image) != "\x00\x01\x02\xff" || got.User.Name != want.Name {
				c.fail(called, "the same bytes", "%+v and the error %v", got, err)
			}
		}
	}
}
