package redissharded_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

const uid = "0123456789abcdef"

func TestOptionsThatCannotWork(t *testing.T) {
	for field, o := range map[string]dialect.Options{
		"Codec":  {Prefix: "k", Codec: jsonmsgpack.Codec{}},
		"Secret": {Prefix: "k", Signed: true},
		"Bus":    {Prefix: "k", Limits: transport.Limits{Text: true}},
	} {
		_, err := redissharded.Dialect{}.Open(o)
		var config *fault.ConfigError
		require.ErrorAs(t, err, &config)
		require.Equal(t, field, config.Field)
	}
	_, err := redissharded.Dialect{Mode: 3}.Open(dialect.Options{Prefix: "k"})
	require.ErrorContains(t, err, "there is no mode 3")
	for _, o := range []dialect.Options{
		{Prefix: "a#/b"}, {Prefix: "a\x00"}, {Prefix: "a\xff"},
		{Prefix: strings.Repeat("x", 50), Limits: transport.Limits{Channel: 60}},
	} {
		_, err := redissharded.Dialect{}.Open(o)
		var name *fault.NameError
		require.ErrorAs(t, err, &name)
		require.Equal(t, o.Prefix, name.Name)
	}
}

func TestChannels(t *testing.T) {
	const ofAll, twenty, emoji = "k#/a*#", "abcdefghijklmnopqrst", "twenty characters 😀"
	for mode, rooms := range map[redissharded.Mode]map[string]string{
		redissharded.Static: {"r": ofAll, twenty: ofAll, uid: ofAll, "a#b": ofAll},
		redissharded.Dynamic: {"r": ofAll + "r#", "": ofAll + "#", "a#b": ofAll + "a#b#", twenty: ofAll, emoji: ofAll,
			twenty + "u": ofAll + twenty + "u#", uid: ofAll + uid + "#", "a\x00": ofAll, "a\xff": ofAll,
			strings.Repeat("x", 50): ofAll},
		redissharded.DynamicPrivate: {"r": ofAll + "r#", twenty: ofAll + twenty + "#", "a\x00": ofAll},
	} {
		w, err := redissharded.Dialect{Mode: mode}.Open(dialect.Options{Prefix: "k",
			Limits: transport.Limits{Channel: 50}})
		require.NoError(t, err)
		r, err := w.Namespace("/a*", uid)
		require.NoError(t, err)
		require.Equal(t, []string{ofAll, ofAll + uid + "#"}, r.Listen())
		require.Equal(t, ofAll, w.(dialect.Counted).CountedChannel("/a*"))
		for room, channel := range rooms {
			env := codec.Envelope{Type: codec.Broadcast, Opts: codec.Opts{Rooms: []string{room}}}
			require.Equal(t, channel, r.Channel(&env), "%v: %q", mode, room)
			env.RequestID = "id"
			require.Equal(t, ofAll, r.Channel(&env), "all nodes answer")
			env = codec.Envelope{Type: codec.SocketsJoin, Opts: codec.Opts{Rooms: []string{room}}}
			require.Equal(t, ofAll, r.Channel(&env))
			of, dynamic := r.(dialect.RoomRoute)
			require.Equal(t, mode != redissharded.Static, dynamic)
			if dynamic {
				require.Equal(t, channel, ofAll+strings.TrimPrefix(of.RoomChannel(room), ofAll), "%v: %q", mode, room)
			}
		}
		for asker, channel := range map[string]string{
			"fedcba9876543210": ofAll + "fedcba9876543210#", "": ofAll, "a#b": ofAll, "emitter": ofAll,
			strings.Repeat("x", 50): ofAll, "a\x00": ofAll,
		} {
			env := codec.Envelope{Type: codec.FetchSocketsResponse, RequesterUID: asker}
			require.Equal(t, channel, r.Channel(&env), asker)
		}
		_, err = w.Namespace("/a#"+uid, uid)
		require.ErrorAs(t, err, new(*fault.NameError))
		_, err = w.Namespace("/a#b", uid)
		require.Equal(t, mode == redissharded.Static, err == nil, "%v", err)
	}
}

