package jsonmsgpack_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

var both = []codec.Format{codec.Text, codec.Binary}

func args(t testing.TB, event string, list ...any) codec.Args {
	t.Helper()
	a, err := codec.NewArgs(event, list...)
	require.NoError(t, err)
	return a
}

func rawJSON(t testing.TB, text string) codec.Value {
	t.Helper()
	v, err := codec.RawJSON([]byte(text))
	require.NoError(t, err)
	return v
}

func TestUnusualMessagesAreParsed(t *testing.T) {
	no := false
	for text, want := range map[string]codec.Envelope{
		` { "type" : 2 , "uid" : "u" } `: {Type: codec.Heartbeat,
			UID: "u"},
		`{"type":2.0,"uid":null,"nsp":null}`:                  {Type: codec.Heartbeat},
		`{"type":20e-1}`:                                      {Type: codec.Heartbeat},
		`{"type":99,"data":{"packet":5},"uid":"u"}`:           {Type: 99, UID: "u"},
		`{"type":-1}`:                                         {Type: -1},
		`{"type":0,"data":[[]]}`:                              {Type: 0},
		`{"type":13,"data":7,"nodeId":"x","more":{"a":[{}]}}`: {Type: codec.AdapterClose, Skipped: 1},
		`{"uid":"a","uid":"b","type":1,"type":2}`: {Type: codec.Heartbeat,
			UID: "b"},
		`{"\u0075id":"\u0061\n","t\u0079pe":2}`: {Type: codec.Heartbeat,
			UID: "a\n"},
		`{"data":{"rooms":["a"],"opts":{}},"type":4}`: {Type: codec.SocketsJoin,
			Rooms: []string{"a"}},
		`{"type":4,"data":{"rooms":[1,2.5],"opts":{}}}`: {Type: codec.SocketsJoin,
			Rooms: []string{"1", "2.5"}},
		`{"type":4,"data":{"rooms":[1e21,-0,1e-7],"opts":{}}}`: {
			Type: codec.SocketsJoin, Rooms: []string{"1e+21", "0", "1e-7"},
		},
		`{"type":4,"data":{"rooms":null,"opts":{"rooms":null,"except":null,"flags":null}}}`: {Type: codec.SocketsJoin},
		`{"type":4,"data":{"opts":{"rooms":["a"]},"rooms":[],"opts":{}}}`:                   {Type: codec.SocketsJoin},
		`{"type":4,"data":{"opts":{},"rooms":["x"]},"type":5}`: {
			Type: codec.SocketsLeave, Rooms: []string{"x"},
		},
		`{"type":4,"data":{"opts":{},"rooms":["x"]},"data":{"opts":{},"rooms":["y"]}}`: {
			Type: codec.SocketsJoin, Rooms: []string{"y"},
		},
		`{"type":6,"data":{"opts":{"flags":{}}}}`: {
			Type: codec.DisconnectSockets,
		},
		`{"type":6,"data":{"opts":{"flags":{"volatile":null,"compress":null,"timeout":null,"local":true,` +
			`"x":[]}},"close":null}}`: {Type: codec.DisconnectSockets, Skipped: 1},
		`{"type":6,"data":{"opts":{"flags":{"volatile":true,"volatile":false,"compress":false,"timeout":0.2,` +
			`"expectSingleResponse":true}}}}`: {Type: codec.DisconnectSockets,
			Opts: codec.Opts{Flags: codec.Flags{Compress: &no, Timeout: time.Millisecond,
				ExpectSingleResponse: true}}},
		`{"type":7,"data":{"requestId":"r","opts":{"flags":{"timeout":1e300}}}}`: {
			Type: codec.FetchSockets, RequestID: "r",
			Opts: codec.Opts{Flags: codec.Flags{Timeout: math.MaxInt32 * time.Millisecond}}},
		`{"type":7,"data":{"requestId":null,"opts":{"flags":{"timeout":-5}}}}`: {Type: codec.FetchSockets},
		`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s"},{"id":"t","rooms":["a",1],"handshake":null,` +
			`"data":null,"more":1}]}}`: {Type: codec.FetchSocketsResponse, RequestID: "r",
			Sockets: []codec.Socket{{ID: "s"}, {ID: "t", Rooms: []string{"a", "1"}}}, Skipped: 1},
		`{"type":8,"data":{"sockets":[]}}`:                   {Type: codec.FetchSocketsResponse},
		`{"type":10,"data":{"requestId":"r"}}`:               {Type: codec.ServerSideEmitResponse, RequestID: "r"},
		`{"type":10,"data":{"requestId":"r","packet":null}}`: {Type: codec.ServerSideEmitResponse, RequestID: "r"},
		`{"type":11,"data":{"requestId":"r","clientCount":3.0}}`: {
			Type: codec.BroadcastClientCount, RequestID: "r", ClientCount: 3,
		},
		`{"type":11,"data":{"clientCount":2147483647}}`: {Type: codec.BroadcastClientCount,
			ClientCount: math.MaxInt32},
		`{"type":3,"uid":"u","attachmentId":"7"}`: {Type: codec.Broadcast,
			UID: "u", AttachmentID: "7"},
		`{"type":3,"attachmentId":7,"requesterUid":"q"}`: {Type: codec.Broadcast,
			AttachmentID: "7", RequesterUID: "q"},
		`{"type":3,"attachmentId":9223372036854775807}`: {Type: codec.Broadcast,
			AttachmentID: "9223372036854775807"},
		`{"type":5,"data":{"opts":{},"rooms":["x"]},"attachmentId":"8"}`: {
			Type: codec.SocketsLeave, AttachmentID: "8",
		},
		`{"type":5,"data":{"opts":{},"rooms":["x"]},"attachmentId":null}`: {
			Type: codec.SocketsLeave, Rooms: []string{"x"},
		},
		`{"type":5,"data":{"opts":{},"rooms":["x"]},"attachmentId":0}`: {
			Type: codec.SocketsLeave, Rooms: []string{"x"},
		},
		`{"type":5,"data":{"opts":{},"rooms":["x"]},"attachmentId":""}`: {
			Type: codec.SocketsLeave, Rooms: []string{"x"},
		},
		`{"type":99,"attachmentId":"1"}`: {Type: 99, AttachmentID: "1"},
		`{"type":2,"deep":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`: {
			Type: codec.Heartbeat, Skipped: 1,
		},
	} {
		got, err := jsonmsgpack.Codec{}.Parse([]byte(text), codec.Text)
		require.NoError(t, err, text)
		assert.Equal(t, &want, got, text)

		// The same in msgpack.
		tree, err := codec.JSON.Tree([]byte(text))
		require.NoError(t, err)
		got, err = jsonmsgpack.Codec{}.Parse(msgpackOfTree(t, tree), codec.Binary)
		require.NoError(t, err, text)
		if !strings.Contains(text, "9223372036854775807") { // a float in msgpack, see below
			assert.Equal(t, &want, got, text)
		}
	}
}

