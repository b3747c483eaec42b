package redisstreams_test

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/transport"
)

func TestOptionsThatCannotWork(t *testing.T) {
	for field, o := range map[string]dialect.Options{
		"Codec":  {Prefix: "k", Codec: jsonmsgpack.Codec{}},
		"Secret": {Prefix: "k", Signed: true},
		"Bus":    {Prefix: "k", Limits: transport.Limits{Text: true}},
	} {
		_, err := redisstreams.Dialect{}.Open(o)
		var config *fault.ConfigError
		require.ErrorAs(t, err, &config)
		require.Equal(t, field, config.Field)
	}
	for _, prefix := range []string{"a#/b", "a\x00", "a\xff", "stream:a", strings.Repeat("x", 50)} {
		_, err := redisstreams.Dialect{}.Open(dialect.Options{Prefix: prefix, Limits: transport.Limits{Channel: 60}})
		require.ErrorAs(t, err, new(*fault.NameError), prefix)
	}
}

// The names of streams are those that the hash of the npm package has: its results were computed with Node.js.
func TestStreams(t *testing.T) {
	for nsp, number := range map[string]string{"/": "47", "/chat": "46457863", "/Grüße 🎉": "1361009733",
		"/admin": "1438238848", "/orders0": "-899402020"} {
		w, err := redisstreams.Dialect{Stream: "s", Streams: math.MaxInt32}.Open(dialect.Options{Prefix: "k"})
		require.NoError(t, err)
		r, err := w.Namespace(nsp, "0123456789abcdef")
		require.NoError(t, err)
		require.Equal(t, []string{
			"stream:s-" + number + "#" + nsp, "k#" + nsp + "#", "k#" + nsp + "#0123456789abcdef#",
		}, r.Listen())
	}
}

func TestForeignMessages(t *testing.T) {
	w := open(t, "k")
	published, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.FetchSockets, UID: "u", NSP: "/a"},
		codec.Binary)
	require.NoError(t, err)
	entry := streamentry.Append(nil, "uid", "u", "nsp", "/a", "type", "3", "data",
		`{"packet":{"data":["e"]},"opts":{"rooms":[]}}`)
	for channel, ok := range map[string]bool{"k#/a#": true, "k#/a#u#": true, "k#/b#": false, "k#/a#u": false,
		"k#/a#b#c#": false, "other#/a#": false} {
		_, err := w.Parse(channel, published)
		require.Equal(t, ok, err == nil, "%s: %v", channel, err)
	}
	for channel, ok := range map[string]bool{"stream:k#/a": true, "stream:k#/b": false, "stream:other#/a": false} {
		_, err := w.Parse(channel, entry)
		require.Equal(t, ok, err == nil, "%s: %v", channel, err)
	}
}

func TestMalformedEntries(t *testing.T) {
	w := open(t, "k")
	for name, fields := range map[string][]string{
		"NoType": {"uid", "u", "nsp", "/"}, "NoNumber": {"type", "3x", "nsp", "/"}, "NoData": {"type", "3", "nsp", "/"},
		"NotJSON": {"type", "3", "nsp", "/", "data", "{"}, "NotBase64": {"type", "3", "nsp", "/", "data", "!"},
		"NotMessagePack": {"type", "3", "nsp", "/", "data", "wQ=="}, "Senders": {"uid", "a", "uid", "b", "type", "3"},
		"NoPacket": {"type", "3", "nsp", "/", "data", `{"opts":{"rooms":[]}}`},
	} {
		env, err := w.Parse("stream:k#/", streamentry.Append(nil, fields...))
		require.ErrorIs(t, err, codec.ErrMalformed, name)
		require.Nil(t, env)
	}
	for _, p := range []string{
		"", "*", "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$5\r\nb\r\n",
		"*2\r\n$1\r\na\r\n$1\r\nb\r\nx",
		"*02\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$99999999999\r\na\r\n",
	} {
		_, err := w.Parse("stream:k#/", []byte(p))
		require.ErrorIs(t, err, codec.ErrMalformed, "%q", p)
	}
	for _, kind := range []string{"1", "2", "13"} { // of version 0.2
		env, err := w.Parse("stream:k#/", streamentry.Append(nil, "uid", "u", "nsp", "/", "type", kind))
		require.NoError(t, err)
		require.Nil(t, env)
	}
}

// nodeSession is what @msgpack/msgpack 2.8, which the npm package uses, writes for a session.
const nodeSession = "84a3736964b4474c3250676b58314f5f4b76683357344141414ea3706964b26a6b504b6576636c337230704e4b3654" +
	"4142a5726f6f6d7392b4474c3250676b58314f5f4b76683357344141414ea364656ea46461746181a16e01"

func TestSessions(t *testing.T) {
	form := open(t, "k").(dialect.Shared)
	raw, err := hex.DecodeString(nodeSession)
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString(raw)
	s, err := form.ParseSession([]byte(text))
	require.NoError(t, err)
	require.Equal(t, "GL2PgkX1O_Kvh3W4AAAN", s.ID)
	require.Equal(t, "jkPKevcl3r0pNK6T", s.PID[:16])
	require.Equal(t, []string{s.ID, "den"}, s.Rooms)
	require.Empty(t, s.Own)
	written, err := form.AppendSession([]byte("x"), s)
	require.NoError(t, err)
	require.Equal(t, "x"+text, string(written), "byte for byte")
	s.Own = []byte(`{"a":1}`)
	written, err = form.AppendSession(nil, s)
	require.NoError(t, err)
	again, err := form.ParseSession(written)
	require.NoError(t, err)
	require.Equal(t, s, again)
	for _, p := range []string{"", "!", "wQ==", "kA==", "gaNzaWSQ"} {
		_, err := form.ParseSession([]byte(p))
		require.ErrorIs(t, err, codec.ErrMalformed, "%q", p)
	}
}

func TestOffsets(t *testing.T) {
	form := open(t, "k").(dialect.Shared)
	for text, o := range map[string]transport.Offset{"0-0": {}, "1700000000123-7": {Major: 1700000000123, Minor: 7}} {
		got, ok := form.ParseOffset(text)
		require.True(t, ok)
		require.Equal(t, o, got)
		require.Equal(t, text, form.OffsetText(o))
	}
	for _, text := range []string{"", "1", "1-", "-1", "01-1", "1-1-1", "1-x", "+1-1", "99999999999999999999-1"} {
		_, ok := form.ParseOffset(text)
		require.False(t, ok, text)
	}
}

// FuzzParse reads arbitrary bytes, as anybody can publish them and add them to the stream. What is read is written, and
// read again.
func FuzzParse(f *testing.F) {
	w := open(f, "vectors")
	for _, v := range readVectors(f) {
		if len(v.Raw) < 1000 {
			f.Add(v.Channel, v.Raw)
		}
	}
	f.Fuzz(func(t *testing.T, channel string, p []byte) {
		w.(dialect.Peeker).SentBy(p, "emitter")
		_, _ = w.(dialect.Shared).ParseSession(p)
		env, err := w.Parse(channel, p)
		if err != nil || env == nil {
			return
		}
		r, err := w.Namespace(env.NSP, "0123456789abcdef")
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
