package legacy_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

func TestMessagesThatAreNone(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	event := []any{"e"}
	packet := func(members ...codec.Member) codec.Object { return members }
	data := codec.Member{Key: "data", Value: event}
	ours := func(channel, payload string) string { return string(pair(t, channel, payload)) }
	broadcast := func(tree any) string { return ours("k#/#", packed(t, tree)) }
	request := func(payload string) string { return ours("k-request#/#", payload) }
	answer := func(payload string) string { return ours("k-response#/#", payload) }
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for name, p := range map[string]string{
		"Nothing":              "",
		"NoJSON":               "hello",
		"Object":               `{"k#/#":"x"}`,
		"Number":               "1",
		"NoElement":            "[]",
		"OneElement":           `["k#/#"]`,
		"NumberForChannel":     `[1,"x"]`,
		"NumberForPayload":     `["k#/#",1]`,
		"NoEnd":                `["k#/#","x"`,
		"NoComma":              `["k#/#" "x"]`,
		"Trailing":             `["k#/#","x"]]`,
		"BadThirdElement":      `["k#/#","x",}]`,
		"NotUTF8":              "[\"k#/#\",\"\xff\"]",
		"ControlCharacter":     "[\"k#/#\",\"\n\"]",
		"NoBase64":             ours("k#/#", "?!"),
		"EmptyBroadcast":       ours("k#/#", ""),
		"MapForBroadcast":      broadcast(codec.Object{}),
		"EmptyArray":           broadcast([]any{}),
		"NoPacket":             broadcast([]any{"uid"}),
		"NullForPacket":        broadcast([]any{"uid", nil, nil}),
		"ListForPacket":        broadcast([]any{"uid", []any{}, nil}),
		"ListForUID":           broadcast([]any{event, packet(data), nil}),
		"NoData":               broadcast([]any{"uid", packet(), nil}),
		"EmptyData":            broadcast([]any{"uid", packet(codec.Member{Key: "data", Value: []any{}}), nil}),
		"TextForData":          broadcast([]any{"uid", packet(codec.Member{Key: "data", Value: "e"}), nil}),
		"NullForEvent":         broadcast([]any{"uid", packet(codec.Member{Key: "data", Value: []any{nil}}), nil}),
		"AckPacket":            broadcast([]any{"uid", packet(codec.Member{Key: "type", Value: int64(3)}, data), nil}),
		"NumberForNSP":         broadcast([]any{"uid", packet(data, codec.Member{Key: "nsp", Value: int64(1)}), nil}),
		"TrailingMsgpack":      ours("k#/#", b64([]byte{0x90, 0xc0})),
		"LengthThatLies":       ours("k#/#", b64([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 1})),
		"TextThatLies":         ours("k#/#", b64([]byte{0x92, 0xdb, 0xff, 0xff, 0xff, 0xff})),
		"DeepMsgpack":          ours("k#/#", b64(bytes.Repeat([]byte{0x91}, 1000))),
		"UnknownByte":          ours("k#/#", b64([]byte{0x92, 0xc1, 0xc0})),
		"RequestNoJSON":        request("x"),
		"RequestArray":         request("[]"),
		"RequestTrailing":      request("{}{}"),
		"RequestDeep":          request(`{"type":5,"requestid":"r","data":` + deep + `}`),
		"RequestWithoutType":   request(`{"requestid":"r"}`),
		"RequestTextForType":   request(`{"requestid":"r","type":"0"}`),
		"RequestFraction":      request(`{"requestid":"r","type":0.5}`),
		"RequestUnknownType":   request(`{"requestid":"r","type":7}`),
		"ClientsWithoutID":     request(`{"type":0}`),
		"ClientRoomsWithoutID": request(`{"type":1,"sid":"s"}`),
		"AllRoomsWithoutID":    request(`{"type":2}`),
		"NoSID":                request(`{"requestid":"r","type":1}`),
		"ListForSID":           request(`{"requestid":"r","type":3,"sid":[],"room":"r"}`),
		"NoRoom":               request(`{"requestid":"r","type":4,"sid":"s"}`),
		"AnswerWithoutID":      answer(`{"clients":[]}`),
		"AnswerNullID":         answer(`{"requestid":null,"clients":[]}`),
		"AnswerTextForClients": answer(`{"requestid":"r","clients":"a"}`),
		"AnswerNullForRooms":   answer(`{"requestid":"r","rooms":null}`),
		"AnswerNoJSON":         answer("null"),
	} {
		t.Run(name, func(t *testing.T) {
			env, err := open(t, "k").Parse("socketio", []byte(p))
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
		})
	}
}

