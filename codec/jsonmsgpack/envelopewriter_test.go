package jsonmsgpack_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

func TestTextIsWhatNodeExpects(t *testing.T) {
	yes := true
	head := func(typ string) string {
		return `{"uid":"u","type":` + typ + `,"nsp":"/n","source":"_sio_adapter"`
	}
	const none = `{"rooms":[],"except":[],"flags":{}}`
	for name, c := range map[string]struct {
		env  codec.Envelope
		want string
	}{
		"Heartbeat": {codec.Envelope{Type: codec.Heartbeat}, head("2") + `}`},
		"IgnoresTheRest": {codec.Envelope{Type: codec.AdapterClose, RequestID: "x", Rooms: []string{"r"},
			ClientCount: 3}, head("13") + `}`},
		"Broadcast": {codec.Envelope{Type: codec.Broadcast, Args: args(t, "e", 1)},
			head("3") + `,"data":{"packet":{"type":2,"data":["e",1]},"opts":` + none + `}}`},
		"BroadcastWithAck": {codec.Envelope{Type: codec.Broadcast, Args: args(t, "e"), RequestID: "r"},
			head("3") + `,"data":{"packet":{"type":2,"data":["e"]},"opts":` + none + `,"requestId":"r"}}`},
		"Flags": {codec.Envelope{Type: codec.Broadcast, Args: args(t, "e"),
			Opts: codec.Opts{Rooms: []string{"a", "b"}, Except: []string{"c"},
				Flags: codec.Flags{Volatile: true, Compress: &yes, Timeout: 1500*time.Millisecond + 1,
					ExpectSingleResponse: true}}},
			head("3") + `,"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":["a","b"],"except":["c"],` +
				`"flags":{"volatile":true,"compress":true,"timeout":1501,"expectSingleResponse":true}}}}`},
		"HugeTimeout": {codec.Envelope{Type: codec.FetchSockets, RequestID: "r",
			Opts: codec.Opts{Flags: codec.Flags{Timeout: math.MaxInt64}}},
			head("7") + `,"data":{"opts":{"rooms":[],"except":[],"flags":{"timeout":2147483647}},"requestId":"r"}}`},
		"NegativeTimeout": {codec.Envelope{Type: codec.FetchSockets, RequestID: "r",
			Opts: codec.Opts{Flags: codec.Flags{Timeout: -1}}},
			head("7") + `,"data":{"opts":` + none + `,"requestId":"r"}}`},
		"Join": {codec.Envelope{Type: codec.SocketsJoin, Rooms: []string{"a"}},
			head("4") + `,"data":{"opts":` + none + `,"rooms":["a"]}}`},
		"Disconnect": {codec.Envelope{Type: codec.DisconnectSockets},
			head("6") + `,"data":{"opts":` + none + `,"close":false}}`},
		"NoSockets": {codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: "r"},
			head("8") + `,"data":{"requestId":"r","sockets":[]}}`},
		"Sockets": {codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: "r", Sockets: []codec.Socket{
			{ID: "s", Handshake: rawJSON(t, `{ "a" : 1 }`), Data: codec.FromTree([]any{[]byte{1, 2}})},
			{ID: "t", Rooms: []string{"x"}},
		}}, head("8") + `,"data":{"requestId":"r","sockets":[{"id":"s","handshake":{ "a" : 1 },"rooms":[],` +
			`"data":[{"type":"Buffer","data":[1,2]}]},{"id":"t","handshake":null,"rooms":["x"],"data":null}]}}`},
		"ServerSideEmit": {codec.Envelope{Type: codec.ServerSideEmit, Args: args(t, "e", 1)},
			head("9") + `,"data":{"packet":["e",1]}}`},
		"Answer": {codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: "r",
			Value: rawJSON(t, `[1]`)}, head("10") + `,"data":{"packet":[1],"requestId":"r"}}`},
		"NullAnswer": {codec.Envelope{Type: codec.BroadcastAck, RequestID: "r"},
			head("12") + `,"data":{"packet":null,"requestId":"r"}}`},
		"NoClients": {codec.Envelope{Type: codec.BroadcastClientCount, RequestID: "r"},
			head("11") + `,"data":{"requestId":"r","clientCount":0}}`},
		"OfAProcess": {codec.Envelope{Type: codec.Heartbeat, Process: "p", Clock: 1<<53 - 1},
			head("2") + `,"process":"p","clock":9007199254740991}`},
		"Reference": {codec.Envelope{Type: codec.Broadcast, AttachmentID: "12", Args: args(t, "e")},
			head("3") + `,"attachmentId":"12"}`},
		"ReferenceForOne": {codec.Envelope{Type: codec.BroadcastAck, AttachmentID: "12", RequesterUID: "q"},
			head("12") + `,"attachmentId":"12","requesterUid":"q"}`},
		"TimesAreText": {codec.Envelope{Type: codec.BroadcastAck, RequestID: "r",
			Value: codec.FromTree(time.UnixMilli(1))},
			head("12") + `,"data":{"packet":"1970-01-01T00:00:00.001Z","requestId":"r"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			c.env.UID, c.env.NSP = "u", "/n"
			p, err := jsonmsgpack.Codec{}.Append([]byte("before"), &c.env, codec.Text)
			require.NoError(t, err)
			assert.Equal(t, "before"+c.want, string(p))
			assert.True(t, json.Valid(p[len("before"):]))

			// The binary form has the same content.
			bin, err := jsonmsgpack.Codec{}.Append([]byte("before"), &c.env, codec.Binary)
			require.NoError(t, err)
			tree, err := jsonmsgpack.Msgpack.Tree(bin[len("before"):])
			require.NoError(t, err)
			text, err := codec.FromTree(tree).AppendJSONBuffers(nil)
			require.NoError(t, err)
			assert.JSONEq(t, c.want, string(text))
		})
	}
	p, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Heartbeat, UID: "u"}, codec.Text)
	require.NoError(t, err)
	assert.Equal(t, `{"uid":"u","type":2,"source":"_sio_adapter"}`, string(p), "an empty namespace is left out")
}

func TestBytesInEventsNeedTheBinaryForm(t *testing.T) {
	binary := codec.FromTree([]any{"e", []byte{1}})
	event, err := codec.ArgsOf(binary)
	require.NoError(t, err)
	viaMsgpack, err := codec.ArgsOf(codec.Raw(jsonmsgpack.Msgpack, msgpackOf(t, binary)))
	require.NoError(t, err)
	for _, env := range []*codec.Envelope{
		{Type: codec.Broadcast, Args: event}, {Type: codec.ServerSideEmit, Args: event},
		{Type: codec.Broadcast, Args: viaMsgpack},
		{Type: codec.ServerSideEmitResponse, Value: binary}, {Type: codec.BroadcastAck, Value: binary},
	} {
		dst := append(make([]byte, 0, 512), "before"...)
		p, err := jsonmsgpack.Codec{}.Append(dst, env, codec.Text)
		require.ErrorIs(t, err, codec.ErrBinary)
		assert.Equal(t, "before", string(p))
	}
}

// As the JSON form of a Buffer, bytes nest two levels deeper, so only the binary form can carry them.
func TestDeepBytesOfSocketsNeedTheBinaryForm(t *testing.T) {
	nested := func(levels int) *codec.Envelope {
		var tree any = []byte{1}
		for range levels {
			tree = []any{tree}
		}
		return &codec.Envelope{Type: codec.FetchSocketsResponse,
			Sockets: []codec.Socket{{ID: "s", Data: codec.FromTree(tree)}}}
	}
	for levels, want := range map[int][2]error{94: {nil, nil}, 95: {codec.ErrBinary, nil}, 96: {codec.ErrBinary, nil},
		97: {codec.ErrBinary, codec.ErrDepth}, 101: {codec.ErrDepth, codec.ErrDepth}} {
		for i, f := range []codec.Format{codec.Text, codec.Binary} {
			_, err := jsonmsgpack.Codec{}.Append(nil, nested(levels), f)
			require.ErrorIs(t, err, want[i], "%d levels, %v", levels, f)
		}
	}
}

func TestStringsBecomeValidUTF8(t *testing.T) {
	bad := "a\xffb\x00\xc3"
	const good = "a\ufffdb\x00\ufffd"
	env := &codec.Envelope{Type: codec.SocketsJoin, UID: bad, NSP: bad, Rooms: []string{bad},
		Opts: codec.Opts{Rooms: []string{bad}}}
	for _, f := range both {
		p, err := jsonmsgpack.Codec{}.Append(nil, env, f)
		require.NoError(t, err)
		if f == codec.Text {
			assert.True(t, utf8.Valid(p))
			assert.NotContains(t, string(p), "\x00")
		}
		back, err := jsonmsgpack.Codec{}.Parse(p, f)
		require.NoError(t, err)
		assert.Equal(t, &codec.Envelope{Type: codec.SocketsJoin, UID: good, NSP: good, Rooms: []string{good},
			Opts: codec.Opts{Rooms: []string{good}}}, back)
	}
	event, err := codec.NewArgs(bad, bad)
	require.NoError(t, err)
	p, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Broadcast, Args: event}, codec.Text)
	require.NoError(t, err)
	assert.True(t, utf8.Valid(p))
	assert.NotContains(t, string(p), "\x00")
}

func TestUnsupportedEnvelopesAreErrors(t *testing.T) {
	deep := any(int64(1))
	for range codec.MaxDepth - 2 {
		deep = []any{deep}
	}
	self := []any{nil}
	self[0] = self
	proto := codec.Object{{Key: "__proto__", Value: nil}}
	for name, env := range map[string]*codec.Envelope{
		"UnknownType":   {Type: 99},
		"NoType":        {},
		"NoEvent":       {Type: codec.Broadcast},
		"NoEmit":        {Type: codec.ServerSideEmit},
		"NegativeCount": {Type: codec.BroadcastClientCount, ClientCount: -1},
		"TooDeep":       {Type: codec.BroadcastAck, Value: codec.FromTree([]any{deep})},
		"Cycle":         {Type: codec.BroadcastAck, Value: codec.FromTree(self)},
		"NoTree":        {Type: codec.BroadcastAck, Value: codec.FromTree(1)},
		"BadSocket": {Type: codec.FetchSocketsResponse, Sockets: []codec.Socket{{ID: "s",
			Data: codec.FromTree(1)}}},
		"BadHandshake": {Type: codec.FetchSocketsResponse, Sockets: []codec.Socket{{ID: "s",
			Handshake: codec.FromTree(1)}}},
	} {
		for _, f := range both {
			dst := append(make([]byte, 0, 512), "before"...)
			p, err := jsonmsgpack.Codec{}.Append(dst, env, f)
			require.Error(t, err, "%s as %v", name, f)
			assert.Equal(t, "before", string(p), name)
			if name == "TooDeep" || name == "Cycle" {
				require.ErrorIs(t, err, codec.ErrDepth)
			}
		}
	}
	_, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: codec.FromTree(deep)},
		codec.Text)
	require.NoError(t, err, "the limit is inclusive")
	_, err = jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: codec.FromTree(deep)},
		codec.Binary)
	require.NoError(t, err, "the limit is inclusive")

	// Node.js cannot read this key in msgpack.
	for _, v := range []codec.Value{codec.FromTree(proto), rawJSON(t, `[{"__proto\u005f_":1}]`)} {
		_, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v}, codec.Binary)
		require.ErrorContains(t, err, "__proto__")
		_, err = jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v}, codec.Text)
		require.NoError(t, err)
	}
	_, err = jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Heartbeat}, 0)
	require.Error(t, err)
	_, err = jsonmsgpack.Codec{}.Parse(nil, 0)
	require.Error(t, err)
	for _, p := range []string{"[", "[1", "{", `{"a"`, `{"a":`, `{"a":1`, `[1}`, `"`, `"\x"`, "nul", "x", "-", "[1,]",
		"{1:1}", strings.Repeat("[", 500), `"abc`, " "} {
		v := codec.Raw(codec.JSON, []byte(p))
		_, err = jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v}, codec.Binary)
		require.Error(t, err, "%q, which the caller should have checked", p)
	}
}

func TestAppendIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			env := &codec.Envelope{Type: codec.Broadcast, UID: strconv.Itoa(i),
				Args: args(t, "e", strings.Repeat(`"\`, 100*i), map[string]any{"i": i})}
			for _, f := range both {
				want, err := jsonmsgpack.Codec{}.Append(nil, env, f)
				require.NoError(t, err)
				want = bytes.Clone(want)
				for range 200 {
					got, err := jsonmsgpack.Codec{}.Append(nil, env, f)
					require.NoError(t, err)
					require.Equal(t, want, got)
				}
			}
		})
	}
}
