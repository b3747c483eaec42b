package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var dialectDataChecks = []check[*dialectChecker]{
	{"TextRoundTrips", "dialect.Wire.Append",
		"Text arrives unchanged wherever it is: in data, in the names of events, rooms and sockets, and in the ids " +
			"of requests, in all languages and with control characters. Clients choose most of it.",
		dialectTextRoundTrips},
	{"BytesRoundTrip", "dialect.Wire.Append",
		"Bytes in the data arrive unchanged, wherever they are, or are refused with codec.ErrBinary if the bus " +
			"carries only text. Files and images are ordinary data of Socket.IO.", dialectBytesRoundTrip},
	{"NumbersRoundTrip", "dialect.Wire.Append",
		"A number arrives as the same number, to the last digit: exactly if it is an integer of up to 64 bits, " +
			"otherwise as the same float64. Ids of other systems are such integers.", dialectNumbersRoundTrip},
	{"ShapesRoundTrip", "dialect.Wire.Append",
		"Data arrives in the shape in which it was sent: null, empty lists and objects, keys in their order, times " +
			"to the millisecond.", dialectShapesRoundTrip},
	{"LargeDataRoundTrips", "dialect.Wire.Append",
		"Texts and bytes of any size arrive whole. Append knows no limit of the bus: what is too large is cut or " +
			"stored afterwards.", dialectLargeDataRoundTrips},
	{"ManyRoomsRoundTrip", "codec.Opts",
		"Any number of rooms and exceptions arrives, in the same order. In a large cluster both are lists of " +
			"thousands.", dialectManyRoomsRoundTrip},
}

// textSamples returns messages with a text in every place that can hold any.
func (c *dialectChecker) textSamples(s string) []sample {
	c.Helper()
	one := codec.Opts{Rooms: []string{"s" + s}}
	list := []codec.Envelope{
		{Type: codec.Broadcast, Args: c.data.newArgs("e"+s, s, map[string]any{s: s}),
			Opts: codec.Opts{Rooms: []string{s, "x"}, Except: []string{s}}},
		{Type: codec.Broadcast, Args: c.data.newArgs(s), Opts: codec.Opts{Rooms: []string{s}}},
		{Type: codec.Broadcast, Args: c.data.newArgs("e"), Opts: codec.Opts{Except: []string{s}}, RequestID: "r" + s},
		{Type: codec.SocketsJoin, Opts: codec.Opts{Rooms: []string{s, "x"}}, Rooms: []string{"x", s}},
		{Type: codec.SocketsJoin, Opts: one, Rooms: []string{s}, RequestID: "r" + s},
		{Type: codec.SocketsLeave, Opts: one, Rooms: []string{s}, RequestID: "r" + s},
		{Type: codec.DisconnectSockets, Opts: one, RequestID: "r" + s},
		{Type: codec.FetchSocketsResponse, RequestID: "r" + s, Sockets: []codec.Socket{{ID: "s" + s,
			Rooms: []string{s}, Data: c.data.newValue(s), Handshake: c.data.newValue(map[string]any{s: s})}}},
		{Type: codec.ListSockets, RequestID: "r" + s, Opts: codec.Opts{Rooms: []string{s, "x"}}},
		{Type: codec.ListSocketsResponse, RequestID: "r" + s, Rooms: []string{s, "x"}},
		{Type: codec.ListRoomsResponse, RequestID: "r" + s, Rooms: []string{s, "x"}},
		{Type: codec.SocketRooms, RequestID: "r" + s, Opts: one},
		{Type: codec.SocketRoomsResponse, RequestID: "r" + s, Rooms: []string{s, "x"}},
	}
	all := make([]sample, len(list))
	for i := range list {
		list[i].UID, list[i].NSP = sampleUID, "/"
		all[i] = sample{name: fmt.Sprintf("%v with the text %s (sample %d)", list[i].Type, quote(s), i), env: &list[i]}
	}
	return append(all, c.carriers("the text "+quote(s), s, false)...)
}