// What is missing or invalid where the message can be used without it is skipped, and never selects more sockets.
func TestInvalidPartsAreSkipped(t *testing.T) {
	w := open(t, "k")
	for name, test := range map[string]struct {
		opts    any
		rooms   []string
		except  []string
		nobody  bool
		skipped int
	}{
		"Null":           {nil, nil, nil, false, 0},
		"Empty":          {codec.Object{}, nil, nil, false, 0},
		"NotAMap":        {"x", nil, nil, true, 1},
		"NullRooms":      {codec.Object{{Key: "rooms"}}, nil, nil, false, 0},
		"TextForRooms":   {codec.Object{{Key: "rooms", Value: "a"}}, nil, nil, true, 1},
		"NoReadableRoom": {codec.Object{{Key: "rooms", Value: []any{nil}}}, nil, nil, true, 1},
		"AReadableRoom": {codec.Object{{Key: "rooms", Value: []any{nil, "a", 1.5}}}, []string{"a", "1.5"}, nil,
			false, 1},
		"NumberForExcept": {codec.Object{{Key: "except", Value: int64(1)}}, nil, nil, true, 1},
		"OddExcept":       {codec.Object{{Key: "except", Value: []any{int64(7), true}}}, nil, []string{"7"}, false, 1},
		"TextForFlags":    {codec.Object{{Key: "flags", Value: "a"}}, nil, nil, false, 1},
		"OddFlags": {codec.Object{{Key: "flags", Value: codec.Object{{Key: "volatile", Value: int64(1)},
			{Key: "compress", Value: "x"}, {Key: "local", Value: true}, {Key: "new", Value: true}}}},
			nil, nil, false, 3},
		"UnknownKey": {codec.Object{{Key: "new", Value: int64(1)}}, nil, nil, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			packet := codec.Object{{Key: "data", Value: []any{"e"}}}
			env, err := w.Parse("socketio", pair(t, "k#/#", packed(t, []any{int64(7), packet, test.opts})))
			require.NoError(t, err)
			assert.Equal(t, "7", env.UID)
			assert.Equal(t, test.rooms, env.Opts.Rooms)
			assert.Equal(t, test.except, env.Opts.Except)
			assert.Equal(t, test.nobody, env.Opts.Nobody)
			assert.Equal(t, test.skipped, env.Skipped)
		})
	}
	packet := codec.Object{{Key: "data", Value: []any{int64(7)}}, {Key: "id", Value: int64(1)}, {Key: "x"}}
	env, err := w.Parse("socketio", pair(t, "k#/#", packed(t, []any{nil, packet, nil, "more"})))
	require.NoError(t, err)
	assert.Equal(t, "7", env.Args.Event())
	assert.Empty(t, env.UID)
	assert.Equal(t, 2, env.Skipped)

	env, err = w.Parse("socketio", []byte(" [\n\"k-request#/#\" , \"{\\\"type\\\":3,\\\"sid\\\":1,\\\"room\\\":2.5,"+
		"\\\"requestid\\\":9,\\\"x\\\":1}\" , null ] "))
	require.NoError(t, err)
	assert.Equal(t, codec.SocketsJoin, env.Type)
	assert.Equal(t, "9", env.RequestID)
	assert.Equal(t, []string{"1"}, env.Opts.Rooms)
	assert.Equal(t, []string{"2.5"}, env.Rooms)
	assert.Equal(t, 2, env.Skipped)
}

// FuzzParse feeds the parser two messages, which may be pieces of one.
func FuzzParse(f *testing.F) {
	for _, v := range readVectors(f) {
		if len(v.Raw) <= 2 && len(v.Raw[0]) < 2000 {
			f.Add([]byte(v.Raw[0]), []byte(v.Raw[len(v.Raw)-1]))
		}
	}
	f.Add([]byte(`["vectors-response#/#","_chunk_a_0_2                                      {\"requestid\":"]`),
		[]byte(`["vectors-response#/#","_chunk_a_1_2                                      \"\ud83d\"}"]`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w := open(t, "vectors")
		for _, p := range [][]byte{first, second} {
			before := bytes.Clone(p)
			env, err := w.Parse("socketio", p)
			require.Equal(t, before, p)
			checkParsed(t, w, env, err)
			if err == nil && env != nil && env.UID != "" {
				w.(dialect.Peeker).SentBy(p, env.UID)
			}
			if w.(dialect.Peeker).SentBy(p, uid) && env != nil {
				require.Equal(t, uid, env.UID)
			}
		}
	})
}

// checkParsed checks a result of Parse. What was parsed can be written again, unless the dialect says why not.
func checkParsed(t *testing.T, w dialect.Wire, env *codec.Envelope, err error) {
	t.Helper()
	if err != nil {
		require.True(t, errors.Is(err, codec.ErrMalformed) || errors.Is(err, dialect.ErrForeign), "%v", err)
		return
	}
	if env == nil {
		return
	}
	require.True(t, w.Carries(env.Type))
	require.True(t, strings.HasPrefix(env.NSP, "/"), "%q", env.NSP)
	p, err := w.Append(nil, env)
	if err != nil {
		return // no room, __proto__, or a message without an id
	}
	require.True(t, json.Valid(p))
	fresh := open(t, "vectors")
	again, err := fresh.Parse("socketio", p)
	require.NoError(t, err, "%s", p)
	want := *env
	want.Skipped = 0
	if want.Value.IsNull() {
		want.Value = codec.Value{}
	}
	want.Opts.Flags.Timeout = 0
	same(t, &want, again)
}

// Lengths that lie, and deep nesting, cost no more than the bytes that there are.
func TestMemoryIsProportionalToTheMessage(t *testing.T) {
	w := open(t, "k")
	array := make([]byte, 100_000)
	copy(array, []byte{0xdd, 0, 1, 0x86, 0x9b}) // as many elements as there are bytes
	rooms := packed(t, []any{"u", codec.Object{{Key: "data", Value: []any{"e"}}}, codec.Object{{Key: "rooms",
		Value: make([]any, 50_000)}}})
	for name, p := range map[string][]byte{
		"Array": pair(t, "k#/#", base64.StdEncoding.EncodeToString(array)),
		"Rooms": pair(t, "k#/#", rooms),
		"JSON":  pair(t, "k-request#/#", `{"type":0,"requestid":"r","rooms":[`+strings.Repeat("1,", 50_000)+`1]}`),
		"Keys":  pair(t, "k-request#/#", `{"type":2,"requestid":"r"`+strings.Repeat(`,"a":1`, 20_000)+`}`),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = w.Parse("socketio", p)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80*len(p)), name)
	}
}
