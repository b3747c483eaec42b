package parser_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// Node.js must decode the output of the Go encoder to the same packet, and encode that packet to the same
// bytes. The Go decoder must decode those bytes to the same packet.
func TestNodeEncodesTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	packets := make([]*parser.Packet, 3000)
	var requests [][]byte
	for i := range packets {
		packets[i] = randomPacket(random)
		text, attachments, err := parser.Encoder(0).Encode(packets[i])
		require.NoError(t, err, say(packets[i]))
		requests = append(requests, marked(t, list(messages(text, attachments))), request(t, packets[i]))
	}
	answers := node(t, requests)
	for i, p := range packets {
		text, attachments, err := parser.Encoder(0).Encode(p)
		require.NoError(t, err)
		require.Equal(t, list(messages(text, attachments)), unmark(t, answers[2*i+1]),
			"Node.js must encode the packet to the same messages: %s", say(p))
		require.Equal(t, understood(t, p), plain(unmark(t, answers[2*i])),
			"Node.js must decode the messages to the same packet: %q", text)

		d := parser.Decoder{}
		again, err := decode(t, &d, messages(text, attachments)...)
		require.NoError(t, err, "%q", text)
		require.Equal(t, understood(t, p), understood(t, again), "%q", text)
	}
}

// Node.js must refuse everything that the Go decoder refuses, with the few exceptions in stricter, which no
// client sends. Both must decode accepted packets to the same values.
func TestNodeAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	texts := edges()
	var good []string
	for _, text := range texts {
		if _, err := decodeAll([]byte(text), nil); err == nil {
			good = append(good, text)
		}
	}
	for len(texts) < 20_000 {
		if text := mutated(random, good[random.IntN(len(good))]); utf8.ValidString(text) && len(text) < 1000 {
			texts = append(texts, text)
		}
	}
	var requests [][]byte
	for _, text := range texts {
		requests = append(requests, marked(t, list(exchange(text))))
	}
	accepted := 0
	for i, answer := range node(t, requests) {
		text := texts[i]
		p, err := decodeAll([]byte(text), []byte{1, 2})
		refused := strings.HasPrefix(string(answer), `{"error"`)
		if err != nil {
			assert.True(t, refused || stricter(text, err), "%.200q is refused here (%v), but not by Node.js: %.200s",
				text, err, answer)
			continue
		}
		accepted++
		// no JavaScript number is exact here
		if assert.False(t, refused, "%.200q is accepted here, but refused by Node.js: %s", text, answer) &&
			p.ID != parser.UnknownID {
			assert.Equal(t, understood(t, p), plain(unmark(t, answer)), "%.200q", text)
		}
	}
	assert.Greater(t, accepted, len(texts)/10, "number of texts that both accept")
	assert.Less(t, accepted, len(texts)*9/10, "number of texts that both accept")
}

// exchange is a text and the attachments that it announces.
func exchange(text string) []message {
	all := []message{text}
	var d parser.Decoder
	for _, _ = d.Text([]byte(text)); d.Pending(); _, _ = d.Binary([]byte{1, 2}) {
		all = append(all, []byte{1, 2})
	}
	return all
}

