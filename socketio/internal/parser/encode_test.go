package parser_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

func TestEncode(t *testing.T) {
	b := []byte{1, 2}
	for _, c := range []struct {
		packet parser.Packet
		want   []message
	}{
		{parser.Packet{Type: parser.Connect, ID: parser.NoID}, []message{`0`}},
		{parser.Packet{Type: parser.Connect, Namespace: "/", ID: parser.NoID, Data: raw(t, ` {"sid":"a"}`)},
			[]message{`0{"sid":"a"}`}},
		{parser.Packet{Type: parser.Connect, Namespace: "/admin", ID: parser.NoID, Data: raw(t, "null")},
			[]message{`0/admin,`}},
		{parser.Packet{Type: parser.Disconnect, Namespace: "/admin", ID: parser.NoID}, []message{`1/admin,`}},
		{parser.Packet{Type: parser.ConnectError, Namespace: "/a", ID: parser.NoID,
			Data: value(t, map[string]any{"message": "no", "data": b})},
			[]message{`4/a,{"data":{"type":"Buffer","data":[1,2]},"message":"no"}`}},
		{parser.Packet{Type: parser.ConnectError, ID: parser.NoID, Data: value(t, "no")}, []message{`4"no"`}},
		{parser.Packet{Type: parser.Event, Namespace: "/a", ID: 12, Data: raw(t, `["a", {"b":1} ]`)},
			[]message{`2/a,12["a", {"b":1} ]`}},
		{parser.Packet{Type: parser.Event, ID: 0, Data: raw(t, "\n[\"a\"]\n")}, []message{`20["a"]`}},
		{parser.Packet{Type: parser.Ack, ID: 0, Data: raw(t, `[]`)}, []message{`30[]`}},
		{parser.Packet{Type: parser.Ack, Namespace: "/a", ID: 1, Data: value(t, []any{b, nil, []byte{}})},
			[]message{`62-/a,1[{"_placeholder":true,"num":0},null,{"_placeholder":true,"num":1}]`, b, []byte{}}},
		{parser.Packet{Type: parser.BinaryAck, ID: 1, Data: raw(t, `["a"]`)}, []message{`31["a"]`}},
		{parser.Packet{Type: parser.BinaryEvent, ID: parser.NoID, Data: value(t, []any{"a", b})},
			[]message{`51-["a",{"_placeholder":true,"num":0}]`, b}},
		{parser.Packet{Type: parser.Event, ID: parser.NoID,
			Data: value(t, []any{"a", map[string]any{"x": []any{1, b}, "y": []byte{3}}, "z", []byte{4}})},
			[]message{`53-["a",{"x":[1,{"_placeholder":true,"num":0}],"y":{"_placeholder":true,"num":1}},"z",{"_placeholder":true,"num":2}]`, b, []byte{3}, []byte{4}}},
		{parser.Packet{Type: parser.Event, ID: parser.NoID,
			Data: codec.FromTree([]any{"a", codec.Object{{Key: "_placeholder", Value: true}}, math.Inf(1),
				time.UnixMilli(0)})},
			[]message{`2["a",{"_placeholder":true},null,"1970-01-01T00:00:00.000Z"]`}},
	} {
		text, attachments, err := parser.Encoder(0).Encode(&c.packet)
		require.NoError(t, err, say(&c.packet))
		assert.Equal(t, c.want, messages(text, attachments), say(&c.packet))
	}
}

func TestEncodeEvent(t *testing.T) {
	plain, binary := args(t, "a", "b"), args(t, "a", []byte{1})
	offset, attached := value(t, "1-2"), value(t, map[string]any{"x": []byte{2}})
	const hole = `{"_placeholder":true,"num":0}`
	for _, c := range []struct {
		namespace string
		id        int64
		args      codec.Args
		extra     []codec.Value
		want      []message
	}{
		{"/", parser.NoID, plain, nil, []message{`2["a","b"]`}},
		{"/a", 3, plain, nil, []message{`2/a,3["a","b"]`}},
		{"", 3, plain, []codec.Value{offset}, []message{`23["a","b","1-2"]`}},
		{"", parser.NoID, plain, []codec.Value{offset, raw(t, "[1 ]")}, []message{`2["a","b","1-2",[1 ]]`}},
		{"", parser.NoID, plain, []codec.Value{{}}, []message{`2["a","b",null]`}},
		{"", parser.NoID, plain, []codec.Value{offset, attached},
			[]message{`51-["a","b","1-2",{"x":` + hole + `}]`, []byte{2}}},
		{"", 1, binary, nil, []message{`51-1["a",` + hole + `]`, []byte{1}}},
		{"/a", 1, binary, []codec.Value{offset}, []message{`51-/a,1["a",` + hole + `,"1-2"]`, []byte{1}}},
	} {
		text, attachments, err := parser.Encoder(0).EncodeEvent(c.namespace, c.id, c.args, c.extra...)
		require.NoError(t, err)
		assert.Equal(t, c.want, messages(text, attachments))
	}
	a, err := codec.ArgsOf(raw(t, " [ \"a\" ]\r\n"))
	require.NoError(t, err)
	text, _, err := parser.Encoder(0).EncodeEvent("/", parser.NoID, a, offset)
	require.NoError(t, err)
	assert.Equal(t, `2[ "a" ,"1-2"]`, string(text), "white space around the array must be dropped")
}

