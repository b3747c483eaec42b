package legacy_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// limit is the payload limit of PostgreSQL, in bytes.
const limit = 7999

// limits are those of PostgreSQL.
var limits = transport.Limits{Payload: limit, Channel: 63, Text: true, Distinct: true}

const (
	uid   = "0123456789abcdef"
	other = "fedcba9876543210"
)

func open(t testing.TB, prefix string) dialect.Wire { return openWith(t, legacy.Dialect{}, prefix) }

func openWith(t testing.TB, d legacy.Dialect, prefix string) dialect.Wire {
	t.Helper()
	w, err := d.Open(dialect.Options{Prefix: prefix, Limits: limits})
	require.NoError(t, err)
	return w
}

// channel is the only channel of a namespace on the bus.
func channel(t testing.TB, w dialect.Wire, nsp string) string {
	t.Helper()
	route, err := w.Namespace(nsp, uid)
	require.NoError(t, err)
	require.Len(t, route.Listen(), 1)
	require.Equal(t, route.Listen()[0], route.Channel(&codec.Envelope{}))
	return route.Listen()[0]
}

func args(t testing.TB, event string, list ...any) codec.Args {
	t.Helper()
	a, err := codec.NewArgs(event, list...)
	require.NoError(t, err)
	return a
}

func value(t testing.TB, v any) codec.Value {
	t.Helper()
	out, err := codec.NewValue(v)
	require.NoError(t, err)
	return out
}

// treeOf returns the value that v holds, whatever its encoding is.
func treeOf(t testing.TB, v codec.Value) any {
	t.Helper()
	tree, err := v.Tree()
	require.NoError(t, err)
	return tree
}

// sameTree is require.Equal, except that NaN equals NaN.
func sameTree(t testing.TB, want, got any) {
	t.Helper()
	if fmt.Sprintf("%#v", want) != fmt.Sprintf("%#v", got) {
		require.Equal(t, want, got)
	}
}

// same compares two envelopes and the values of their user data.
func same(t testing.TB, want, got *codec.Envelope) {
	t.Helper()
	require.NotNil(t, got)
	sameTree(t, treeOf(t, want.Args.Value()), treeOf(t, got.Args.Value()))
	require.Equal(t, want.Args.Event(), got.Args.Event())
	require.Equal(t, want.Args.Len(), got.Args.Len())
	sameTree(t, treeOf(t, want.Value), treeOf(t, got.Value))
	a, b := *want, *got
	a.Args, a.Value, b.Args, b.Value = codec.Args{}, codec.Value{}, codec.Args{}, codec.Value{}
	require.Equal(t, a, b)
}

// messages has one envelope of each kind that the dialect carries in namespaces.
func messages(t testing.TB, nsp string) []*codec.Envelope {
	yes := true
	one := codec.Opts{Rooms: []string{"socket"}}
	list := []*codec.Envelope{
		{Type: codec.Broadcast, Args: args(t, "event")},
		{Type: codec.Broadcast, Args: args(t, "event", "text", 1, nil, true, 1.5),
			Opts: codec.Opts{Rooms: []string{"room"}, Except: []string{"a", "b"},
				Flags: codec.Flags{Volatile: true, Compress: &yes, Relayed: true}}},
		{Type: codec.Broadcast, Args: args(t, "bytes", []byte{1, 2}), Opts: codec.Opts{Rooms: []string{"a#b", ""}}},
		{Type: codec.ListSockets, RequestID: "r1"},
		{Type: codec.ListSockets, RequestID: "r1", Opts: codec.Opts{Rooms: []string{"a", "b"}}},
		{Type: codec.ListSocketsResponse, RequestID: "r1", Rooms: []string{"a", "ü\n"}},
		{Type: codec.ListSocketsResponse, RequestID: "r1"},
		{Type: codec.ListRooms, RequestID: "r1"},
		{Type: codec.ListRoomsResponse, RequestID: "r1", Rooms: []string{"a"}},
		{Type: codec.SocketRooms, RequestID: "r1", Opts: one},
		{Type: codec.CustomRequest, RequestID: "r1", Value: value(t, map[string]any{"a": []int{1}})},
		{Type: codec.CustomRequest, RequestID: "r1"},
		{Type: codec.CustomRequestResponse, RequestID: "r1", Value: value(t, "answer")},
		{Type: codec.CustomRequestResponse, RequestID: "r1"},
		{Type: codec.SocketsJoin, RequestID: "r1", Opts: one, Rooms: []string{"room"}},
		{Type: codec.SocketsLeave, RequestID: "r1", Opts: one, Rooms: []string{"room"}},
		{Type: codec.DisconnectSockets, RequestID: "r1", Opts: one, Close: true},
		{Type: codec.DisconnectSockets, RequestID: "r1", Opts: one},
		{Type: codec.SocketChanged, RequestID: "r1"},
	}
	for _, env := range list {
		env.NSP, env.UID = nsp, uid
	}
	return list
}

