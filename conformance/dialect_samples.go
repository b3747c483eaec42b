package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// dialectTypes are all types of messages.
var dialectTypes = []codec.Type{codec.InitialHeartbeat, codec.Heartbeat, codec.Broadcast, codec.SocketsJoin,
	codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets, codec.FetchSocketsResponse, codec.ServerSideEmit,
	codec.ServerSideEmitResponse, codec.BroadcastClientCount, codec.BroadcastAck, codec.AdapterClose,
	codec.RequestRefused, codec.ListSockets, codec.ListSocketsResponse, codec.ListRooms, codec.ListRoomsResponse,
	codec.SocketRooms, codec.SocketRoomsResponse, codec.CustomRequest, codec.CustomRequestResponse, codec.SocketChanged}

// selectsSockets reports whether the messages of a type use Opts.
func selectsSockets(t codec.Type) bool {
	switch t {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets,
		codec.ListSockets:
		return true
	}
	return false
}

// samplesIn returns messages of each type in a namespace: with all of their fields, with the least, and about one
// socket, which is all that some dialects have.
func (c *dialectChecker) samplesIn(nsp string) []sample {
	c.Helper()
	yes, no := true, false
	args := c.data.newArgs("event", "text", 42, -1.5, true, nil, []any{1, "two", []any{}},
		map[string]any{"key": map[string]any{}, "list": []int{1, 2}})
	answer := c.data.newValue(map[string]any{"status": "ok", "n": 3, "list": []any{nil, false}})
	object := c.data.newValue(map[string]any{})
	sockets := []codec.Socket{
		{ID: "socket 1", Rooms: []string{"socket 1", "room"}, Data: c.data.newValue(map[string]any{"user": 7}),
			Handshake: c.data.newValue(map[string]any{"address": "::1", "issued": int64(1700000000000)})},
		{ID: "socket 2", Rooms: []string{"socket 2"}, Handshake: object, Data: object},
	}
	some := codec.Opts{Rooms: []string{"room 1", "room 2"}, Except: []string{"an exception"}}
	one := codec.Opts{Rooms: []string{"a socket"}}
	acked := some
	acked.Flags = codec.Flags{Compress: &yes, Timeout: 1500 * time.Millisecond, ExpectSingleResponse: true}
	flagged := some
	flagged.Flags = codec.Flags{Volatile: true, Compress: &no}
	const id, requester = "request1", otherUID
	list := []codec.Envelope{
		{Type: codec.InitialHeartbeat},
		{Type: codec.InitialHeartbeat, Process: "fedcba9876543210", CloseHash: "0123456789abcdef0123456789abcdef"},
		{Type: codec.Heartbeat},
		{Type: codec.Heartbeat, Process: "fedcba9876543210", Clock: 1<<53 - 1,
			CloseHash: "0123456789abcdef0123456789abcdef"},
		{Type: codec.AdapterClose},
		{Type: codec.AdapterClose, CloseKey: "fedcba9876543210"},
		{Type: codec.Broadcast, Args: c.data.newArgs("e")},
		{Type: codec.Broadcast, Args: args, Opts: flagged},
		{Type: codec.Broadcast, Args: args, Opts: one},
		{Type: codec.Broadcast, Args: args, Opts: codec.Opts{Except: []string{"x", "y"}}},
		{Type: codec.Broadcast, Args: args, Opts: acked, RequestID: id},
		{Type: codec.SocketsJoin, Opts: some, Rooms: []string{"to join", "and this"}},
		{Type: codec.SocketsJoin, Rooms: []string{"to join"}},
		{Type: codec.SocketsJoin, Opts: one, Rooms: []string{"to join"}, RequestID: id},
		{Type: codec.SocketsLeave, Opts: some, Rooms: []string{"to leave", "and this"}},
		{Type: codec.SocketsLeave, Rooms: []string{"to leave"}},
		{Type: codec.SocketsLeave, Opts: one, Rooms: []string{"to leave"}, RequestID: id},
		{Type: codec.DisconnectSockets, Opts: some, Close: true},
		{Type: codec.DisconnectSockets},
		{Type: codec.DisconnectSockets, Opts: one, Close: true, RequestID: id},
		{Type: codec.DisconnectSockets, Opts: one, RequestID: id},
		{Type: codec.FetchSockets, Opts: some, RequestID: id},
		{Type: codec.FetchSockets, RequestID: id},
		{Type: codec.FetchSocketsResponse, RequestID: id, Sockets: sockets},
		{Type: codec.FetchSocketsResponse, RequestID: id},
		{Type: codec.ServerSideEmit, Args: args, RequestID: id},
		{Type: codec.ServerSideEmit, Args: args},
		{Type: codec.ServerSideEmitResponse, RequestID: id, Value: answer},
		{Type: codec.ServerSideEmitResponse, RequestID: id,
			Value: codec.Value{}.WithRest(c.data.newValue([]any{nil, 2}))},
		{Type: codec.BroadcastClientCount, RequestID: id, ClientCount: 12},
		{Type: codec.BroadcastClientCount, RequestID: id},
		{Type: codec.BroadcastAck, RequestID: id, Value: answer},
		{Type: codec.BroadcastAck, RequestID: id,
			Value: answer.WithRest(c.data.newValue([]any{"second", map[string]any{"third": 3}}))},
		{Type: codec.RequestRefused, RequestID: id},
		{Type: codec.ListSockets, RequestID: id, Opts: codec.Opts{Rooms: []string{"room 1", "room 2"}}},
		{Type: codec.ListSockets, RequestID: id},
		{Type: codec.ListSocketsResponse, RequestID: id, Rooms: []string{"socket 1", "socket 2"}},
		{Type: codec.ListSocketsResponse, RequestID: id},
		{Type: codec.ListRooms, RequestID: id},
		{Type: codec.ListRoomsResponse, RequestID: id, Rooms: []string{"room 1", "room 2"}},
		{Type: codec.ListRoomsResponse, RequestID: id},
		{Type: codec.SocketRooms, RequestID: id, Opts: one},
		{Type: codec.SocketRoomsResponse, RequestID: id, Rooms: []string{"room 1", "room 2"}},
		{Type: codec.CustomRequest, RequestID: id, Value: answer},
		{Type: codec.CustomRequestResponse, RequestID: id, Value: answer},
		{Type: codec.SocketChanged, RequestID: id, Opts: one},
	}
	all := make([]sample, len(list))
	for i := range list {
		env := &list[i]
		env.UID, env.NSP = sampleUID, nsp
		if env.Type.Response() {
			env.RequesterUID = requester
		}
		all[i] = sample{name: fmt.Sprintf("%v (sample %d)", env.Type, i), env: env}
	}
	return all
}

