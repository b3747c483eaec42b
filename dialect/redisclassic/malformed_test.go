package redisclassic_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

const (
	broadcasts = "k#/#"
	requests   = "k-request#/#"
	answers    = "k-response#/#"
)

func TestMalformedMessages(t *testing.T) {
	w := open(t, "k")
	deep := strings.Repeat("[", codec.MaxDepth+1) + strings.Repeat("]", codec.MaxDepth+1)
	for name, m := range map[string]struct{ channel, p string }{
		"EmptyBroadcast":      {broadcasts, ""},
		"JSONBroadcast":       {broadcasts, `{"uid":"a"}`},
		"BroadcastOfOne":      {broadcasts, "\x91\xa1a"},
		"BroadcastWithMore":   {broadcasts, "\x92\xa1a\x82\xa4data\x91\xa1e\xa3nsp\xa1/x"},
		"NoPacket":            {broadcasts, "\x92\xa1a\xc0"},
		"NoData":              {broadcasts, "\x92\xa1a\x81\xa3nsp\xa1/"},
		"NoEvent":             {broadcasts, "\x92\xa1a\x81\xa4data\x90"},
		"AckPacket":           {broadcasts, "\x92\xa1a\x82\xa4type\x03\xa4data\x91\xa1e"},
		"EmptyRequest":        {requests, ""},
		"RequestArray":        {requests, "[]"},
		"RequestTrailing":     {requests, `{"type":1,"requestId":"r"}x`},
		"RequestNotUTF8":      {requests, "{\"type\":1,\"requestId\":\"\xff\"}"},
		"RequestDeep":         {requests, `{"type":6,"data":["e",` + deep + `]}`},
		"RequestWithoutType":  {requests, `{"requestId":"r"}`},
		"RequestTextForType":  {requests, `{"requestId":"r","type":"0"}`},
		"RequestUnknownType":  {requests, `{"requestId":"r","type":10}`},
		"SocketsWithoutID":    {requests, `{"type":0,"rooms":[]}`},
		"FetchWithoutID":      {requests, `{"type":5,"opts":{}}`},
		"FetchWithoutOpts":    {requests, `{"type":5,"requestId":"r"}`},
		"JoinWithoutRooms":    {requests, `{"type":2,"opts":{"rooms":[]}}`},
		"OldJoinWithoutID":    {requests, `{"type":2,"sid":"s","room":"r"}`},
		"OldJoinWithoutSID":   {requests, `{"type":2,"requestId":"r","room":"r"}`},
		"OldJoinWithoutRoom":  {requests, `{"type":3,"requestId":"r","sid":"s"}`},
		"EmitWithoutData":     {requests, `{"type":6}`},
		"EmitWithoutEvent":    {requests, `{"type":6,"data":[]}`},
		"JSONAckBroadcast":    {requests, `{"type":7,"requestId":"r","packet":{"data":["e"]},"opts":{}}`},
		"AckBroadcastOfAll":   {requests, "\x83\xa4type\x07\xa9requestId\xa1r\xa6packet\x81\xa4data\x91\xa1e"},
		"AnswerWithoutID":     {answers, `{"sockets":[]}`},
		"AnswerOtherType":     {answers, `{"requestId":"r","type":4}`},
		"AnswerTextForList":   {answers, `{"requestId":"r","sockets":"a"}`},
		"AnswerNumberForList": {answers, `{"requestId":"r","rooms":1}`},
		"NegativeCount":       {answers, `{"requestId":"r","type":8,"clientCount":-1}`},
		"FractionForCount":    {answers, `{"requestId":"r","type":8,"clientCount":0.5}`},
		"NoCount":             {answers, `{"requestId":"r","type":8}`},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := w.Parse(m.channel, []byte(m.p))
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
		})
	}
}

