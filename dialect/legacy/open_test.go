package legacy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestOptionsThatCannotWork(t *testing.T) {
	var config *fault.ConfigError
	_, err := legacy.Dialect{}.Open(dialect.Options{Prefix: "x", Codec: jsonmsgpack.Codec{}})
	require.ErrorAs(t, err, &config)
	assert.Equal(t, "Codec", config.Field)
	_, err = legacy.Dialect{}.Open(dialect.Options{Prefix: "x", Signed: true})
	require.ErrorAs(t, err, &config)
	assert.Equal(t, "Secret", config.Field)
	var name *fault.NameError
	for _, prefix := range []string{"a\x00", "\xff"} {
		_, err = legacy.Dialect{}.Open(dialect.Options{Prefix: prefix})
		require.ErrorAs(t, err, &name)
	}
	w := open(t, "socket.io")
	for _, nsp := range []string{"x", "/\xff", "/\x00", "/" + string(make([]byte, 4000))} {
		_, err = w.Namespace(nsp, uid)
		require.ErrorAs(t, err, &name, "%.20q", nsp)
	}
	_, err = openOn(t, memory.NewHub()).Namespace("/"+string(make([]byte, 0)), uid)
	require.NoError(t, err)
}

func openOn(t testing.TB, bus any) dialect.Wire {
	t.Helper()
	w, err := legacy.Dialect{}.Open(dialect.Options{Prefix: "socket.io", Bus: bus})
	require.NoError(t, err)
	return w
}

func TestTheProcessHasAChannelOfItsOwn(t *testing.T) {
	channels := make(map[string]bool)
	long := "long long long long long long long long long long long long long "
	for _, prefix := range []string{"", "socket.io", "a", "b", long + "1", long + "2", "ü"} {
		w := open(t, prefix)
		c := channel(t, w, "")
		require.LessOrEqual(t, len(c), transport.MinChannel)
		require.NotEqual(t, "socketio", c)
		require.False(t, channels[c])
		channels[c] = true
		env := &codec.Envelope{Type: codec.Heartbeat, UID: uid, Process: other, Clock: 1 << 50}
		p, err := w.Append(nil, env)
		require.NoError(t, err)
		got, err := w.Parse(c, p)
		require.NoError(t, err)
		same(t, env, got)
		require.True(t, w.(dialect.Peeker).SentBy(p, uid))
		require.False(t, w.(dialect.Peeker).SentBy(p, other))

		_, err = w.Append(nil, &codec.Envelope{Type: codec.Broadcast, UID: uid, Args: args(t, "event")})
		var unsupported *fault.UnsupportedError
		require.ErrorAs(t, err, &unsupported)
		_, err = w.Parse(c, []byte(`{"type":3,"uid":"x","data":{"packet":{"data":["e"]},"opts":{}}}`))
		require.ErrorIs(t, err, codec.ErrMalformed)
		_, err = w.Parse(c, []byte(`{"type":2,"uid":"x","nsp":"/"}`))
		require.ErrorIs(t, err, dialect.ErrForeign)
	}
}
