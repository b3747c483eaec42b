package parser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

func TestAttachmentsTakeTheirPlaces(t *testing.T) {
	for _, c := range []struct {
		messages []message
		typ      parser.Type
		id       int64
		want     any
	}{
		{[]message{`51-["a",{"_placeholder":true,"num":0}]`, []byte{1, 2}}, parser.Event, parser.NoID,
			[]any{"a", []byte{1, 2}}},
		{[]message{`51-/admin,7["a",{"num":0.0,"_placeholder":true,"more":{}}]`, []byte{}}, parser.Event, 7,
			[]any{"a", []byte{}}},
		{[]message{`51-["a",{"_placeholder":true,"num":0}]`, []byte(nil)}, parser.Event, parser.NoID,
			[]any{"a", []byte{}}},
		{[]message{`501-[3,{"x":[{"_placeholder":true,"num":-0}],"y":1.5,"_placeholder":false}]`, []byte{1}},
			parser.Event, parser.NoID,
			[]any{int64(3), codec.Object{{Key: "x", Value: []any{[]byte{1}}}, {Key: "y", Value: 1.5},
				{Key: "_placeholder", Value: false}}}},
		{[]message{`62-1[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`, []byte{1}, []byte{2}},
			parser.Ack, 1, []any{[]byte{2}, []byte{1}}},
		{[]message{`51-["a",{"__proto__":{"_placeholder":true,"num":0}}]`, []byte{1}}, parser.Event, parser.NoID,
			[]any{"a", codec.Object{{Key: "__proto__", Value: []byte{1}}}}},
		{[]message{`51-["a",{"a":{"_placeholder":true,"_placeholder":false},"b":{"_placeholder":true,"num":5,"num":0}}]`, []byte{1}}, parser.Event, parser.NoID,
			[]any{"a", codec.Object{{Key: "a", Value: codec.Object{{Key: "_placeholder", Value: true},
				{Key: "_placeholder", Value: false}}}, {Key: "b", Value: []byte{1}}}}},
		// An attachment may have several places or none, as in Node.js's decoder.
		{[]message{`51-["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":0}]}]`, []byte{1, 2}},
			parser.Event, parser.NoID,
			[]any{"a", []byte{1, 2}, codec.Object{{Key: "b", Value: []any{[]byte{1, 2}}}}}},
		{[]message{`62-1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, []byte{}, []byte{2}},
			parser.Ack, 1, []any{[]byte{}, []byte{}}},
		{[]message{`52-["a",{"_placeholder":true,"num":1}]`, []byte{1}, []byte{2}}, parser.Event, parser.NoID,
			[]any{"a", []byte{2}}},
		{[]message{`51-["a",{"_placeholder":1,"num":0}]`, []byte{1}}, parser.Event, parser.NoID,
			[]any{"a", codec.Object{{Key: "_placeholder", Value: int64(1)}, {Key: "num", Value: int64(0)}}}},
		{[]message{`51-["a"]`, []byte{1}}, parser.Event, parser.NoID, []any{"a"}},
	} {
		var d parser.Decoder
		p, err := decode(t, &d, c.messages...)
		require.NoError(t, err, "%q", c.messages)
		tree, err := p.Data.Tree()
		require.NoError(t, err)
		assert.Equal(t, c.want, tree, "%q", c.messages)
		assert.Equal(t, c.typ, p.Type, "%q: the type must be that of a packet without attachments", c.messages)
		assert.Equal(t, c.id, p.ID, "%q", c.messages)
		if p.Type == parser.Event {
			a, err := p.Args()
			require.NoError(t, err)
			assert.Equal(t, p.Data, a.Value())
		}
		p, err = decode(t, &d, `2["next"]`)
		require.NoError(t, err, "the decoder must be ready for another packet")
		assert.Equal(t, `["next"]`, p.Data.String())
	}
}

// placeholders returns an event that refers to n attachments.
func placeholders(n int) []message {
	var list strings.Builder
	all := []message{nil}
	for i := range n {
		fmt.Fprintf(&list, `,{"_placeholder":true,"num":%d}`, i)
		all = append(all, make([]byte, 100))
	}
	all[0] = fmt.Sprintf(`5%d-["a"%s]`, n, list.String())
	return all
}

func TestNumberOfAttachmentsIsLimited(t *testing.T) {
	for limit, most := range map[int]int{0: 10, 1: 1, 200: 200, -1: 0} {
		d := parser.Decoder{MaxAttachments: limit}
		if most > 0 {
			_, err := decode(t, &d, placeholders(most)...)
			require.NoError(t, err, "MaxAttachments %d itself must be allowed", limit)
		}
		_, err := d.Text([]byte(placeholders(most + 1)[0].(string)))
		require.ErrorIs(t, err, parser.ErrMalformed, "MaxAttachments %d", limit)
	}
}

func TestBytesOfAPacketAreLimited(t *testing.T) {
	all := placeholders(3)
	size := len(all[0].(string)) + 300
	d := parser.Decoder{MaxBytes: size}
	_, err := decode(t, &d, all...)
	require.NoError(t, err, "MaxBytes itself must be allowed")

	d = parser.Decoder{MaxBytes: size - 1}
	_, err = decode(t, &d, all...)
	require.ErrorIs(t, err, parser.ErrMalformed)
	assert.False(t, d.Pending(), "nothing of a refused packet must be kept")

	d = parser.Decoder{MaxBytes: size - 200}
	_, err = decode(t, &d, all[:3]...)
	require.ErrorIs(t, err, parser.ErrMalformed,
		"the first attachment beyond the limit must be refused, not only the last one")

	d = parser.Decoder{MaxBytes: 10}
	_, err = decode(t, &d, all[0])
	require.ErrorIs(t, err, parser.ErrMalformed, "the text must count too")
	p, err := decode(t, &d, `2["a","a text without attachments is not held, so it has the limit of messages"]`)
	require.NoError(t, err)
	assert.NotNil(t, p)
}

func TestRefusedPacketLeavesNothing(t *testing.T) {
	var d parser.Decoder
	_, err := decode(t, &d, `51-["a",{"_placeholder":true,"num":0}]`, `2["a"]`)
	require.Error(t, err)
	_, err = d.Binary([]byte{1})
	require.ErrorIs(t, err, parser.ErrMalformed, "the decoder must no longer wait for attachments")
}

// An attachment that is named often must not become larger than what a client may send.
func TestPlacesOfAnAttachmentAreLimited(t *testing.T) {
	named := func(times int) string {
		return `51-["a"` + strings.Repeat(`,{"_placeholder":true,"num":0}`, times) + "]"
	}
	_, err := decode(t, new(parser.Decoder), named(10), []byte{1})
	require.NoError(t, err, "MaxAttachments itself must be allowed")
	_, err = decode(t, new(parser.Decoder), named(11), []byte{1})
	require.ErrorIs(t, err, parser.ErrLimit, "places must be limited, because each becomes an attachment when the "+
		"event is sent on")

	size := len(named(3)) + 3*1000
	p, err := decode(t, &parser.Decoder{MaxBytes: size}, named(3), make([]byte, 1000))
	require.NoError(t, err, "MaxBytes itself must be allowed")
	args, err := p.Args()
	require.NoError(t, err)
	var one, two []byte
	require.NoError(t, args.Decode(&one, &two))
	one[0] = 1
	require.Zero(t, two[0], "a change to one copy must not change the other")
	_, err = decode(t, &parser.Decoder{MaxBytes: size - 1}, named(3), make([]byte, 1000))
	require.ErrorIs(t, err, parser.ErrLimit)
}

// docs/reference/socketio.md states these numbers.
func TestDepthIsLimited(t *testing.T) {
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for form, most := range map[string]int{`2["a",%s]`: 96, `31[%s]`: 95, `0{"a":%s}`: 95} {
		_, err := decode(t, new(parser.Decoder), fmt.Sprintf(form, nested(most)))
		require.NoError(t, err, "the limit itself must be allowed: %s", form)
		_, err = decode(t, new(parser.Decoder), fmt.Sprintf(form, nested(most+1)))
		require.ErrorIs(t, err, codec.ErrDepth, form)
	}
}