// What cannot be read never selects more sockets than what can.
func TestInvalidPartsAreSkipped(t *testing.T) {
	w := open(t, "k")
	for name, p := range map[string]string{
		"RoomsOfNumbers":  `{"type":5,"requestId":"r","opts":{"rooms":[{}],"except":[]}}`,
		"TextForRooms":    `{"type":5,"requestId":"r","opts":{"rooms":"a"}}`,
		"TextForOpts":     `{"type":5,"requestId":"r","opts":"a"}`,
		"TextForExcept":   `{"type":5,"requestId":"r","opts":{"rooms":["a"],"except":"a"}}`,
		"OldRoomsOfNulls": `{"type":0,"requestId":"r","rooms":[null]}`,
	} {
		env, err := w.Parse(requests, []byte(p))
		require.NoError(t, err, name)
		require.True(t, env.Opts.Nobody, name)
		require.NotZero(t, env.Skipped, name)
	}
	env, err := w.Parse(requests, []byte(`{"uid":7,"type":2,"opts":{"rooms":[1,2.5],"x":1},"rooms":["a",null],"y":0}`))
	require.NoError(t, err)
	require.Equal(t, &codec.Envelope{Type: codec.SocketsJoin, UID: "7", NSP: "/", Rooms: []string{"a"}, Skipped: 3,
		Opts: codec.Opts{Rooms: []string{"1", "2.5"}}}, env)
	env, err = w.Parse(answers, []byte(`{"requestId":"r","sockets":[{"id":"a","rooms":["a"],"z":1},{"rooms":[]},"b"]}`))
	require.NoError(t, err)
	require.Equal(t, []codec.Socket{{ID: "a", Rooms: []string{"a"}}}, env.Sockets)
	require.Equal(t, 3, env.Skipped)
}

func TestForeignMessages(t *testing.T) {
	w := open(t, "k")
	packet := func(nsp string) []byte {
		p := append([]byte("\x92\xa1a\x82\xa4data\x91\xa1e\xa3nsp"), 0xa0|byte(len(nsp)))
		return append(p, nsp...)
	}
	whole := transport.PrefixName("k#/a#")
	env, err := w.Parse(whole, packet("/a"))
	require.NoError(t, err)
	require.Equal(t, "/a", env.NSP)
	env, err = w.Parse(whole, packet("/a#b")) // its channel begins like those of the rooms of /a
	require.NoError(t, err)
	require.Nil(t, env)
	for _, nsp := range []string{"/b", "/", "/ab"} {
		_, err = w.Parse(whole, packet(nsp))
		require.ErrorIs(t, err, dialect.ErrForeign, nsp)
	}
	_, err = w.Parse("k#/a#room#", packet("/a"))
	require.ErrorIs(t, err, dialect.ErrForeign, "the room is not one of the message")
	env, err = w.Parse("other#/a#", packet("/a"))
	require.NoError(t, err)
	require.Nil(t, env)
	_, err = w.Parse("k-request#/a#", []byte("\x84\xa4type\x07\xa9requestId\xa1r\xa6packet\x82\xa4data\x91\xa1e\xa3nsp"+
		"\xa2/b\xa4opts\x80"))
	require.ErrorIs(t, err, dialect.ErrForeign)
}

// FuzzParse reads arbitrary bytes, as anybody can publish them. What is read is written, and read again.
func FuzzParse(f *testing.F) {
	w := open(f, "vectors")
	for _, v := range readVectors(f) {
		if len(v.Raw) < 1000 {
			f.Add(v.Channel, v.Raw)
			f.Add(transport.PrefixName("vectors#"+v.NSP+"#"), v.Raw)
		}
	}
	f.Add("vectors-process#", []byte(`{"uid":"a92be0d17c3f4856","type":2,"source":"_sio_adapter","process":"5d4b7f0e"}`))
	f.Fuzz(func(t *testing.T, channel string, p []byte) {
		w.(dialect.Peeker).SentBy(p, "emitter")
		w.(dialect.AnswerPeeker).PeekAnswer(channel, p)
		env, err := w.Parse(channel, p)
		if err != nil || env == nil {
			return
		}
		again, err := w.Append(nil, env)
		if err != nil {
			return
		}
		r, err := w.Namespace(env.NSP, "0123456789abcdef")
		if err != nil {
			return
		}
		same, err := w.Parse(r.Channel(env), again)
		require.NoError(t, err)
		require.Equal(t, env.Type, same.Type)
		require.Equal(t, env.RequestID, same.RequestID)
		require.Equal(t, env.Opts.Rooms, same.Opts.Rooms)
	})
}