func dialectTextRoundTrips(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, s := range append(slices.Clone(trickyTexts), "", "#", "a#", "##", "/", "/chat#", unicodeText(3000)) {
			n.roundTrip(c.textSamples(s)...)
		}
	})
}

func dialectBytesRoundTrip(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, b := range binaryValues {
			n.roundTrip(c.broadcast(b.name, b.value, true))
			n.roundTrip(c.carriers(b.name, b.value, true)...)
		}
	})
}

func dialectNumbersRoundTrip(c *dialectChecker) {
	all := sampleNumbers()
	c.eachBus(func(n *wireNode) {
		n.roundTrip(c.carriers("numbers", codec.FromTree(all), false)...)
		n.roundTrip(c.carriers("numbers next to bytes", codec.FromTree([]any{[]byte{1}, all}), true)...)
		for _, number := range all {
			text, _ := codec.FromTree(number).JSON() // cannot fail
			n.roundTrip(c.broadcast("the number "+string(text), codec.FromTree(number), false))
		}
		for _, text := range numberTexts {
			n.roundTrip(c.broadcast("the number "+text+" as JSON", c.data.rawJSON(text), false))
		}
	})
}

func dialectShapesRoundTrip(c *dialectChecker) {
	values := []any{nil, true, false, []any{}, codec.Object{}, "", []any{nil, []any{nil}, codec.Object{}},
		codec.Object{{Key: "z", Value: nil}, {Key: "a", Value: codec.Object{}}, {Key: "m", Value: []any{}},
			{Key: "10", Value: int64(1)}, {Key: "9", Value: int64(2)}, {Key: "", Value: "empty"}}}
	for _, at := range []string{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z",
		"2024-02-29T12:34:56.789Z", "2038-01-19T03:14:08Z", "9999-12-31T23:59:59.999Z"} {
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			c.Fatalf("conformance: %v", err)
		}
		values = append(values, t)
	}
	deep := any("innermost")
	for i := range 60 {
		if i%2 == 0 {
			deep = []any{deep}
		} else {
			deep = codec.Object{{Key: "k", Value: deep}}
		}
	}
	c.eachBus(func(n *wireNode) {
		for _, v := range append(values, deep) {
			n.roundTrip(c.carriers(brief(v), codec.FromTree(v), false)...)
			n.roundTrip(c.carriers(brief(v)+" next to bytes", codec.FromTree([]any{[]byte{1}, v}), true)...)
		}
		for _, count := range []int{0, 1, 15, 16, 31, 32, 300} {
			s := c.broadcast("", 1, false)
			s.name, s.env.Args = fmt.Sprintf("BROADCAST with %d arguments", count),
				c.data.newArgs("event", make([]any, count)...)
			n.roundTrip(s)
		}
	})
}

func dialectLargeDataRoundTrips(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, size := range append(slices.Clone(dataSizes), 1<<20, c.scale(1<<20, 16<<20)) {
			n.roundTrip(c.broadcast(fmt.Sprintf("a text of %d bytes", size), asciiText(size), false),
				c.broadcast(fmt.Sprintf("a Unicode text of %d bytes", size), unicodeText(size), false),
				c.broadcast(fmt.Sprintf("%d bytes", size), randomBytes(size), true))
		}
	})
}

func dialectManyRoomsRoundTrip(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, count := range []int{2, 15, 16, 17, 31, 32, 255, 256, 5000, c.scale(66_000, 300_000)} {
			names := make([]string, count)
			for i := range names {
				names[i] = fmt.Sprint("room ", i)
			}
			for what, opts := range map[string]codec.Opts{"rooms": {Rooms: names}, "exceptions": {Except: names}} {
				s := c.broadcast("", 1, false)
				s.name, s.env.Opts = fmt.Sprintf("BROADCAST with %d %s", count, what), opts
				n.roundTrip(s)
			}
		}
	})
}