// carriers returns a message of each type that carries user data, with v in it.
func (c *dialectChecker) carriers(name string, v any, binary bool) []sample {
	c.Helper()
	all := c.data.carriers(name, v, binary)
	for _, t := range []codec.Type{codec.CustomRequest, codec.CustomRequestResponse} {
		all = append(all, sample{t.String() + " with " + name, &codec.Envelope{Type: t, UID: sampleUID, NSP: "/",
			RequestID: "1", Value: c.data.newValue(v)}, binary})
	}
	return all
}

// broadcast returns a broadcast of one value.
func (c *dialectChecker) broadcast(name string, v any, binary bool) sample {
	c.Helper()
	return sample{"BROADCAST of " + name, &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/",
		Args: c.data.newArgs("event", v)}, binary}
}

// mixed returns messages of all types and with all kinds of data.
func (c *dialectChecker) mixed() []sample {
	c.Helper()
	all := c.samplesIn("/chat")
	for _, b := range binaryValues {
		all = append(all, c.carriers(b.name, b.value, true)...)
	}
	for _, s := range trickyTexts {
		all = append(all, c.carriers("the text "+quote(s), map[string]any{s: s}, false)...)
	}
	return append(all, c.heartbeat())
}

// heartbeat returns a message of the process's own namespace.
func (c *dialectChecker) heartbeat() sample {
	return sample{name: "HEARTBEAT of the process", env: &codec.Envelope{Type: codec.Heartbeat, UID: sampleUID,
		Process: "fedcba9876543210", Clock: 1234567890123}}
}

// references returns a reference in place of a message of each type.
func (c *dialectChecker) references(nsp, id string) (all []sample) {
	for _, t := range dialectTypes {
		env := &codec.Envelope{Type: t, UID: sampleUID, NSP: nsp, AttachmentID: id, AttachmentKey: "00112233445566ff"}
		if t.Response() {
			env.RequesterUID = otherUID
		}
		all = append(all, sample{name: "reference to a " + t.String(), env: env})
	}
	return all
}

// with returns copies of samples whose envelopes were changed.
func with(samples []sample, change func(env *codec.Envelope)) []sample {
	all := slices.Clone(samples)
	for i := range all {
		env := *all[i].env
		change(&env)
		all[i].env = &env
	}
	return all
}
