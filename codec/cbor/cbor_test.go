package cbor_test

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
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

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return p
}

// golden lists envelopes and their bytes. A person reviewed the bytes. They must never change, because nodes of
// different versions exchange messages.
func golden(t testing.TB) map[string]struct {
	env codec.Envelope
	hex string
} {
	yes := true
	bytesArgs, err := codec.ArgsOf(codec.FromTree([]any{"e", []byte{1, 2}}))
	require.NoError(t, err)
	return map[string]struct {
		env codec.Envelope
		hex string
	}{
		// map(2) 1:2 2:"u"
		"Heartbeat": {codec.Envelope{Type: codec.Heartbeat}, "a3 0102 026175 03612f"},
		// the same, and 13:7, which is not read
		"Nonce": {codec.Envelope{Type: codec.Heartbeat, Nonce: 7}, "a4 0102 026175 03612f 0d07"},
		// the same, and 22:"p" 23:300
		"HeartbeatOfAProcess": {codec.Envelope{Type: codec.Heartbeat, Process: "p", Clock: 300},
			"a5 0102 026175 03612f 166170 1719012c"},
		// 7:{} 8:262(h'["e",1]')
		"Broadcast": {codec.Envelope{Type: codec.Broadcast, Args: args(t, "e", 1)},
			"a5 0103 026175 03612f 07a0 08 d90106 47 5b2265222c315d"},
		// 6:"r" 7:{1:["a","b"] 2:["c"] 3:true 4:true 5:1500 6:true} 8:262(h'["e"]')
		"BroadcastWithAck": {codec.Envelope{Type: codec.Broadcast, RequestID: "r", Args: args(t, "e"), Opts: codec.Opts{
			Rooms: []string{"a", "b"}, Except: []string{"c"},
			Flags: codec.Flags{Volatile: true, Compress: &yes, Timeout: 1500 * time.Millisecond,
				ExpectSingleResponse: true},
		}}, "a6 0103 026175 03612f 066172 07a6 018261616162 02816163 03f5 04f5 051905dc 06f5 08 d90106 45 5b2265225d"},
		// 8:["e", h'0102']
		"BroadcastBinary": {codec.Envelope{Type: codec.Broadcast, Args: bytesArgs},
			"a5 0103 026175 03612f 07a0 08 82 6165 42 0102"},
		"Join": {codec.Envelope{Type: codec.SocketsJoin, Rooms: []string{"x"}},
			"a5 0104 026175 03612f 07a0 09816178"},
		"Disconnect": {codec.Envelope{Type: codec.DisconnectSockets, Close: true},
			"a5 0106 026175 03612f 07a0 0af5"},
		"Fetch": {codec.Envelope{Type: codec.FetchSockets, RequestID: "r"},
			"a5 0107 026175 03612f 066172 07a0"},
		// 11:[{1:"s" 2:262(h'{}') 3:["x"] 4:{"b":h'01'}}]
		"Fetched": {codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: "r", Sockets: []codec.Socket{
			{ID: "s", Handshake: rawJSON(t, "{}"), Rooms: []string{"x"},
				Data: codec.FromTree(codec.Object{{Key: "b", Value: []byte{1}}})},
		}}, "a5 0108 026175 03612f 066172 0b81 a4 016173 02d90106427b7d 03816178 04a161624101"},
		"FetchedNone": {codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: "r"},
			"a4 0108 026175 03612f 066172"},
		"Emit": {codec.Envelope{Type: codec.ServerSideEmit, Args: args(t, "e")},
			"a4 0109 026175 03612f 08 d90106 45 5b2265225d"},
		"Answer": {codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: "r", Value: rawJSON(t, "[1]")},
			"a5 010a 026175 03612f 066172 08 d90106 43 5b315d"},
		"NullAnswer": {codec.Envelope{Type: codec.BroadcastAck, RequestID: "r"}, "a4 010c 026175 03612f 066172"},
		"Count": {codec.Envelope{Type: codec.BroadcastClientCount, RequestID: "r", ClientCount: 300},
			"a5 010b 026175 03612f 066172 0c19012c"},
		"Reference": {codec.Envelope{Type: codec.BroadcastAck, AttachmentID: "12", RequesterUID: "q"},
			"a5 010c 026175 03612f 04623132 056171"},
		// 8:[null, false, -1, 2^64-1, 1.5, 0("1970-01-01T00:00:01.000000005Z"), {"b":1, "a":[]}]. The keys of maps
		// keep their order.
		"Tree": {codec.Envelope{Type: codec.BroadcastAck, Value: codec.FromTree([]any{nil, false, int64(-1),
			uint64(math.MaxUint64), 1.5, time.Unix(1, 5).UTC(),
			codec.Object{{Key: "b", Value: int64(1)}, {Key: "a", Value: []any{}}}})},
			"a4 010c 026175 03612f 08 87 f6 f4 20 1bffffffffffffffff f93e00 " +
				"c0781e313937302d30312d30315430303a30303a30312e3030303030303030355a a2 616201 616180"},
	}
}

