package conformance

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var dataChecks = []check[*codecChecker]{
	{"TextRoundTrips", "codec.Codec",
		"All of Unicode arrives as it was sent, including NUL, wherever users put it. Users write in all " +
			"languages.", textRoundTrips},
	{"ShapesRoundTrip", "codec.Codec",
		"Null, false, 0, \"\", [] and {} are six different values, and stay where they are. Programs tell them " +
			"apart.", shapesRoundTrip},
	{"TimesRoundTrip", "codec.Codec",
		"A time arrives as the same instant, to the millisecond, in the years 1 to 9999, or as its text. " +
			"Birthdays are before 1970, expiry dates after 2038.", timesRoundTrip},
	{"RawDataIsKept", "codec.RawJSON",
		"Data that is already encoded is passed on unchanged: escapes, the order of keys, repeated keys, text " +
			"that looks like something else. Clients depend on all of it.", rawDataIsKept},
	{"BytesRoundTrip", "codec.ErrBinary",
		"The binary form carries bytes at any depth, and bytes stay bytes; the text form does so too, or refuses " +
			"them with ErrBinary. Bytes that become text, or an object, are a broken image at the client.",
		bytesRoundTrip},
	{"NestingRoundTrips", "codec.MaxDepth",
		"A codec carries everything that NewValue and NewArgs accept, however deep. The depth of a client's " +
			"message was accepted before, so the message must not be refused later.", nestingRoundTrips},
	{"DeepDataIsAnError", "codec.MaxDepth",
		"Data that nests deeper than MaxDepth is an error of Append, never a crash or a message that no peer can " +
			"read. Users pass on what their clients sent.", deepDataIsAnError},
}

// trickyTexts are texts that often cause bugs.
var trickyTexts = []string{
	" ", "  two spaces ", "\n", "\r\n\t", "\x00", "a\x00b", "\x01\x1f\x7f", "\b\f\v\x1b", `"`, `\`, `\\`, `\u0041`,
	`'`, "`", "/", "</script>", "<>&", "\u2028\u2029", "{}", "[]", "null",
	"true", "0", "-1", "1e3", "0x10", "undefined", "NaN", "constructor", "type", "uid", "é", "e\u0301", "ß", "\u0130",
	"日本語", "עברית", "\u202e", "\ufeff", "\ufffd",
	"\ufffe\uffff", "\U0001F389", "\U0001F469\u200D\U0001F4BB", "\U0010ffff", "$1", "%s", "'; DROP TABLE x; --",
	"2024-01-02T03:04:05.678Z", "AAEC/w==", "hasOwnProperty",
}

func textRoundTrips(c *codecChecker) {
	for _, s := range append(slices.Clone(trickyTexts), "") {
		opts := codec.Opts{Rooms: []string{s, "x"}, Except: []string{s}}
		for _, env := range []codec.Envelope{
			{Type: codec.Broadcast, Opts: opts, Args: c.newArgs(s, s, map[string]any{s: s}), RequestID: "r" + s},
			{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{"x", s}},
			{Type: codec.FetchSocketsResponse, RequestID: "1",
				Sockets: []codec.Socket{{ID: "s" + s, Rooms: []string{s}, Data: c.newValue(s),
					Handshake: c.newValue(map[string]any{s: s})}}},
			{Type: codec.BroadcastAck, RequestID: "1", Value: c.newValue(s)},
		} {
			env.UID, env.NSP = sampleUID, "/"
			c.roundTrip(sample{name: fmt.Sprintf("%v with the text %s", env.Type, quote(s)), env: &env})
		}
		c.roundTrip(c.carriers("bytes next to the text "+quote(s),
			codec.FromTree([]any{s, codec.Object{{Key: s, Value: []byte(s)}}}), true)...)
	}
	c.roundTrip(c.carriers("the text __proto__, not as a key, which some decoders refuse", "__proto__", false)...)
	c.roundTrip(c.carriers("all of Unicode", allText(), false)...)
}

func shapesRoundTrip(c *codecChecker) {
	shapes := []any{nil, false, 0, "", []any{}, map[string]any{}, true, []any{nil}, []any{nil, nil, 1},
		[]any{[]any{}, map[string]any{}, []any{[]any{}}},
		map[string]any{"": nil}, map[string]any{"a": []any{}, "b": map[string]any{}, "c": nil, "A": 0}, []string{},
		map[string]any{"type": "Buffer"}}
	for i, shape := range shapes {
		c.roundTrip(c.carriers(fmt.Sprintf("shape %d, %v", i, shape), shape, false)...)
		c.roundTrip(c.carriers(fmt.Sprintf("shape %d, %v, next to bytes", i, shape), []any{shape, []byte{1}, shape},
			true)...)
	}
}