func TestMalformedMessagesAreErrors(t *testing.T) {
	for text, field := range map[string]string{
		``: "", ` `: "", `null`: "not a map", `[]`: "not a map", `"x"`: "not a map", `{`: "", `{"type":2`: "",
		`{"type":2,}`: "", `{"type" 2}`: "", `{type:2}`: "key",
		`{"type":2}x`: "follows", `{"type":2}{}`: "follows", `{,"type":2}`: "", `{"type":2 "uid":""}`: "",
		"{\"type\":2,\"a\":\"\xff\"}": "UTF-8", "{\"type\":2,\"a\":\"\x00\"}": "",
		`{}`: "type: missing", `{"type":null}`: "type", `{"type":"2"}`: "type", `{"type":2.5}`: "type",
		`{"type":1e300}`: "type", `{"type":3000000000}`: "type", `{"type":true}`: "type",
		`{"type":2,"uid":[5]}`: "uid", `{"type":2,"nsp":{}}`: "nsp", `{"type":2,"uid":"a}`: "",
		`{"type":2,"uid":"\x"}`:        "",
		`{"type":3,"attachmentId":{}}`: "data: missing", `{"type":3,"attachmentId":1.5}`: "attachmentId",
		`{"type":3,"attachmentId":-1}`: "attachmentId", `{"type":3,"attachmentId":true}`: "data: missing",
		`{"type":3}`: "data: missing", `{"type":3,"data":null}`: "data", `{"type":3,"data":[]}`: "data",
		`{"data":5,"type":3}`:  "data",
		`{"type":3,"data":{}}`: "missing",
		`{"type":3,"data":{"packet":{"type":2,"data":["e"]}}}`:                          "data.opts: missing",
		`{"type":3,"data":{"opts":{}}}`:                                                 "data.packet: missing",
		`{"type":3,"data":{"opts":{},"packet":null}}`:                                   "data.packet",
		`{"type":3,"data":{"opts":{},"packet":["e"]}}`:                                  "data.packet",
		`{"type":3,"data":{"opts":{},"packet":{}}}`:                                     "data.packet.data: missing",
		`{"type":3,"data":{"opts":{},"packet":{"data":[]}}}`:                            "data.packet.data: empty",
		`{"type":3,"data":{"opts":{},"packet":{"data":{}}}}`:                            "data.packet.data",
		`{"type":3,"data":{"opts":{},"packet":{"data":[null]}}}`:                        "data.packet.data",
		`{"type":3,"data":{"opts":{},"packet":{"data":["e",]}}}`:                        "",
		`{"type":3,"data":{"opts":{},"packet":{"data":["e" 1]}}}`:                       "",
		`{"type":3,"data":{"opts":{},"packet":{"type":3,"data":["e"]}}}`:                "data.packet.type",
		`{"type":3,"data":{"opts":null,"packet":{"data":["e"]}}}`:                       "data.opts",
		`{"type":4,"data":{"opts":{}}}`:                                                 "data.rooms: missing",
		`{"type":4,"data":{"opts":{},"rooms":"a"}}`:                                     "data.rooms",
		`{"type":8,"data":{}}`:                                                          "data.sockets: missing",
		`{"type":8,"data":{"sockets":null}}`:                                            "data.sockets",
		`{"type":9,"data":{}}`:                                                          "data.packet: missing",
		`{"type":9,"data":{"packet":{}}}`:                                               "data.packet",
		`{"type":9,"data":{"packet":[]}}`:                                               "data.packet: empty",
		`{"type":9,"data":{"packet":[{}]}}`:                                             "data.packet",
		`{"type":11,"data":{}}`:                                                         "data.clientCount: missing",
		`{"type":11,"data":{"clientCount":null}}`:                                       "data.clientCount",
		`{"type":11,"data":{"clientCount":-1}}`:                                         "data.clientCount",
		`{"type":11,"data":{"clientCount":1.5}}`:                                        "data.clientCount",
		`{"type":11,"data":{"clientCount":1e30}}`:                                       "data.clientCount",
		`{"type":11,"data":{"clientCount":"1"}}`:                                        "data.clientCount",
		`{"type":2,"deep":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: "deeply",
		`{"type":2,"deep":` + strings.Repeat(`{"a":`,
			100000): "deeply",
		`{"type":3,"data":{"opts":{},"packet":{"data":["e",` + strings.Repeat("[", 97) + strings.Repeat("]",
			97) + `]}}}`: "deeply",
	} {
		env, err := jsonmsgpack.Codec{}.Parse([]byte(text), codec.Text)
		require.ErrorIs(t, err, codec.ErrMalformed, "%.100s", text)
		assert.ErrorContains(t, err, field, "%.100s", text)
		assert.Nil(t, env)
		if field == "deeply" {
			assert.ErrorIs(t, err, codec.ErrDepth)
		}
		if tree, err := codec.JSON.Tree([]byte(text)); err == nil {
			env, err := jsonmsgpack.Codec{}.Parse(msgpackOfTree(t, tree), codec.Binary)
			require.ErrorIs(t, err, codec.ErrMalformed, "%.100s", text)
			assert.ErrorContains(t, err, field, "%.100s", text)
			assert.Nil(t, env)
		}
	}
}

func TestBuffersOfSocketsBecomeBytes(t *testing.T) {
	const text = `{"type":8,"data":{"sockets":[{"id":"s","handshake":{"h":{"type":"Buffer","data":[1]}},` +
		`"data":[{"type":"Buffer","data":[]},{"type":"Buffer","data":[256]}]},{"id":"t","data":"Buffer"},` +
		`{"id":"u","data":{"x":"Buffer"}}]}}`
	env, err := jsonmsgpack.Codec{}.Parse([]byte(text), codec.Text)
	require.NoError(t, err)
	tree, err := env.Sockets[0].Handshake.Tree()
	require.NoError(t, err)
	assert.Equal(t, codec.Object{{Key: "h", Value: []byte{1}}}, tree)
	tree, err = env.Sockets[0].Data.Tree()
	require.NoError(t, err)
	assert.Equal(t, []byte{}, tree.([]any)[0])
	assert.IsType(t, codec.Object{}, tree.([]any)[1])
	assert.Equal(t, codec.JSON, env.Sockets[1].Data.Encoding(), "data without a Buffer stays encoded")
	assert.Equal(t, codec.JSON, env.Sockets[2].Data.Encoding())

	env, err = jsonmsgpack.Codec{}.Parse([]byte(`{"type":12,"data":{"packet":{"type":"Buffer","data":[1]}}}`),
		codec.Text)
	require.NoError(t, err)
	assert.Equal(t, `{"type":"Buffer","data":[1]}`, env.Value.String(), "Buffers in an answer are not converted")
}

func TestUserDataIsForwardedUnchanged(t *testing.T) {
	const packet = `[ "e" , {"b":1.50, "a":"\u00e4\/"} ,[ ]]`
	text := `{"type":3,"data":{"packet":{"type":2,"data":` + packet + ` },"opts":{}}}`
	p := []byte(text)
	env, err := jsonmsgpack.Codec{}.Parse(p, codec.Text)
	require.NoError(t, err)
	raw, ok := env.Args.Value().Bytes(codec.JSON)
	require.True(t, ok)
	assert.Equal(t, packet, string(raw))
	assert.Equal(t, 2, env.Args.Len())
	at := strings.Index(text, packet)
	assert.Same(t, &p[at], &raw[0], "the data shares memory with the message")
	assert.Equal(t, len(raw), cap(raw), "an append must not overwrite the message")
	out, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Text)
	require.NoError(t, err)
	assert.Contains(t, string(out), packet)

	bin, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Binary)
	require.NoError(t, err)
	env2, err := jsonmsgpack.Codec{}.Parse(bin, codec.Binary)
	require.NoError(t, err)
	assert.Equal(t, `["e",{"b":1.5,"a":"ä/"},[]]`, env2.Args.String(), "the keys keep their order in msgpack")
	again, err := jsonmsgpack.Codec{}.Append(nil, env2, codec.Binary)
	require.NoError(t, err)
	assert.Equal(t, bin, again)
}

func TestStringsShareNoMemory(t *testing.T) {
	for _, f := range both {
		env := &codec.Envelope{Type: codec.SocketsJoin, UID: "uuuu", NSP: "/nsp", Rooms: []string{"room"}}
		p, err := jsonmsgpack.Codec{}.Append(nil, env, f)
		require.NoError(t, err)
		got, err := jsonmsgpack.Codec{}.Parse(p, f)
		require.NoError(t, err)
		for i := range p {
			p[i] = 'X'
		}
		assert.Equal(t, env, got)
	}
}
