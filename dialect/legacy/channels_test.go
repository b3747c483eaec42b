package legacy_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/msgpack"
	"github.com/backplane-go/backplane/transport"
)

// pair returns a message as it is on the bus.
func pair(t testing.TB, channel, payload string) []byte {
	t.Helper()
	p, err := json.Marshal([]string{channel, payload})
	require.NoError(t, err)
	return p
}

// broadcastOf returns the payload of a broadcast. nsp and rooms may be nil, which leaves them out.
func broadcastOf(t testing.TB, nsp any, opts codec.Object) string {
	t.Helper()
	packet := codec.Object{{Key: "type", Value: int64(2)}, {Key: "data", Value: []any{"event"}}}
	if nsp != nil {
		packet = append(packet, codec.Member{Key: "nsp", Value: nsp})
	}
	return packed(t, []any{"node00", packet, opts})
}

// packed returns a tree as msgpack in base64.
func packed(t testing.TB, tree any) string {
	t.Helper()
	w := msgpack.NewWriter(nil, msgpack.Notepack)
	require.NoError(t, w.Value(codec.FromTree(tree)))
	return base64.StdEncoding.EncodeToString(w.Release())
}

func roomsOf(rooms ...any) codec.Object { return codec.Object{{Key: "rooms", Value: rooms}} }

// TestBroadcastsBelongToTheirNamespace compares with what the npm package does: it takes a broadcast if the channel
// starts with that of the namespace, the rest is a room that it has, and the packet names the namespace.
func TestBroadcastsBelongToTheirNamespace(t *testing.T) {
	for name, test := range map[string]struct {
		prefix, channel string
		nsp             any
		opts            codec.Object
		want            string // the namespace; empty: none
	}{
		"Namespace":                {"k", "k#/a#", "/a", nil, "/a"},
		"NoNameMeansTheMainOne":    {"k", "k#/#", nil, nil, "/"},
		"NoNameElsewhere":          {"k", "k#/a#", nil, nil, ""},
		"OtherName":                {"k", "k#/a#", "/b", nil, ""},
		"Room":                     {"k", "k#/a#r#", "/a", roomsOf("r"), "/a"},
		"RoomOfANumber":            {"k", "k#/a#7#", "/a", roomsOf(int64(7)), "/a"},
		"RoomWithHash":             {"k", "k#/a#r#s#", "/a", roomsOf("r#s"), "/a"},
		"RoomThatEndsWithHash":     {"k", "k#/a#r##", "/a", roomsOf("r#"), "/a"},
		"RoomWithoutAName":         {"k", "k#/a##", "/a", roomsOf(""), "/a"},
		"RoomThatIsNotAsked":       {"k", "k#/a#r#", "/a", roomsOf("s"), ""},
		"RoomAndAllSockets":        {"k", "k#/a#r#", "/a", roomsOf(), ""},
		"NamespaceWithHash":        {"k", "k#/a#b#", "/a#b", nil, "/a#b"},
		"NamespaceWithHashAndRoom": {"k", "k#/a#b#r#", "/a#b", roomsOf("r"), "/a#b"},
		"RoomOfTheShorterOne":      {"k", "k#/a#b#", "/a", roomsOf("b"), "/a"},
		"ChannelThatStartsAlike":   {"k", "k#/ab#", "/a", nil, ""},
		"PrefixWithHash":           {"a#x", "a#x#/y#", "/y", nil, "/y"},
		"PrefixOfAnotherCluster":   {"a", "a#/x#/y#", "/y", nil, ""},
		"LooksLikeARoomOfOurs":     {"a", "a#/x#/x#", "/x", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, test.prefix)
			env, err := w.Parse("socketio", pair(t, test.channel, broadcastOf(t, test.nsp, test.opts)))
			if test.want == "" {
				require.ErrorIs(t, err, dialect.ErrForeign)
				require.NotNil(t, env)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, env.NSP)
			assert.Empty(t, w.(dialect.Overlapper).Overlaps(env))
		})
	}
}

// A server reads a request if the channel starts with that of one of its namespaces.
func TestRequestsOfNamespacesWithHash(t *testing.T) {
	w := open(t, "k")
	for channel, want := range map[string][]string{
		"k-request#/#":          {"/"},
		"k-request#/a#":         {"/a"},
		"k-request#/a#b#":       {"/a#b", "/a"},
		"k-request#/a#b#c#":     {"/a#b#c", "/a", "/a#b"},
		"k-request#/##":         {"/#", "/"},
		"k-request#/a#junk":     {"/a"},
		"k-request#/a":          nil,
		"k-request#a#":          nil,
		"k-request##":           nil,
		"k-request#":            nil,
		"k-requests#/#":         nil,
		"k2-request#/#":         nil,
		"\u212a-request#/#":     nil,
		"other":                 nil,
		"":                      nil,
		"k-response-request#/#": nil,
	} {
		env, err := w.Parse("socketio", pair(t, channel, `{"requestid":"r","type":2}`))
		require.NoError(t, err, channel)
		if want == nil {
			require.Nil(t, env, channel)
			continue
		}
		require.NotNil(t, env, channel)
		got := append([]string{env.NSP}, w.(dialect.Overlapper).Overlaps(env)...)
		assert.Equal(t, want, got, channel)
	}
}

func TestANameWithManyHashesIsForFewNamespaces(t *testing.T) {
	env := &codec.Envelope{Type: codec.ListRooms, NSP: "/" + strings.Repeat("#", 1<<20)}
	overlaps := open(t, "k").(dialect.Overlapper).Overlaps(env)
	require.Len(t, overlaps, 64)
	require.Equal(t, "/", overlaps[0])
}

// The channel of a room is left out if its name is long: every server looks at the options then.
func TestLongRoomsUseTheChannelOfTheNamespace(t *testing.T) {
	w := open(t, "k")
	long := string(make([]byte, 5000))
	env := &codec.Envelope{Type: codec.Broadcast, NSP: "/", UID: uid, Args: args(t, "event"),
		Opts: codec.Opts{Rooms: []string{long}}}
	p, err := w.Append(nil, env)
	require.NoError(t, err)
	require.Equal(t, "k#/#", channelOf(t, p))
	got, err := w.Parse("socketio", p)
	require.NoError(t, err)
	same(t, env, got)
}

func TestPrefixesThatCannotBeUsed(t *testing.T) {
	limits := transport.Limits{Payload: 1000, Channel: 63, Text: true}
	for prefix, ok := range map[string]bool{
		"socket.io": true, "": true, "a#x": true, strings.Repeat("x", 480): true,
		"a#/x": false, "#/": false, strings.Repeat("x", 500): false, strings.Repeat(`"`, 260): false, "\xff": false,
	} {
		w, err := legacy.Dialect{}.Open(dialect.Options{Prefix: prefix, Limits: limits})
		if !ok {
			var wrong *fault.NameError
			require.ErrorAs(t, err, &wrong, "prefix %q", prefix)
			assert.Equal(t, "channel prefix", wrong.Kind)
			continue
		}
		require.NoError(t, err, "prefix %q", prefix)
		_, err = w.Namespace("/", "0123456789abcdef")
		assert.NoError(t, err, "a prefix that is accepted can be used for the main namespace")
	}
}
