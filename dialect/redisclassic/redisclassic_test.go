package redisclassic_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redisclassic"
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
		_, err := redisclassic.Dialect{}.Open(o)
		var config *fault.ConfigError
		require.ErrorAs(t, err, &config)
		require.Equal(t, field, config.Field)
	}
	for _, o := range []dialect.Options{
		{Prefix: "a#/b"}, {Prefix: "a\x00"}, {Prefix: "a\xff"},
		{Prefix: strings.Repeat("x", 50), Limits: transport.Limits{Channel: 60}},
	} {
		_, err := redisclassic.Dialect{}.Open(o)
		var name *fault.NameError
		require.ErrorAs(t, err, &name)
		require.Equal(t, o.Prefix, name.Name)
	}
}

func TestChannels(t *testing.T) {
	for _, shared := range []bool{true, false} {
		w, err := redisclassic.Dialect{SharedResponses: shared}.Open(dialect.Options{Prefix: "k",
			Limits: transport.Limits{Channel: 50}})
		require.NoError(t, err)
		r, err := w.Namespace("/a*", uid)
		require.NoError(t, err)
		require.Equal(t, []string{"k-request#/a*#", "k-response#/a*#", "k-response#/a*#" + uid + "#",
			transport.PrefixName("k#/a*#")}, r.Listen())
		require.Equal(t, "k-request#/a*#", w.(dialect.Counted).CountedChannel("/a*"))

		to := func(typ codec.Type, id string, rooms ...string) string {
			return r.Channel(&codec.Envelope{Type: typ, RequestID: id, Opts: codec.Opts{Rooms: rooms}})
		}
		require.Equal(t, "k#/a*#", to(codec.Broadcast, ""))
		require.Equal(t, "k#/a*#r#", to(codec.Broadcast, "", "r"))
		require.Equal(t, "k#/a*#", to(codec.Broadcast, "", "r", "s"))
		require.Equal(t, "k#/a*#", to(codec.Broadcast, "", "a\x00"), "no channel can have this name")
		require.Equal(t, "k#/a*#", to(codec.Broadcast, "", strings.Repeat("x", 50)), "the name would be too long")
		require.Equal(t, "k-request#/a*#", to(codec.Broadcast, "id", "r"))
		require.Equal(t, "k-request#/a*#", to(codec.SocketsJoin, "", "r"))

		answer := func(typ codec.Type, requester string) string {
			return r.Channel(&codec.Envelope{Type: typ, RequestID: "id", RequesterUID: requester})
		}
		all, one := "k-response#/a*#", "k-response#/a*#"
		if !shared {
			one += "abcdef#"
		}
		require.Equal(t, one, answer(codec.FetchSocketsResponse, "abcdef"))
		require.Equal(t, one, answer(codec.BroadcastAck, "abcdef"))
		require.Equal(t, all, answer(codec.ServerSideEmitResponse, "abcdef"))
		for _, odd := range []string{"", "emitter", "a#b", "a\x00", strings.Repeat("x", 50)} {
			require.Equal(t, all, answer(codec.BroadcastAck, odd), "%q", odd)
		}
	}
}

func TestNamespacesThatCannotWork(t *testing.T) {
	w := open(t, "k")
	for _, nsp := range []string{"chat", "/a\x00", "/a\xff", "/a#" + uid} {
		_, err := w.Namespace(nsp, uid)
		var name *fault.NameError
		require.ErrorAs(t, err, &name, nsp)
		require.Equal(t, nsp, name.Name)
	}
}

// An answer is one in the namespace of its channel, which may be that of one node, whatever its uid.
func TestAnswersOverTheChannelOfANode(t *testing.T) {
	w := open(t, "k")
	for _, own := range []string{uid, "worker 1"} {
		r, err := w.Namespace("/a#b", own)
		require.NoError(t, err)
		for _, channel := range r.Listen()[1:3] {
			env, err := w.Parse(channel, []byte(`{"requestId":"r","sockets":["a"]}`))
			require.NoError(t, err)
			require.Equal(t, "/a#b", env.NSP)
		}
	}
}

// Requests and answers are JSON if they can be.
func TestOnlyBytesNeedMessagePack(t *testing.T) {
	w := open(t, "k")
	for _, data := range []any{"text", []byte("bytes")} {
		v, err := codec.NewValue(data)
		require.NoError(t, err)
		args, err := codec.NewArgs("event", data)
		require.NoError(t, err)
		_, isText := data.(string)
		for _, env := range []codec.Envelope{
			{Type: codec.ServerSideEmit, Args: args},
			{Type: codec.ServerSideEmit, Args: args, RequestID: "r"},
			{Type: codec.ServerSideEmitResponse, Value: v, RequestID: "r"},
			{Type: codec.FetchSocketsResponse, RequestID: "r", Sockets: []codec.Socket{{ID: "s", Data: v}}},
		} {
			env.UID, env.NSP = uid, "/"
			p, err := w.Append(nil, &env)
			require.NoError(t, err)
			require.Equal(t, isText, p[0] == '{', "%v", env.Type)
			require.True(t, w.(dialect.Peeker).SentBy(p, uid))
			require.False(t, w.(dialect.Peeker).SentBy(p, uid[1:]))
		}
	}
}