func TestMalformedMessages(t *testing.T) {
	w := open(t, "k", redissharded.Dynamic)
	deep := strings.Repeat("[", codec.MaxDepth) + strings.Repeat("]", codec.MaxDepth)
	for name, p := range map[string]string{
		"Empty": "", "Array": "[]", "Text": "x", "NotUTF8": "{\"type\":9,\"nsp\":\"\xff\"}", "NoType": `{"nsp":"/"}`,
		"Trailing":  `{"type":9,"nsp":"/","data":{"packet":["e"]}}x`,
		"NoPacket":  `{"type":3,"nsp":"/","data":{"opts":{"rooms":[]}}}`,
		"NoOpts":    `{"type":3,"nsp":"/","data":{"packet":{"data":["e"]}}}`,
		"NoData":    `{"type":3,"nsp":"/"}`,
		"Reference": `{"type":3,"nsp":"/","attachmentId":"7"}`,
		"Deep":      `{"type":9,"nsp":"/","data":{"packet":["e",` + deep + `]}}`,
		"ShortPack": "\x84\xa4type\x03", "PackArray": "\x91\x01",
	} {
		env, err := w.Parse("k#/#", []byte(p))
		require.ErrorIs(t, err, codec.ErrMalformed, name)
		require.Nil(t, env, name)
	}
}

func TestForeignMessages(t *testing.T) {
	message := func(nsp string) []byte {
		return []byte(`{"type":9,"data":{"packet":["e"]},"uid":"u","nsp":"` + nsp + `"}`)
	}
	for channel, ok := range map[string]bool{
		"k#/a#": true, "k#/a#room#": true, "k#/a#" + uid + "#": true, "k#/a##": true, "k#/a#b#c#": true, "k#/#": false,
		"k#/ab#": false, "k#/b#": false, "k#/a#room": false, "other#/a#": false,
	} {
		_, err := open(t, "k", redissharded.Dynamic).Parse(channel, message("/a"))
		require.Equal(t, ok, err == nil, "%s: %v", channel, err)
		if !ok {
			require.ErrorIs(t, err, dialect.ErrForeign)
		}
	}
	static := open(t, "k", redissharded.Static)
	_, err := static.Namespace("/a", "chosen")
	require.NoError(t, err)
	for channel, ok := range map[string]bool{"k#/a#": true, "k#/a#" + uid + "#": true, "k#/a#chosen#": true,
		"k#/a#room#": false} {
		_, err := static.Parse(channel, message("/a"))
		require.Equal(t, ok, err == nil, "%s: %v", channel, err)
	}
	for _, nsp := range []string{"", "a", "#"} {
		_, err := static.Parse("k#/a#", message(nsp))
		require.ErrorIs(t, err, dialect.ErrForeign)
	}
}

// The messages of adapters with heartbeats are ignored, as in Node.js.
func TestHeartbeatsOfOthersAreIgnored(t *testing.T) {
	w := open(t, "k", redissharded.Dynamic)
	for _, kind := range []string{"1", "2", "13"} {
		env, err := w.Parse("k#/#", []byte(`{"type":`+kind+`,"uid":"u","nsp":"/"}`))
		require.NoError(t, err)
		require.Nil(t, env)
	}
}

// FuzzParse reads arbitrary bytes, as anybody can publish them. What is read is written, and read again.
func FuzzParse(f *testing.F) {
	w := open(f, "vectors", redissharded.Dynamic)
	for _, v := range readVectors(f) {
		if len(v.Raw) < 1000 {
			f.Add(v.Channel, v.Raw)
		}
	}
	f.Add("vectors-process#", []byte(`{"uid":"a92be0d17c3f4856","type":2,"source":"_sio_adapter","process":"5d4b7f0e"}`))
	f.Fuzz(func(t *testing.T, channel string, p []byte) {
		w.(dialect.Peeker).SentBy(p, "emitter")
		env, err := w.Parse(channel, p)
		if err != nil || env == nil {
			return
		}
		r, err := w.Namespace(env.NSP, uid)
		if err != nil {
			return
		}
		again, err := w.Append(nil, env)
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