func TestGoldenBytesNeverChange(t *testing.T) {
	for name, g := range golden(t) {
		t.Run(name, func(t *testing.T) {
			g.env.UID, g.env.NSP = "u", "/"
			want := unhex(t, g.hex)
			p, err := cbor.Codec{}.Append([]byte("before"), &g.env, codec.Binary)
			require.NoError(t, err)
			assert.Equal(t, hex.EncodeToString(want), hex.EncodeToString(p[len("before"):]))
			text, err := cbor.Codec{}.Append([]byte("before"), &g.env, codec.Text)
			require.NoError(t, err)
			assert.Equal(t, "before"+base64.RawURLEncoding.EncodeToString(want), string(text))

			g.env.Nonce = 0
			for _, f := range both {
				in := want
				if f == codec.Text {
					in = text[len("before"):]
				}
				got, err := cbor.Codec{}.Parse(in, f)
				require.NoError(t, err)
				compare(t, &g.env, got)
				assert.True(t, cbor.Codec{}.SentBy(in, f, "u"))
				assert.False(t, cbor.Codec{}.SentBy(in, f, "v"))
			}
		})
	}
}

// compare compares two envelopes. User data is compared by its content.
func compare(t *testing.T, want, got *codec.Envelope) {
	t.Helper()
	valueText := func(v codec.Value) any {
		tree, err := v.Tree()
		require.NoError(t, err)
		return tree
	}
	assert.Equal(t, want.Args.Event(), got.Args.Event())
	assert.Equal(t, want.Args.Len(), got.Args.Len())
	assert.Equal(t, valueText(want.Args.Value()), valueText(got.Args.Value()))
	assert.Equal(t, valueText(want.Value), valueText(got.Value))
	require.Len(t, got.Sockets, len(want.Sockets))
	a, b := *want, *got
	a.Args, a.Value, b.Args, b.Value = codec.Args{}, codec.Value{}, codec.Args{}, codec.Value{}
	a.Sockets, b.Sockets = nil, nil
	assert.Equal(t, a, b)
	for i, s := range want.Sockets {
		assert.Equal(t, s.ID, got.Sockets[i].ID)
		assert.Equal(t, s.Rooms, got.Sockets[i].Rooms)
		assert.Equal(t, valueText(s.Handshake), valueText(got.Sockets[i].Handshake))
		assert.Equal(t, valueText(s.Data), valueText(got.Sockets[i].Data))
	}
}

func TestJSONIsForwardedUnchanged(t *testing.T) {
	const packet = ` [ "e" , {"b":1.50, "a":"\u00e4\/"} ,[ ]]`
	a, err := codec.ArgsOf(rawJSON(t, packet))
	require.NoError(t, err)
	for _, f := range both {
		p, err := cbor.Codec{}.Append(nil, &codec.Envelope{Type: codec.Broadcast, Args: a}, f)
		require.NoError(t, err)
		env, err := cbor.Codec{}.Parse(p, f)
		require.NoError(t, err)
		raw, ok := env.Args.Value().Bytes(codec.JSON)
		require.True(t, ok)
		assert.Equal(t, packet, string(raw))
		assert.Equal(t, len(raw), cap(raw))
	}
}

func TestMalformedMessagesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"Empty": "", "NoMap": "80", "Text": "6161", "NoType": "a0", "Trailing": "a1010200", "TypeText": "a1016132",
		"TypeFloat": "a101f93e00", "TypeTooLarge": "a1011b7fffffffffffffff", "TypeNull": "a101f6",
		"UIDNumber": "a201020205", "TwiceTheType": "a201020103", "InvalidUTF8": "a201020261ff", "Short": "a2010202",
		"Indefinite": "bf0102ff", "IndefiniteText": "a20102027f6175ff",
		"NoOpts": "a201040980", "OptsNull": "a3010407f60980", "RoomsText": "a3010407a0096161",
		"NoPacket": "a2010307a0", "NegativeCount": "a2010b0c20", "HugeCount": "a2010b0c1bffffffffffffffff",
		"EventEmpty": "a201090880", "EventNumberIsNoArray": "a201090801", "EventOfMap": "a2010908 81a0",
		"EventNull": "a2010908f6", "EventBytes": "a20109088141ff",
		"JSONBroken": "a2010c08 d90106 41 7b", "JSONTrailing": "a2010c08 d90106 43 312032",
		"JSONUTF8": "a2010c08 d90106 43 22ff22", "JSONEmpty": "a2010c08 d90106 40",
		"JSONEventEmpty": "a2010908 d90106 42 5b5d", "JSONEventObject": "a2010908 d90106 42 7b7d",
		"BombArray": "9bffffffffffffffff", "BombMap": "bb7fffffffffffffff", "BombText": "a201027b7fffffffffffffff",
		"BombBytes": "5bffffffffffffffff", "BombRooms": "a3010407a0099b0000ffffffffffff",
	} {
		p := unhex(t, text)
		env, err := cbor.Codec{}.Parse(p, codec.Binary)
		require.ErrorIs(t, err, codec.ErrMalformed, name)
		assert.Nil(t, env)
		_, err = cbor.Codec{}.Parse([]byte(base64.RawURLEncoding.EncodeToString(p)), codec.Text)
		require.ErrorIs(t, err, codec.ErrMalformed, name)
	}
	for _, text := range []string{"!", "oQEC=", "oQ+C", "oQED\x00", "oQE"} {
		_, err := cbor.Codec{}.Parse([]byte(text), codec.Text)
		require.ErrorIs(t, err, codec.ErrMalformed, text)
	}
	env, err := cbor.Codec{}.Parse(unhex(t, "a3 011863 08f5 1901f4 80"), codec.Binary)
	require.NoError(t, err, "unknown types and keys are not errors")
	assert.Equal(t, &codec.Envelope{Type: 99, Skipped: 1}, env)
	_, err = cbor.Codec{}.Parse(nil, 0)
	require.Error(t, err)
}

func TestMalformedValuesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"Empty": "", "Trailing": "0101", "Tag": "c501", "Tag2": "c24101",
		"TagAbove32Bits": "db0000000100000106427b7d", "Tag262Text": "d901066131", "Tag262Broken": "d90106417b",
		"Simple": "e0", "SimpleLong": "f8ff",
		"NumberKey": "a10101", "BytesKey": "a1416101", "NullKey": "a1f601", "InvalidUTF8": "61ff",
		"InvalidKey": "a161ff01", "Indefinite": "9fff", "Break": "ff", "Reserved": "1c", "BadTime": "c06161",
		"Bomb": "9bffffffffffffffff", "BombNested": "819bffffffffffffffff01",
		"LongArray": "9b0000000100000000", "LongMap": "bb0000000100000000", "LongText": "7b000000010000000161",
		"LongBytes": "5b0000000100000000", "LongJSON": "d901065b00000001000000027b7d",
	} {
		_, err := cbor.CBOR.Tree(unhex(t, text))
		require.ErrorIs(t, err, codec.ErrMalformed, name)
	}
	for text, want := range map[string]any{
		"f7": nil, "f6": nil, "f5": true, "1bffffffffffffffff": uint64(math.MaxUint64),
		"1b7fffffffffffffff": int64(math.MaxInt64), "3b7fffffffffffffff": int64(math.MinInt64),
		"fa3fc00000": 1.5, "f97c00": math.Inf(1), "1800": int64(0), "40": []byte{},
		"a2616101616102": codec.Object{{Key: "a", Value: int64(1)}, {Key: "a", Value: int64(2)}},
		"81d90106427b7d": []any{codec.Object{}}, "c101": time.Unix(1, 0).UTC(),
	} {
		got, err := cbor.CBOR.Tree(unhex(t, text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	_, err := cbor.CBOR.Tree(unhex(t, "3bffffffffffffffff"))
	require.ErrorIs(t, err, codec.ErrMalformed, "an integer below the range of 64 bits")
	assert.Equal(t, "cbor", cbor.CBOR.Name())
}

func TestDepthLimitIsInclusive(t *testing.T) {
	for _, open := range []string{"81", "a16161"} {
		_, err := cbor.CBOR.Tree(unhex(t, strings.Repeat(open, 99)+"80"))
		require.NoError(t, err)
		_, err = cbor.CBOR.Tree(unhex(t, strings.Repeat(open, 100)+"80"))
		require.ErrorIs(t, err, codec.ErrDepth)
		require.ErrorIs(t, err, codec.ErrMalformed)
		_, err = cbor.CBOR.Tree(unhex(t, strings.Repeat(open, 100_000)))
		require.ErrorIs(t, err, codec.ErrDepth)
		_, err = cbor.Codec{}.Parse(unhex(t, "a2010c08"+strings.Repeat(open, 98)+"80"), codec.Binary)
		require.NoError(t, err)
		_, err = cbor.Codec{}.Parse(unhex(t, "a2010c08"+strings.Repeat(open, 99)+"80"), codec.Binary)
		require.ErrorIs(t, err, codec.ErrDepth)
	}
	deep := strings.Repeat("[", 99) + strings.Repeat("]", 99)
	v := codec.Raw(codec.JSON, []byte(deep))
	p, err := cbor.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v}, codec.Binary)
	require.NoError(t, err)
	_, err = cbor.Codec{}.Parse(p, codec.Binary)
	require.NoError(t, err)
	p, err = cbor.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck,
		Value: codec.Raw(codec.JSON, []byte("["+deep+"]"))}, codec.Binary)
	require.NoError(t, err)
	_, err = cbor.Codec{}.Parse(p, codec.Binary)
	require.ErrorIs(t, err, codec.ErrDepth)
}

func TestUnsupportedEnvelopesAreErrors(t *testing.T) {
	self := []any{nil}
	self[0] = self
	for name, env := range map[string]*codec.Envelope{
		"UnknownType":   {Type: 99},
		"NoEvent":       {Type: codec.Broadcast},
		"NegativeCount": {Type: codec.BroadcastClientCount, ClientCount: -1},
		"Cycle":         {Type: codec.BroadcastAck, Value: codec.FromTree(self)},
		"CycleInMap":    {Type: codec.BroadcastAck, Value: codec.FromTree(codec.Object{{Key: "a", Value: self}})},
		"NoTree":        {Type: codec.BroadcastAck, Value: codec.FromTree(1)},
		"YearTenThousand": {Type: codec.BroadcastAck, Value: codec.FromTree(time.Date(10_000, 1, 1, 0, 0, 0, 0,
			time.UTC))},
		"BadSocket": {Type: codec.FetchSocketsResponse,
			Sockets: []codec.Socket{{ID: "s", Data: codec.FromTree(1)}}},
		"BadHandshake": {Type: codec.FetchSocketsResponse,
			Sockets: []codec.Socket{{ID: "s", Handshake: codec.FromTree(1)}}},
	} {
		for _, f := range both {
			dst := append(make([]byte, 0, 512), "before"...)
			p, err := cbor.Codec{}.Append(dst, env, f)
			require.Error(t, err, name)
			assert.Equal(t, "before", string(p), name)
		}
	}
	_, err := cbor.Codec{}.Append(nil, &codec.Envelope{Type: codec.Heartbeat}, 0)
	require.Error(t, err)
}