// EncodeAck must return the same bytes as Encode does for a packet, and leave room for a frame header.
func TestEncodeAck(t *testing.T) {
	type flat struct {
		A int    `json:"a"`
		B string `json:"b"`
	}
	for _, values := range [][]any{
		nil, {1}, {"a", nil, flat{1, "x"}}, {&flat{}, []any{}}, {raw(t, `{"a":[1]}`)}, {strings.Repeat("long", 500), 2},
		{[]byte{1}}, {"a", map[string]any{"b": []byte{1}}, "c"}, {value(t, []byte{3}), 1},
	} {
		for _, id := range []int64{0, 9, 10, 1234567890, 1<<53 - 1} {
			if values == nil {
				values = []any{}
			}
			want, wantAttachments, err := parser.Encoder(0).Encode(&parser.Packet{Type: parser.Ack, Namespace: "/a",
				ID: id, Data: value(t, values)})
			require.NoError(t, err)
			for _, room := range []int{0, 11} {
				text, attachments, err := parser.Encoder(room).EncodeAck("/a", id, values...)
				require.NoError(t, err)
				assert.Equal(t, string(want), string(text[room:]))
				assert.Equal(t, wantAttachments, attachments)
			}
		}
	}
	_, _, err := parser.Encoder(0).EncodeAck("/", 1, 1, make(chan int))
	require.Error(t, err)
	_, _, err = parser.Encoder(0).EncodeAck("no namespace", 1)
	require.Error(t, err)
}

// Events from other nodes may be in the encoding of the cluster's codec.
func TestEncodeFromTheClustersWire(t *testing.T) {
	for _, list := range [][]any{{"b", 1, nil, 1.5}, {"b", []byte{1}, map[string]any{"c": []byte{2}}}} {
		a := args(t, "a", list...)
		wire, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{UID: "u", NSP: "/", Type: codec.Broadcast,
			Args: a}, codec.Binary)
		require.NoError(t, err)
		env, err := jsonmsgpack.Codec{}.Parse(wire, codec.Binary)
		require.NoError(t, err)
		require.NotEqual(t, codec.JSON, env.Args.Value().Encoding())
		wantText, wantAttachments, err := parser.Encoder(0).EncodeEvent("/", 1, a, value(t, "x"))
		require.NoError(t, err)
		text, attachments, err := parser.Encoder(0).EncodeEvent("/", 1, env.Args, value(t, "x"))
		require.NoError(t, err)
		assert.Equal(t, messages(wantText, wantAttachments), messages(text, attachments))
	}
}

func TestEncodeDoesNotModifyData(t *testing.T) {
	inner := codec.Object{{Key: "b", Value: []byte{1}}}
	tree := []any{"a", inner, []byte{2}}
	v := codec.FromTree(tree)
	for range 2 {
		text, attachments, err := parser.Encoder(0).Encode(&parser.Packet{Type: parser.Event, ID: parser.NoID, Data: v})
		require.NoError(t, err)
		assert.Equal(t, `52-["a",{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`, string(text))
		assert.Equal(t, [][]byte{{1}, {2}}, attachments)
	}
	assert.Equal(t, []any{"a", codec.Object{{Key: "b", Value: []byte{1}}}, []byte{2}}, tree,
		"the tree must not change, because other connections read it too")
}