func TestRoundTrips(t *testing.T) {
	for _, nsp := range []string{"/", "/chat", "/a#b", "/ü 世"} {
		w := open(t, "socket.io")
		for _, env := range messages(t, nsp) {
			require.True(t, w.Carries(env.Type))
			p, err := w.Append([]byte("before"), env)
			require.NoError(t, err, "%v", env.Type)
			require.Equal(t, "before", string(p[:6]))
			got, err := w.Parse(channel(t, w, nsp), p[6:])
			require.NoError(t, err, "%s", p)
			same(t, env, got)
			require.True(t, w.(dialect.Peeker).SentBy(p[6:], uid), "%s", p[6:])
			require.False(t, w.(dialect.Peeker).SentBy(p[6:], other), "%s", p[6:])
		}
	}
}

// An answer does not say whether it has the rooms of a socket or all rooms.
func TestRoomsOfASocketAreReadAsAllRooms(t *testing.T) {
	w := open(t, "socket.io")
	p, err := w.Append(nil, &codec.Envelope{Type: codec.SocketRoomsResponse, NSP: "/", UID: uid, RequestID: "r",
		Rooms: []string{"a"}})
	require.NoError(t, err)
	got, err := w.Parse("socketio", p)
	require.NoError(t, err)
	require.Equal(t, codec.ListRoomsResponse, got.Type)
	require.Equal(t, []string{"a"}, got.Rooms)
}

func TestValuesKeepTheirValue(t *testing.T) {
	w := open(t, "socket.io")
	env := &codec.Envelope{Type: codec.Broadcast, NSP: "/", UID: uid, Args: args(t, "event", wideValues()...)}
	p, err := w.Append(nil, env)
	require.NoError(t, err)
	got, err := w.Parse("socketio", p)
	require.NoError(t, err)
	require.Equal(t, wideTree(), treeOf(t, got.Args.Value()))

	again, err := w.Append(nil, got)
	require.NoError(t, err)
	require.Equal(t, string(p), string(again), "what was received is forwarded unchanged")

	std := jsonmsgpack.Codec{}
	for _, f := range []codec.Format{codec.Binary} { // a bridge to another dialect and back
		q, err := std.Append(nil, got, f)
		require.NoError(t, err)
		there, err := std.Parse(q, f)
		require.NoError(t, err)
		there.NSP = "/"
		back, err := w.Append(nil, there)
		require.NoError(t, err)
		got, err := w.Parse("socketio", back)
		require.NoError(t, err)
		require.Equal(t, wideTree(), treeOf(t, got.Args.Value()))
	}
}

func TestEqualMessagesDifferByTheirNonce(t *testing.T) {
	w := open(t, "socket.io")
	for _, env := range messages(t, "/") {
		seen := make(map[string]bool)
		for nonce := range uint64(3) {
			env.Nonce = nonce
			p, err := w.Append(nil, env)
			require.NoError(t, err)
			seen[string(p)] = true
			got, err := w.Parse("socketio", p)
			require.NoError(t, err)
			assert.Zero(t, got.Nonce)
			assert.Zero(t, got.Skipped, "%s", p)
		}
		assert.Len(t, seen, 3, "%v", env.Type)
	}
}