func timesRoundTrip(c *codecChecker) {
	for _, second := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1582, 10, 15, 0, 0, 0, 0, time.UTC),
		time.Date(1677, 9, 21, 0, 12, 43, 0, time.UTC), time.Date(1901, 12, 13, 20, 45, 51, 0, time.UTC),
		time.Unix(-1, 0), time.Unix(0, 0), time.Unix(1, 0), time.Unix(1700000000, 0), time.Unix(math.MaxInt32, 0),
		time.Unix(math.MaxInt32+1, 0),
		time.Unix(math.MaxUint32, 0), time.Unix(math.MaxUint32+1, 0), time.Date(2262, 4, 11, 23, 47, 17, 0, time.UTC),
		time.Unix(1<<34-1, 0), time.Unix(1<<34, 0),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		for _, ms := range []time.Duration{0, 1, 120, 500, 999} {
			at := second.UTC().Add(ms * time.Millisecond)
			if y := at.Year(); ms == 120 && y > 1 && y < 9999 { // the same instant in another zone
				at = at.In(time.FixedZone("", []int{5*3600 + 1800, -8 * 3600}[y%2]))
			}
			name := "the time " + at.Format(time.RFC3339Nano)
			all := c.carriers(name, codec.FromTree(at), false)
			c.roundTrip(append(all, c.carriers(name+" next to bytes",
				codec.FromTree([]any{[]byte{1}, codec.Object{{Key: "at", Value: at}}}), true)...)...)
		}
	}
}

// rawTexts is JSON as other programs write it.
var rawTexts = []string{
	`"\u0000"`, `"\/"`, `"\b\f\n\r\t\"\\"`, `"\u00e9\u65E5"`, `"\ud83d\ude00"`, `"\uD83D\uDE00"`, `"\ud800"`,
	`"\udc00x"`, `"\ud800\u0041"`, `"\ud800\ud800\udc00"`, `"\u003c\u2028"`, `"\\u0041"`,
	" [ 1 ,\r\n\t{ \"a\" : [ ] , \"b\" : { } } ] ", `{"":1}`, `{"":{"":""}}`, `{"\u0061":1}`,
	`{"\u0000\/":1,"\ud83d\ude00":2}`, `{"z":1,"a":2,"10":3,"2":4,"-1":5,"":6}`,
	`{"a":1,"a":2}`, `{"a":1,"b":0,"a":1}`, `{"a":1,"\u0061":2,"A":3}`, `[{"a":{"a":[1],"a":[2]},"a":null}]`,
	`{"constructor":1,"toString":null,"length":0,"hasOwnProperty":[]}`,
	`{"uid":"x","type":1,"nsp":"/y","data":{"packet":[]},"attachmentId":"1"}`,
	`{"$date":1700000000000,"$binary":"AA=="}`, `"2024-01-02T03:04:05.678Z"`, `"0001-01-01T00:00:00Z"`,
	`"data:;base64,AAEC/w=="`, `{"_placeholder":true,"num":0}`, `"{\"a\":[1]}"`, `[[],[[]],[[],[]]]`,
	`[0,"0",false,null,"",[],{}]`,
}

func rawDataIsKept(c *codecChecker) {
	for _, text := range rawTexts {
		c.roundTrip(c.carriers("the JSON "+quote(text), c.rawJSON(text), false)...)
		c.roundTrip(c.rawBroadcast(fmt.Sprintf(`[ "event" , %s]`, text)))
	}
	const buffer = `{"type":"Buffer","data":[1,2,255]}` // in sockets it may be bytes, as for Node.js
	c.roundTrip(c.rawBroadcast(`["event",` + buffer + `]`))
	c.roundTrip(c.ackSample("the JSON "+quote(buffer), c.rawJSON(buffer)))
	for name, tree := range map[string]any{
		"keys in another order": codec.Object{{Key: "z", Value: []byte{1}}, {Key: "a", Value: int64(2)},
			{Key: "10", Value: nil}, {Key: "2", Value: nil}},
		"a key that comes twice": []any{codec.Object{{Key: "a", Value: []byte{1}}, {Key: "b", Value: true},
			{Key: "a", Value: "again"}}},
	} {
		c.roundTrip(c.carriers("bytes under "+name, codec.FromTree(tree), true)...)
	}
	// May be refused, but not changed.
	for _, text := range []string{`{"__proto__":{"a":1}}`, `[{"a":1,"\u005f_proto__":null}]`} {
		for _, s := range c.carriers("the JSON "+quote(text), c.rawJSON(text), false) {
			for _, f := range forms {
				if p, err := c.appendSample(nil, s, f); err == nil {
					c.parseBack(s, p, f)
				}
			}
		}
	}
}

// binaryValue is a value that contains bytes.
type binaryValue struct {
	name  string
	value any
}

var binaryValues = []binaryValue{
	{"some bytes", []byte("\x00\x01\xfe\xff")},
	{"no bytes", []byte{}},
	{"bytes that are text", []byte("text")},
	{"many bytes", randomBytes(25_600)},
	{"bytes deep inside", map[string]any{"a": []any{1, map[string]any{"b": []byte{1, 2, 3}, "c": "text"}}}},
	{"bytes twice", []any{[]byte{1}, []byte{2}}},
}

func bytesRoundTrip(c *codecChecker) {
	for _, b := range binaryValues {
		c.roundTrip(c.carriers(b.name, b.value, true)...)
	}
}
