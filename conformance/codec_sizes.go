package conformance

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var codecSizeChecks = []check[*codecChecker]{
	{"LargeDataRoundTrips", "codec.Codec",
		"Texts and bytes of any size arrive whole. The encoding of lengths changes as they grow, and buffers end.",
		largeDataRoundTrips},
	{"LongListsRoundTrip", "codec.Codec",
		"Lists, objects and the arguments of an event arrive whole and in order, however many there are.",
		longListsRoundTrip},
	{"ManyRoomsRoundTrip", "codec.Opts",
		"Any number of rooms, exceptions and sockets arrives, in the same order: in a large cluster all three " +
			"are lists of thousands.", manyRoomsRoundTrip},
}

// asciiText returns n bytes of text that does not repeat itself.
func asciiText(n int) string {
	p := make([]byte, 0, n+8)
	for i := 0; len(p) < n; i++ {
		p = append(strconv.AppendInt(p, int64(i), 36), '.')
	}
	return string(p[:n])
}

// unicodeText returns about n bytes of text with characters of all lengths, and some that must be escaped.
func unicodeText(n int) string {
	parts := []string{"a", "é", "日", "\U0001F389", `"`, "\\", "\n", "\x00", "</", "\u2028"}
	random := rand.New(rand.NewPCG(3, uint64(n))) // the same in each run
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(parts[random.IntN(len(parts))])
	}
	return b.String()
}

// randomBytes returns n bytes.
func randomBytes(n int) []byte {
	random := rand.New(rand.NewPCG(4, uint64(n))) // the same in each run
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(random.Uint32())
	}
	return p
}

// dataSizes are the sizes at which the encoding of lengths changes or buffers end.
var dataSizes = []int{0, 1, 2, 3, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511,
	512, 513, 700, 1000, 1023, 1024, 1025, 1500, 2047, 2048, 2049, 3000, 4095, 4096, 4097,
	6000, 8000, 8191, 8192, 8193, 12_000, 16_383, 16_384, 16_385, 24_000, 32_767, 32_768, 32_769, 50_000, 65_534,
	65_535, 65_536, 65_537}

// listSizes are such sizes of lists and objects.
var listSizes = []int{15, 16, 17, 23, 24, 31, 32, 33, 100, 127, 128, 200, 255, 256, 257, 500, 1000, 1024, 2000, 4096,
	5000}

func largeDataRoundTrips(c *codecChecker) {
	for _, n := range dataSizes {
		all := append(c.carriers(fmt.Sprintf("a text of %d bytes", n), asciiText(n), false),
			c.carriers(fmt.Sprintf("%d bytes", n), randomBytes(n), true)...)
		c.roundTrip(append(all, c.carriers(fmt.Sprintf("a Unicode text of %d bytes", n), unicodeText(n), false)...)...)
	}
	for _, n := range []int{100_000, 1 << 20, c.scale(1<<20+1, 17<<20)} {
		text, bytes := c.carriers(fmt.Sprintf("a text of %d bytes", n), asciiText(n), false),
			c.carriers(fmt.Sprintf("%d bytes", n), randomBytes(n), true)
		if n > 1<<20 {
			text = text[:2]
		}
		if n > 100_000 { // in JSON, which a FETCH_SOCKETS_RESPONSE uses, bytes need four times as much
			bytes = bytes[:2]
		}
		c.roundTrip(append(text, bytes...)...)
		c.roundTrip(c.ackSample(fmt.Sprintf("a Unicode text of %d bytes", n), c.newValue(unicodeText(n))))
	}
}

func longListsRoundTrip(c *codecChecker) {
	for _, n := range listSizes {
		c.listsRoundTrip(n, n <= 1024)
	}
	for _, n := range []int{10_000, 30_000, 65_535, 65_536, c.scale(100_000, 2_000_000)} {
		c.listsRoundTrip(n, false)
	}
}

