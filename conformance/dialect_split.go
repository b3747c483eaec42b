package conformance

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

var splitChecks = []check[*dialectChecker]{
	{"PiecesFitTheBus", "dialect.Splitter.Split",
		"Split appends to dst and says where each piece ends. No piece is empty or has more bytes than the limit, " +
			"and pieces suit the bus as payloads do. One piece that does not fit loses the whole message.",
		piecesFitTheBus},
	{"PiecesAreJoined", "dialect.Splitter.Split",
		"Parse returns nothing for each piece but the last, and then the message as it was sent.", piecesAreJoined},
	{"InterleavedPiecesAreJoined", "dialect.Splitter.Split",
		"Pieces of several messages and senders, and whole messages between them, do not disturb each other. Every " +
			"node sends when it has something to send.", interleavedPiecesAreJoined},
	{"LostPiecesBlockNothing", "dialect.Splitter.Split",
		"A message without one of its pieces is never delivered, and later messages of the same sender are. A node " +
			"that has just begun to listen has missed pieces.", lostPiecesBlockNothing},
	{"ShuffledPiecesNeverMix", "dialect.Splitter.Split",
		"Pieces that come in another order, or twice, make the message that was sent, once, or nothing. They never " +
			"make another message.", shuffledPiecesNeverMix},
	{"PiecesKeepLittleMemory", "dialect.Wire.Parse",
		"What Parse keeps of messages that never become complete is bounded. Nodes that die, and anybody who can " +
			"publish, leave such pieces behind.", piecesKeepLittleMemory},
	{"ForeignPiecesAreMalformed", "dialect.Wire.Parse",
		"A piece that was cut or changed is an error that wraps codec.ErrMalformed, or ignored, or the message is " +
			"delivered; Parse never panics, and it does not trust the numbers in a piece.", foreignPiecesAreMalformed},
}

// eachSplitter calls f with a node on each bus that has a limit.
func (c *dialectChecker) eachSplitter(f func(n *wireNode)) {
	c.Helper()
	tried := false
	c.eachBus(func(n *wireNode) {
		if n.options.Limits.Payload == 0 {
			return
		}
		if _, ok := n.wire.(dialect.Splitter); !ok {
			c.Skip("the Wire does not implement dialect.Splitter")
		}
		tried = true
		f(n)
	})
	if !tried {
		c.Skip("no bus of DialectHarness.Limits limits payloads")
	}
}

// large returns messages that do not fit into one payload, with about size bytes of data.
func (n *wireNode) large(size int) (all []sample) {
	n.Helper()
	all = append(all, n.broadcast(fmt.Sprintf("a text of %d bytes", size), asciiText(size), false),
		n.broadcast(fmt.Sprintf("a Unicode text of %d bytes", size), unicodeText(size), false),
		n.broadcast(fmt.Sprintf("%d bytes", size), randomBytes(size), true))
	ids := make([]string, size/20)
	for i := range ids {
		ids[i] = fmt.Sprint("a socket of the node ", i)
	}
	for _, env := range []codec.Envelope{
		{Type: codec.ListSocketsResponse, RequestID: "1", Rooms: ids},
		{Type: codec.CustomRequest, RequestID: "1", Value: n.data.newValue(unicodeText(size))},
		{Type: codec.BroadcastAck, RequestID: "1", Value: n.data.newValue(asciiText(size))},
	} {
		env.UID, env.NSP = sampleUID, "/"
		all = append(all, sample{name: fmt.Sprintf("%v with about %d bytes", env.Type, size), env: &env})
	}
	return slices.DeleteFunc(all, func(s sample) bool { _, ok := n.append(s); return !ok })
}

// split returns the pieces of a sample.
func (n *wireNode) split(s sample, limit int) (pieces [][]byte) {
	n.Helper()
	called := fmt.Sprintf("%s, Split into pieces of at most %d bytes", n.called(s), limit)
	const before = "what was there"
	dst := append(make([]byte, 0, 1<<10), before...)
	var p []byte
	var ends []int
	var err error
	n.data.guardPanic(called, func() { p, ends, err = n.wire.(dialect.Splitter).Split(dst, s.env, limit) })
	if err != nil {
		n.fail(called, "no error, as from Append", "the error %q", err)
	}
	if string(dst) != before || !bytes.HasPrefix(p, []byte(before)) {
		n.fail(called, quote(before)+" followed by the pieces", "%s", quote(string(p)))
	}
	start := len(before)
	for i, end := range ends {
		if end <= start || end > len(p) {
			n.fail(called, "ascending ends within the result", "the ends %v of %d bytes", ends[:i+1], len(p))
		}
		if end-start > limit {
			n.fail(called, fmt.Sprintf("pieces of at most %d bytes", limit), "a piece of %d", end-start)
		}
		if n.options.Limits.Text {
			n.expectText(called, p[start:end])
		}
		pieces = append(pieces, bytes.Clone(p[start:end]))
		start = end
	}
	if start != len(p) {
		n.fail(called, fmt.Sprintf("the last piece to end at %d", len(p)), "%d", start)
	}
	return pieces
}

// deliver parses messages of one channel, and returns the envelopes that come out.
func (n *wireNode) deliver(called string, s sample, messages ...[]byte) (all []*codec.Envelope) {
	n.Helper()
	channel := n.channel(n.route(s.env.NSP, s.env.UID), s)
	for _, p := range messages {
		if env, err := n.parse(called, channel, bytes.Clone(p)); err == nil && env != nil {
			all = append(all, env)
		}
	}
	return all
}

// expectDelivered fails the check unless exactly the message has come out, once.
func (n *wireNode) expectDelivered(called string, s sample, got []*codec.Envelope) {
	n.Helper()
	if len(got) != 1 {
		n.fail(called+", Parse all pieces", "the message once", "%d messages", len(got))
	}
	got[0].Skipped = 0 // a Wire may count what it gave up of earlier messages
	n.expectSame(called+", Parse all pieces", s.env, got[0])
}