func TestMessagesThatTheDialectDoesNotHave(t *testing.T) {
	w := open(t, "socket.io")
	one, two := codec.Opts{Rooms: []string{"a"}}, codec.Opts{Rooms: []string{"a", "b"}}
	except := codec.Opts{Rooms: []string{"a"}, Except: []string{"b"}}
	for name, env := range map[string]*codec.Envelope{
		"Acks":           {Type: codec.Broadcast, RequestID: "r", Args: args(t, "event")},
		"JoinSilently":   {Type: codec.SocketsJoin, Opts: one, Rooms: []string{"r"}},
		"JoinMany":       {Type: codec.SocketsJoin, RequestID: "r", Opts: two, Rooms: []string{"r"}},
		"JoinTwoRooms":   {Type: codec.SocketsJoin, RequestID: "r", Opts: one, Rooms: []string{"r", "s"}},
		"JoinExcept":     {Type: codec.SocketsJoin, RequestID: "r", Opts: except, Rooms: []string{"r"}},
		"LeaveAll":       {Type: codec.SocketsLeave, RequestID: "r", Rooms: []string{"r"}},
		"DisconnectAll":  {Type: codec.DisconnectSockets, RequestID: "r"},
		"ListExcept":     {Type: codec.ListSockets, RequestID: "r", Opts: except},
		"Fetch":          {Type: codec.FetchSockets, RequestID: "r"},
		"ServerSideEmit": {Type: codec.ServerSideEmit, Args: args(t, "event")},
		"Heartbeat":      {Type: codec.Heartbeat},
		"Refused":        {Type: codec.RequestRefused, RequestID: "r"},
		"Unknown":        {Type: 1000},
		"Reference":      {Type: codec.Broadcast, AttachmentID: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			env.NSP, env.UID = "/", uid
			p, err := w.Append([]byte("x"), env)
			var unsupported *fault.UnsupportedError
			require.ErrorAs(t, err, &unsupported)
			assert.Equal(t, "legacy", unsupported.Dialect)
			assert.Equal(t, "x", string(p))
			_, _, err = w.(dialect.Splitter).Split(nil, env, limit)
			require.ErrorAs(t, err, &unsupported)
		})
	}
	nobody := &codec.Envelope{Type: codec.Broadcast, NSP: "/", UID: uid, Args: args(t, "e"),
		Opts: codec.Opts{Nobody: true}}
	_, err := w.Append(nil, nobody)
	require.ErrorIs(t, err, codec.ErrNobody)
	_, err = w.Append(nil, &codec.Envelope{Type: codec.Broadcast, NSP: "/", UID: uid})
	require.Error(t, err, "an event without a name")
	_, err = w.Append(nil, &codec.Envelope{Type: codec.CustomRequest, NSP: "/", UID: uid, RequestID: "r",
		Value: value(t, []byte("x"))})
	require.ErrorIs(t, err, codec.ErrBinary)
}

// Servers in Node.js end when they look for a socket or a room with such a name.
func TestNamesThatWouldEndServersInNode(t *testing.T) {
	w := open(t, "socket.io")
	request := func(typ codec.Type, sid, room string) error {
		_, err := w.Append(nil, &codec.Envelope{Type: typ, NSP: "/", UID: uid, RequestID: "r", Rooms: []string{room},
			Opts: codec.Opts{Rooms: []string{sid}}})
		return err
	}
	var name *fault.NameError
	for _, bad := range []string{"constructor", "__proto__", "toString"} {
		for _, typ := range []codec.Type{codec.SocketRooms, codec.SocketsJoin, codec.SocketsLeave,
			codec.DisconnectSockets} {
			require.ErrorAs(t, request(typ, bad, "room"), &name)
		}
		require.ErrorAs(t, request(codec.SocketsJoin, "id", bad), &name)
		require.NoError(t, request(codec.SocketsLeave, "id", bad))
	}
}
