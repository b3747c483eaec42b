package redissharded_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/vectors"
)

// vector is a message of the npm package. testdata/README.md explains the fields.
type vector struct {
	Name, NSP, Channel string
	Raw                []byte
	Decoded            json.RawMessage
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	p, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var list []vector
	require.NoError(t, json.Unmarshal(p, &list))
	require.Greater(t, len(list), 100)
	return list
}

func open(t testing.TB, prefix string, mode redissharded.Mode) dialect.Wire {
	t.Helper()
	w, err := redissharded.Dialect{Mode: mode}.Open(dialect.Options{Prefix: prefix})
	require.NoError(t, err)
	return w
}

// modeOf returns the mode in which a vector was recorded.
func modeOf(v vector) redissharded.Mode {
	if strings.HasPrefix(v.Name, "dynamic-private: ") {
		return redissharded.DynamicPrivate
	}
	return redissharded.Dynamic
}

func member(tree any, path ...string) any {
	for _, key := range path {
		o, _ := tree.(codec.Object)
		tree, _ = o.Lookup(key)
	}
	return tree
}

func names(v any) (list []string) {
	elems, _ := v.([]any)
	for _, e := range elems {
		list = append(list, e.(string))
	}
	return list
}

func tree(t *testing.T, v codec.Value) any {
	t.Helper()
	got, err := v.Tree()
	require.NoError(t, err)
	return vectors.Untag(got)
}

// TestVectors reads what the npm package has sent, and compares it with what its own decoder has read.
func TestVectors(t *testing.T) {
	seen := make(map[codec.Type]bool)
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			decoded, err := codec.JSON.Tree(v.Decoded)
			require.NoError(t, err)
			want := vectors.Untag(decoded)
			env, err := open(t, "vectors", modeOf(v)).Parse(v.Channel, v.Raw)
			require.NoError(t, err)
			assert.Zero(t, env.Skipped)
			assert.Equal(t, v.NSP, env.NSP)
			assert.Equal(t, member(want, "uid"), env.UID)
			assert.EqualValues(t, member(want, "type"), env.Type)
			seen[env.Type] = true
			check(t, env, member(want, "data"))
		})
	}
	assert.Len(t, seen, 10, "every type of message that the package has")
}

func check(t *testing.T, env *codec.Envelope, data any) {
	t.Helper()
	if id, ok := member(data, "requestId").(string); ok || env.RequestID != "" {
		assert.Equal(t, id, env.RequestID)
	}
	if opts := member(data, "opts"); opts != nil {
		assert.Equal(t, names(member(opts, "rooms")), env.Opts.Rooms)
		assert.Equal(t, names(member(opts, "except")), env.Opts.Except)
		flags := member(opts, "flags")
		assert.Equal(t, member(flags, "volatile") == true, env.Opts.Flags.Volatile)
		if compress := member(flags, "compress"); compress != nil {
			assert.Equal(t, compress, *env.Opts.Flags.Compress)
		}
		if timeout, ok := member(flags, "timeout").(int64); ok {
			assert.Equal(t, time.Duration(timeout)*time.Millisecond, env.Opts.Flags.Timeout)
		}
	}
	packet := member(data, "packet")
	switch env.Type {
	case codec.Broadcast:
		assert.Equal(t, member(packet, "data"), tree(t, env.Args.Value()))
	case codec.ServerSideEmit:
		assert.Equal(t, packet, tree(t, env.Args.Value()))
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		assert.Equal(t, packet, tree(t, env.Value))
	case codec.BroadcastClientCount:
		assert.EqualValues(t, member(data, "clientCount"), env.ClientCount)
	case codec.SocketsJoin, codec.SocketsLeave:
		assert.Equal(t, names(member(data, "rooms")), env.Rooms)
	case codec.DisconnectSockets:
		assert.Equal(t, member(data, "close") == true, env.Close)
	case codec.FetchSocketsResponse:
		sockets, _ := member(data, "sockets").([]any)
		require.Len(t, env.Sockets, len(sockets))
		for i, s := range env.Sockets {
			assert.Equal(t, member(sockets[i], "id"), s.ID)
			assert.Equal(t, names(member(sockets[i], "rooms")), s.Rooms)
			assert.Equal(t, member(sockets[i], "data"), tree(t, s.Data))
			assert.Equal(t, member(sockets[i], "handshake"), tree(t, s.Handshake))
		}
	}
}

// TestVectorsAreWrittenAgain: what a vector says is written on the same channel and in the same form, and read again.
func TestVectorsAreWrittenAgain(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			w := open(t, "vectors", modeOf(v))
			env, err := w.Parse(v.Channel, v.Raw)
			require.NoError(t, err)
			r, err := w.Namespace(v.NSP, uid)
			require.NoError(t, err)
			if env.Type.Response() {
				asker := strings.TrimSuffix(strings.TrimPrefix(v.Channel, "vectors#"+v.NSP+"#"), "#")
				env.RequesterUID = asker
			}
			assert.Equal(t, v.Channel, r.Channel(env))
			env.RequesterUID = ""
			p, err := w.Append(nil, env)
			require.NoError(t, err)
			if !strings.Contains(v.Name, "lists") { // the package takes typed arrays for bytes; this library keeps them
				assert.Equal(t, v.Raw[0] == '{', p[0] == '{', "JSON or MessagePack")
			}
			again, err := w.Parse(v.Channel, p)
			require.NoError(t, err)
			if !strings.Contains(v.Name, "times") {
				assert.Equal(t, env, again)
			}
		})
	}
}