func TestStringsBecomeValidUTF8(t *testing.T) {
	bad := "a\xffb\x00\xc3\xff"
	const good = "a\ufffdb\x00\ufffd\ufffd"
	rooms := []string{"x", bad, "y", bad}
	env := &codec.Envelope{Type: codec.SocketsJoin, UID: bad, NSP: bad, Rooms: rooms}
	for _, f := range both {
		p, err := cbor.Codec{}.Append(nil, env, f)
		require.NoError(t, err)
		back, err := cbor.Codec{}.Parse(p, f)
		require.NoError(t, err)
		assert.Equal(t, &codec.Envelope{Type: codec.SocketsJoin, UID: good, NSP: good,
			Rooms: []string{"x", good, "y", good}}, back)
	}
	assert.Equal(t, bad, rooms[1], "Append must not change the caller's list")
}

func TestSentByIsFalseForBrokenMessages(t *testing.T) {
	for _, text := range []string{"", "80", "a0", "a10261", "a101f5", "a1013903e8", "a2010202187f", "a1", "a101",
		"b8", "a2010202f6", "a10a05", "a2010201", "a201020261"} {
		for _, uid := range []string{"", "a", "u"} {
			assert.False(t, cbor.Codec{}.SentBy(unhex(t, text), codec.Binary, uid), text)
		}
	}
	assert.False(t, cbor.Codec{}.SentBy([]byte("!!"), codec.Text, ""))
	assert.False(t, cbor.Codec{}.SentBy(nil, 0, ""))
}

func TestSentByFindsTheSender(t *testing.T) {
	for _, uid := range []string{"0123456789abcdef", "", "é", strings.Repeat("u", 23), strings.Repeat("u", 24),
		strings.Repeat("u", 150), strings.Repeat("u", 300)} {
		env := &codec.Envelope{Type: codec.Broadcast, UID: uid, NSP: "/n",
			Args: args(t, "e", strings.Repeat("x", 1000))}
		for _, f := range []codec.Format{codec.Text, codec.Binary} {
			p, err := cbor.Codec{}.Append(nil, env, f)
			require.NoError(t, err)
			known := uid != "" && (f == codec.Binary || len(uid) < 160)
			assert.Equal(t, known, cbor.Codec{}.SentBy(p, f, uid), "%q", uid)
			for _, other := range []string{uid + "u", "x", "/n", "e"} {
				assert.False(t, cbor.Codec{}.SentBy(p, f, other), "%q", other)
			}
			assert.Zero(t, testing.AllocsPerRun(100, func() { cbor.Codec{}.SentBy(p, f, uid) }))
			assert.Zero(t, testing.AllocsPerRun(100, func() { cbor.Codec{}.SentBy(p, f, "fedcba9876543210") }))
		}
	}
}

// The library encodes the zero time as null.
func TestTheZeroTimeIsKept(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)} {
		for _, f := range both {
			p, err := cbor.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: codec.FromTree(at)}, f)
			require.NoError(t, err)
			env, err := cbor.Codec{}.Parse(p, f)
			require.NoError(t, err)
			tree, err := env.Value.Tree()
			require.NoError(t, err)
			assert.Equal(t, at, tree)
		}
	}
}

// TestPeekAnswerFindsTheAnswersOfNodes: all answers that nodes of this library send, in both forms.
func TestPeekAnswerFindsTheAnswersOfNodes(t *testing.T) {
	for _, kind := range []codec.Type{codec.FetchSocketsResponse, codec.ServerSideEmitResponse,
		codec.BroadcastClientCount, codec.BroadcastAck} {
		want := codec.Envelope{Type: kind, UID: "0123456789abcdef", NSP: "/chat", RequestID: "fedcba9876543210"}
		env := want
		env.ClientCount, env.Sockets = 3, []codec.Socket{{ID: strings.Repeat("a", 1000)}}
		for _, f := range []codec.Format{codec.Text, codec.Binary} {
			p, err := cbor.Codec{}.Append(nil, &env, f)
			require.NoError(t, err)
			require.Equal(t, &want, cbor.Codec{}.PeekAnswer(p, f), "%q", p)
		}
		env.Type = codec.FetchSockets
		p, err := cbor.Codec{}.Append(nil, &env, codec.Binary)
		require.NoError(t, err)
		require.Nil(t, cbor.Codec{}.PeekAnswer(p, codec.Binary))
	}
}