func TestEncodeRefusesWhatClientsWouldNotUnderstand(t *testing.T) {
	endless := []any{"a", nil}
	endless[1] = endless
	endlessObject := codec.Object{{Key: "a"}}
	endlessObject[0].Value = endlessObject
	for name, p := range map[string]parser.Packet{
		"UnknownType":      {Type: '7', Data: raw(t, "[]")},
		"ZeroType":         {},
		"EventWithoutData": {Type: parser.Event, ID: parser.NoID},
		"EventOfObject":    {Type: parser.Event, ID: parser.NoID, Data: raw(t, "{}")},
		"EventOfTree":      {Type: parser.Event, ID: parser.NoID, Data: codec.FromTree("a")},
		"AckWithoutID":     {Type: parser.Ack, ID: parser.NoID, Data: raw(t, "[]")},
		"Comma":            {Type: parser.Event, ID: parser.NoID, Namespace: "/a,b", Data: raw(t, `["a"]`)},
		"NoSlash":          {Type: parser.Event, ID: parser.NoID, Namespace: "a", Data: raw(t, `["a"]`)},
		"NoSlashConnect":   {Type: parser.Connect, ID: parser.NoID, Namespace: "a"},
		"NoSlashBinary": {Type: parser.Event, ID: parser.NoID, Namespace: "a",
			Data: value(t, []any{"a", []byte{1}})},
		"NoUTF8":        {Type: parser.Event, ID: parser.NoID, Namespace: "/\xff", Data: raw(t, `["a"]`)},
		"Endless":       {Type: parser.Event, ID: parser.NoID, Data: codec.FromTree(endless)},
		"EndlessObject": {Type: parser.Event, ID: parser.NoID, Data: codec.FromTree([]any{"a", endlessObject})},
		"NoTree":        {Type: parser.Event, ID: parser.NoID, Data: codec.FromTree([]any{"a", t})},
		"NoTreeConnect": {Type: parser.Connect, ID: parser.NoID, Data: codec.FromTree(t)},
		"BrokenWire":    {Type: parser.Event, ID: parser.NoID, Data: codec.Raw(jsonmsgpack.Msgpack, []byte{0xc1})},
	} {
		t.Run(name, func(t *testing.T) {
			text, attachments, err := parser.Encoder(0).Encode(&p)
			require.Error(t, err)
			assert.Nil(t, text)
			assert.Nil(t, attachments)
			assert.NotErrorIs(t, err, parser.ErrMalformed, "ErrMalformed must be returned for packets of clients only")
		})
	}
	_, _, err := parser.Encoder(0).EncodeEvent("/", parser.NoID, args(t, "a"),
		codec.Raw(jsonmsgpack.Msgpack, []byte{0xc1}))
	require.Error(t, err)
	_, _, err = parser.Encoder(0).EncodeEvent("/", parser.NoID, codec.Args{})
	require.Error(t, err)
}

// A client would look for the attachment that the object seems to refer to, not find it, and close its
// connection.
func TestPlaceholderLookalikeIsNotSentWithAnAttachment(t *testing.T) {
	fake := raw(t, `{"x":[{"_placeholder":true,"num":9}]}`)
	_, _, err := parser.Encoder(0).EncodeEvent("/", parser.NoID, args(t, "a", fake))
	require.NoError(t, err, "the object must be allowed in a packet without attachments, where it has no special "+
		"meaning")
	for _, list := range [][]any{{fake, []byte{1}}, {[]byte{1}, fake}, {[]any{[]byte{1}, fake}}} {
		_, _, err = parser.Encoder(0).EncodeEvent("/", parser.NoID, args(t, "a", list...))
		require.Error(t, err)
		assert.Contains(t, err.Error(), "_placeholder")
	}
	harmless := raw(t,
		`[{"_placeholder":1,"num":0},{"_placeholder":"true"},{"_placeholder":true,"_placeholder":false}]`)
	_, _, err = parser.Encoder(0).EncodeEvent("/", parser.NoID, args(t, "a", harmless, []byte{1}))
	require.NoError(t, err)
}

func TestEncodeAllocatesOnceForText(t *testing.T) {
	a, offset := args(t, "chat message", map[string]any{"text": "hello"}), value(t, "1234")
	var err error
	n := testing.AllocsPerRun(10, func() { _, _, err = parser.Encoder(0).EncodeEvent("/admin", 12, a, offset) })
	require.NoError(t, err)
	assert.LessOrEqual(t, n, 1.0)
}

func TestTypesHaveNames(t *testing.T) {
	for typ, want := range map[parser.Type]string{
		parser.Connect: "connect", parser.Disconnect: "disconnect", parser.Event: "event", parser.Ack: "ack",
		parser.ConnectError: "connect error",
		parser.BinaryEvent:  "binary event", parser.BinaryAck: "binary ack", 'x': `packet type 'x'`,
	} {
		assert.Equal(t, want, typ.String())
	}
}