// stricter reports whether err is one that only the Go decoder returns.
func stricter(text string, err error) bool {
	var e *parser.Error
	if !errors.As(err, &e) {
		return false
	}
	header, _, _ := strings.Cut(strings.NewReplacer("{", "[", `"`, "[").Replace(text), "[")
	// the name of a namespace may contain such characters
	if i := strings.LastIndexByte(text, ','); strings.Contains(header, "/") && i > len(header) {
		header = text
	}
	space := strings.ContainsFunc(header, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
	switch e.Reason {
	case "unknown packet type": // JavaScript's Number("") and Number(" ") are 0
		return text == "" || space
	case "no payload", "no acknowledgement id": // the protocol requires them
		return true
	case "illegal acknowledgement id": // no JavaScript number could name the id in an acknowledgement
		return true
	case "illegal number of attachments": // "0x1" and "1e0" are numbers to JavaScript
		return true
	case "illegal attachments": // the number is not an integer, such as 0.5
		return true
	case "too many places of attachments":
		return true
	case "invalid payload": // an event named 1e999, data that is too deep, or white space, which is 0 in JavaScript
		return errors.Is(err, codec.ErrDepth) || space || strings.Contains(err.Error(), "must be a string or a number")
	}
	return false
}

var pieces = []string{"[", "]", "{", "}", `"`, ",", ":", "-", "/", "0", "1", "9", "5", "6", " ", "\t", ".", "e", "\\",
	"\\u00e9", "é", "null", "true", "false", `"a"`,
	`["a"]`, `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`, `"_placeholder"`, "/admin,", "12", "1e3",
	"connect", "\u2028", "\ufeff", "\x00", "\x7f"}

// mutated returns text with a few changes.
func mutated(random *rand.Rand, text string) string {
	for range 1 + random.IntN(2) {
		i := random.IntN(len(text) + 1)
		switch piece := pieces[random.IntN(len(pieces))]; random.IntN(3) {
		case 0:
			text = text[:i] + piece + text[i:]
		case 1:
			text = text[:i] + piece + text[min(len(text), i+1):]
		default:
			text = text[:i] + text[min(len(text), i+1+random.IntN(3)):]
		}
	}
	return text
}

func randomPacket(random *rand.Rand) *parser.Packet {
	p := &parser.Packet{Namespace: "/", ID: parser.NoID}
	if random.IntN(2) == 0 {
		p.Namespace = []string{"/admin", "/a?b=c", "/ü/1"}[random.IntN(3)]
	}
	g := generator{random, random.IntN(11)}
	switch p.Type = parser.Type('0' + random.IntN(5)); p.Type {
	case parser.Connect, parser.ConnectError:
		g.bytes = 0
		p.Data = codec.FromTree(g.object(3))
	case parser.Disconnect:
	case parser.Event:
		var name any = g.text()
		if random.IntN(10) == 0 {
			name = int64(random.IntN(1000))
		}
		p.Data = codec.FromTree(slices.Concat([]any{name}, g.array(4)))
	case parser.Ack:
		p.Data = codec.FromTree(g.array(4))
	}
	if p.Type == parser.Ack || p.Type == parser.Event && random.IntN(2) == 0 {
		p.ID = random.Int64N(1 << uint(1+random.IntN(53)))
	}
	if g.bytes > 0 && p.Data.Encoding() == nil && !p.Data.IsNull() {
		// no error: the packet has no attachments
		if text, err := p.Data.AppendJSON(nil); err == nil && random.IntN(2) == 0 {
			p.Data = codec.Raw(codec.JSON, text)
		}
	}
	return p
}

// generator makes random trees with a bounded number of bytes.
type generator struct {
	random *rand.Rand
	bytes  int
}

func (g *generator) value(depth int) any {
	switch n := g.random.IntN(12); {
	case n == 0:
		return nil
	case n == 1:
		return g.random.IntN(2) == 0
	case n == 2:
		return g.random.Int64N(1<<53) - 1<<52
	case n == 3:
		return []float64{0.5, -1e-7, 1e21, 123456.789, 5e-324, 1.7976931348623157e308}[g.random.IntN(6)]
	case n < 7 || depth == 0:
		if g.bytes > 0 && g.random.IntN(2) == 0 {
			g.bytes--
			return []byte(g.text())
		}
		return g.text()
	case n < 9:
		return g.array(depth - 1)
	}
	return g.object(depth - 1)
}

func (g *generator) array(depth int) []any {
	out := make([]any, g.random.IntN(4))
	for i := range out {
		out[i] = g.value(depth)
	}
	return out
}

func (g *generator) object(depth int) codec.Object {
	out := codec.Object{}
	for _, i := range g.random.Perm(len(keys))[:g.random.IntN(4)] {
		m := codec.Member{Key: keys[i], Value: g.value(depth)}
		if m.Key == "_placeholder" && m.Value == true {
			m.Value = false // Encode refuses true together with bytes
		}
		out = append(out, m)
	}
	return out
}

var keys = []string{"a", "b", "num", "_placeholder", "", "ключ", "\u2028", "a\"\\\n", "constructor",
	"hasOwnProperty", "toJSON", "toString"}

func (g *generator) text() string {
	var b strings.Builder
	for range g.random.IntN(6) {
		b.WriteString([]string{"a", "hello", "\"", "\\", "\x00", "\n", "\x1f", "é", "\u2028", "😀", "\ufffd",
			"\u007f", "/", ",", "<"}[g.random.IntN(15)])
	}
	return b.String()
}