// listsRoundTrip tries lists and objects with n elements: in all types that carry data if everywhere is true.
func (c *codecChecker) listsRoundTrip(n int, everywhere bool) {
	c.Helper()
	list, object := make([]any, n), make(codec.Object, n)
	for i := range n {
		list[i], object[i] = int64(i%300), codec.Member{Key: "key " + strconv.Itoa(i), Value: int64(i % 300)}
	}
	for name, tree := range map[string]any{"a list": list, "an object": object} {
		name = fmt.Sprintf("%s of %d", name, n)
		text, err := codec.FromTree(tree).JSON()
		if err != nil {
			c.Fatalf("conformance: %s as JSON: %v", name, err)
		}
		all := c.carriers(name, codec.Raw(codec.JSON, text), false)
		if everywhere {
			all = append(all, c.carriers(name+" as a tree", codec.FromTree(tree), false)...)
		} else {
			all = all[:1]
		}
		c.roundTrip(append(all, carriersOf(name+" next to bytes", codec.FromTree([]any{[]byte{1}, tree, "after it"}),
			true)[0])...)
	}
	c.roundTrip(c.ackSample(fmt.Sprintf("%d other arguments", n),
		c.newValue("the first").WithRest(codec.FromTree(list))))
	env := &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: c.newArgs("event", list...)}
	c.roundTrip(sample{name: fmt.Sprintf("BROADCAST of %d arguments", n), env: env})
}

func manyRoomsRoundTrip(c *codecChecker) {
	for _, n := range append([]int{0, 1, 2, 3, 10_000, c.scale(65_536, 300_000)}, listSizes...) {
		rooms, sockets := make([]string, n), make([]codec.Socket, n)
		for i := range n {
			rooms[i] = "room " + strconv.Itoa(i)
			sockets[i] = codec.Socket{ID: "socket " + strconv.Itoa(i), Rooms: rooms[i : i+1]}
		}
		few := []string{"a", "b"}
		all := []codec.Envelope{
			{Type: codec.SocketsJoin, Rooms: rooms},
			{Type: codec.DisconnectSockets, Opts: codec.Opts{Except: rooms}},
			{Type: codec.Broadcast, Args: c.newArgs("e"), Opts: codec.Opts{Rooms: rooms, Except: few}},
			{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: sockets},
			{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: []codec.Socket{{ID: "s", Rooms: rooms}}},
			{Type: codec.SocketsLeave, Rooms: rooms, Opts: codec.Opts{Rooms: few, Except: few}},
			{Type: codec.FetchSockets, RequestID: "1", Opts: codec.Opts{Rooms: few, Except: rooms}},
			{Type: codec.DisconnectSockets, Opts: codec.Opts{Rooms: rooms}},
		}
		if n > 10_000 {
			all = all[:5]
		}
		for _, env := range all {
			env.UID, env.NSP = sampleUID, "/"
			c.roundTrip(sample{name: fmt.Sprintf("%v with %d rooms, exceptions or sockets", env.Type, n), env: &env})
		}
	}
	for _, n := range dataSizes { // the length of a name
		name := []string{asciiText(n), unicodeText(n)}
		opts := codec.Opts{Rooms: name, Except: name}
		env := &codec.Envelope{Type: codec.SocketsJoin, UID: sampleUID, NSP: "/", Rooms: name, Opts: opts}
		c.roundTrip(sample{name: fmt.Sprintf("SOCKETS_JOIN with rooms of %d bytes", n), env: env})
		env = &codec.Envelope{Type: codec.FetchSocketsResponse, UID: sampleUID, NSP: "/", RequestID: "1",
			Sockets: []codec.Socket{{ID: name[0], Rooms: name}}}
		c.roundTrip(sample{name: fmt.Sprintf("FETCH_SOCKETS_RESPONSE with an id and rooms of %d bytes", n), env: env})
		env = &codec.Envelope{Type: codec.ServerSideEmit, UID: sampleUID, NSP: "/",
			Args: c.newArgs(name[0], map[string]any{name[0]: 1})}
		c.roundTrip(sample{name: fmt.Sprintf("SERVER_SIDE_EMIT with an event and a key of %d bytes", n), env: env})
	}
}
