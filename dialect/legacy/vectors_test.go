package legacy_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/vectors"
)

// vector is a message of the npm package. testdata/README.md explains the fields.
type vector struct {
	Name, NSP, Channel, PayloadID string
	Raw                           []string
	Decoded                       json.RawMessage
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	p, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var list []vector
	require.NoError(t, json.Unmarshal(p, &list))
	require.NotEmpty(t, list)
	return list
}

// parseAll parses messages of which the last one completes an envelope.
func parseAll(t testing.TB, w dialect.Wire, raw []string) *codec.Envelope {
	t.Helper()
	for i, p := range raw {
		env, err := w.Parse("socketio", []byte(p))
		require.NoError(t, err, "%.200s", p)
		if i == len(raw)-1 {
			return env
		}
		require.Nil(t, env)
	}
	return nil
}

func decoded(t testing.TB, v vector) codec.Object {
	t.Helper()
	tree, err := codec.JSON.Tree(v.Decoded)
	require.NoError(t, err)
	return vectors.Untag(tree).(codec.Object)
}

func member(o codec.Object, path ...string) any {
	for i, key := range path {
		v, _ := o.Lookup(key)
		if i == len(path)-1 {
			return v
		}
		o, _ = v.(codec.Object)
	}
	return nil
}

func names(v any) []string {
	var list []string
	elems, _ := v.([]any)
	for _, e := range elems {
		list = append(list, e.(string))
	}
	return list
}

// TestVectors reads what the npm package has sent, and writes it back.
func TestVectors(t *testing.T) {
	w := open(t, "vectors")
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			env := parseAll(t, w, v.Raw)
			require.NotNil(t, env)
			assert.Equal(t, v.NSP, env.NSP)
			assert.Zero(t, env.Skipped)
			if env.Type == codec.Broadcast {
				checkBroadcast(t, decoded(t, v), env)
			} else {
				checkRequest(t, decoded(t, v), env)
			}
			env.UID = uid
			p, ends, err := w.(dialect.Splitter).Split(nil, env, limit)
			require.NoError(t, err)
			require.Equal(t, len(p), ends[len(ends)-1])
			var raw []string
			start := 0
			for _, end := range ends {
				require.LessOrEqual(t, end-start, limit)
				require.Equal(t, v.Channel, channelOf(t, p[start:end]))
				raw = append(raw, string(p[start:end]))
				start = end
			}
			same(t, env, parseAll(t, w, raw))
		})
	}
}

// channelOf returns the first element of a message, and checks that there are two.
func channelOf(t testing.TB, p []byte) string {
	t.Helper()
	var pair []string
	require.NoError(t, json.Unmarshal(p, &pair), "%s", p)
	require.Len(t, pair, 2)
	return pair[0]
}

func checkBroadcast(t *testing.T, want codec.Object, env *codec.Envelope) {
	assert.Equal(t, member(want, "uid"), env.UID)
	assert.Equal(t, member(want, "packet", "data"), treeOf(t, env.Args.Value()))
	assert.Equal(t, names(member(want, "opts", "rooms")), env.Opts.Rooms)
	assert.Equal(t, names(member(want, "opts", "except")), env.Opts.Except)
	assert.Equal(t, member(want, "opts", "flags", "volatile") == true, env.Opts.Flags.Volatile)
	if compress, ok := member(want, "opts", "flags", "compress").(bool); ok {
		require.NotNil(t, env.Opts.Flags.Compress)
		assert.Equal(t, compress, *env.Opts.Flags.Compress)
	} else {
		assert.Nil(t, env.Opts.Flags.Compress)
	}
	assert.False(t, env.Opts.Nobody)
	assert.False(t, env.Opts.Flags.Relayed)
}

func checkRequest(t *testing.T, want codec.Object, env *codec.Envelope) {
	assert.Empty(t, env.UID)
	assert.Equal(t, member(want, "requestid"), env.RequestID)
	var sid []string
	if s, ok := member(want, "sid").(string); ok {
		sid = []string{s}
	}
	var room []string
	if s, ok := member(want, "room").(string); ok {
		room = []string{s}
	}
	typ, isRequest := want.Lookup("type")
	if !isRequest {
		_, hasData := want.Lookup("data")
		_, hasRooms := want.Lookup("rooms")
		_, hasClients := want.Lookup("clients")
		switch {
		case hasData:
			assert.Equal(t, codec.CustomRequestResponse, env.Type)
			assert.Equal(t, member(want, "data"), treeOf(t, env.Value))
		case hasRooms:
			assert.Equal(t, codec.ListRoomsResponse, env.Type)
			assert.Equal(t, names(member(want, "rooms")), env.Rooms)
		case hasClients:
			assert.Equal(t, codec.ListSocketsResponse, env.Type)
			assert.Equal(t, names(member(want, "clients")), env.Rooms)
		default:
			assert.Equal(t, codec.SocketChanged, env.Type)
		}
		return
	}
	switch typ.(int64) {
	case 0:
		assert.Equal(t, codec.ListSockets, env.Type)
		assert.Equal(t, names(member(want, "rooms")), env.Opts.Rooms)
	case 1:
		assert.Equal(t, codec.SocketRooms, env.Type)
		assert.Equal(t, sid, env.Opts.Rooms)
	case 2:
		assert.Equal(t, codec.ListRooms, env.Type)
	case 3, 4:
		assert.Equal(t, map[any]codec.Type{int64(3): codec.SocketsJoin, int64(4): codec.SocketsLeave}[typ], env.Type)
		assert.Equal(t, sid, env.Opts.Rooms)
		assert.Equal(t, room, env.Rooms)
	case 5:
		assert.Equal(t, codec.CustomRequest, env.Type)
		assert.Equal(t, member(want, "data"), treeOf(t, env.Value))
	case 6:
		assert.Equal(t, codec.DisconnectSockets, env.Type)
		assert.Equal(t, sid, env.Opts.Rooms)
		assert.Equal(t, member(want, "close") == true, env.Close)
	default:
		t.Fatalf("type %v", typ)
	}
}

// The messages of a cluster are none of another one's business, even if one prefix starts with the other.
func TestVectorsOfAnotherCluster(t *testing.T) {
	for _, prefix := range []string{"vector", "vectors-", "vectors#", "", "other"} {
		w := open(t, prefix)
		for _, v := range readVectors(t) {
			for _, p := range v.Raw {
				env, err := w.Parse("socketio", []byte(strings.Clone(p)))
				require.NoError(t, err)
				require.Nil(t, env, "prefix %q reads %.100s", prefix, p)
			}
		}
	}
}
