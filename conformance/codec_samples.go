package conformance

import (
	"fmt"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// sample is an envelope for the checks of a codec.
type sample struct {
	name     string
	env      *codec.Envelope
	hasBytes bool // contains bytes
}

// called describes the Append of the sample in a failure's text.
func (s sample) called(f codec.Format) string { return fmt.Sprintf("Append %s, %v form", s.name, f) }

const (
	sampleUID = "0123456789abcdef"
	otherUID  = "02468ace13579bdf"
)

// samples returns an envelope of each type with all of its fields, and one with only the required fields.
func (c *codecChecker) samples() []sample {
	c.Helper()
	yes := true
	opts := codec.Opts{
		Rooms:  []string{"room 1", "room 2"},
		Except: []string{"an exception"},
		Flags: codec.Flags{Volatile: true, Compress: &yes, Timeout: 1500 * time.Millisecond,
			ExpectSingleResponse: true},
	}
	args := c.newArgs("event", "text", 42, -1.5, true, nil, []any{1, "two", []any{}},
		map[string]any{"key": map[string]any{}, "list": []int{1, 2}})
	answer := c.newValue(map[string]any{"status": "ok", "n": 3, "list": []any{nil, false}})
	sockets := []codec.Socket{
		{ID: "socket 1", Rooms: []string{"socket 1", "room"},
			Handshake: c.newValue(map[string]any{"address": "::1", "headers": map[string]any{"a": "b"},
				"issued": int64(1700000000000)}), Data: c.newValue(map[string]any{"user": 7})},
		{ID: "socket 2", Rooms: []string{"socket 2"}, Handshake: c.newValue(map[string]any{}),
			Data: c.newValue(map[string]any{})},
	}
	full := []codec.Envelope{
		{Type: codec.InitialHeartbeat, CloseHash: "0123456789abcdef0123456789abcdef"},
		{Type: codec.Heartbeat, CloseHash: "0123456789abcdef0123456789abcdef"},
		{Type: codec.InitialHeartbeat, Process: "fedcba9876543210"},
		{Type: codec.Heartbeat, Process: "fedcba9876543210", Clock: 1<<53 - 1},
		{Type: codec.Broadcast, Opts: opts, Args: args, RequestID: "request 1"},
		{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{"to join", "and this"}},
		{Type: codec.SocketsLeave, Opts: opts, Rooms: []string{"to leave"}},
		{Type: codec.DisconnectSockets, Opts: opts, Close: true},
		{Type: codec.FetchSockets, Opts: opts, RequestID: "request 2"},
		{Type: codec.FetchSocketsResponse, RequestID: "request 2", Sockets: sockets},
		{Type: codec.ServerSideEmit, Args: args, RequestID: "request 3"},
		{Type: codec.ServerSideEmitResponse, RequestID: "request 3", Value: answer},
		{Type: codec.BroadcastClientCount, RequestID: "request 1", ClientCount: 12},
		{Type: codec.BroadcastAck, RequestID: "request 1", Value: answer},
		{Type: codec.BroadcastAck, RequestID: "request 1",
			Value: answer.WithRest(c.newValue([]any{"second", map[string]any{"third": 3}}))},
		{Type: codec.ServerSideEmitResponse, RequestID: "request 3",
			Value: codec.Value{}.WithRest(c.newValue([]any{nil, 2}))},
		{Type: codec.AdapterClose, CloseKey: "fedcba9876543210"},
		{Type: codec.RequestRefused, RequestID: "request 2"},
	}
	bare := c.newArgs("e")
	least := []codec.Envelope{
		{Type: codec.InitialHeartbeat},
		{Type: codec.Heartbeat},
		{Type: codec.AdapterClose},
		{Type: codec.RequestRefused, RequestID: "1"},
		{Type: codec.Broadcast, Args: bare},
		{Type: codec.SocketsJoin, Rooms: []string{"r"}},
		{Type: codec.SocketsLeave, Rooms: []string{"r"}},
		{Type: codec.DisconnectSockets},
		{Type: codec.FetchSockets, RequestID: "1"},
		{Type: codec.FetchSocketsResponse, RequestID: "1"},
		{Type: codec.ServerSideEmit, Args: bare},
		{Type: codec.ServerSideEmitResponse, RequestID: "1"},
		{Type: codec.BroadcastClientCount, RequestID: "1"},
		{Type: codec.BroadcastAck, RequestID: "1"},
	}
	var all []sample
	for _, env := range full {
		env.UID, env.NSP = sampleUID, "/chat"
		all = append(all, sample{name: env.Type.String(), env: &env})
	}
	for _, env := range least {
		env.UID, env.NSP = sampleUID, "/"
		all = append(all, sample{name: "minimal " + env.Type.String(), env: &env})
	}
	return all
}

// carriers returns an envelope of each type that carries user data, with v in it.
func (c *codecChecker) carriers(name string, v any, binary bool) []sample {
	c.Helper()
	value := c.newValue(v)
	envelopes := []codec.Envelope{
		{Type: codec.Broadcast, Args: c.newArgs("event", value, "after it")},
		{Type: codec.ServerSideEmit, Args: c.newArgs("event", value, "after it")},
		{Type: codec.ServerSideEmitResponse, RequestID: "1", Value: value},
		{Type: codec.BroadcastAck, RequestID: "1", Value: value},
		{Type: codec.FetchSocketsResponse, RequestID: "1",
			Sockets: []codec.Socket{{ID: "s", Handshake: c.newValue(map[string]any{"auth": value}), Data: value}}},
		{Type: codec.BroadcastAck, RequestID: "1", Value: c.newValue("before it").WithRest(c.newValue([]any{value,
			"after it"}))},
	}
	var all []sample
	for _, env := range envelopes {
		env.UID, env.NSP = sampleUID, "/"
		all = append(all, sample{env.Type.String() + " with " + name, &env, binary})
	}
	return all
}

// ackSample returns an acknowledgement whose value is v.
func (c *codecChecker) ackSample(name string, v codec.Value) sample {
	return sample{name: "BROADCAST_ACK with " + name, env: &codec.Envelope{Type: codec.BroadcastAck, UID: sampleUID,
		NSP: "/", RequestID: "1", Value: v}}
}

// rawBroadcast returns a broadcast of an event that was encoded elsewhere.
func (c *codecChecker) rawBroadcast(text string) sample {
	c.Helper()
	args, err := codec.ArgsOf(c.rawJSON(text))
	if err != nil {
		c.Fatalf("conformance: ArgsOf %s: %v", quote(text), err)
	}
	return sample{name: "BROADCAST of the event " + quote(text),
		env: &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", Args: args}}
}

// referenceSamples returns a reference in place of a message of each type, and the stored message that belongs
// to a reference with a key.
func (c *codecChecker) referenceSamples() []sample {
	var all []sample
	types := []codec.Type{codec.RequestRefused}
	for t := codec.InitialHeartbeat; t <= codec.AdapterClose; t++ {
		types = append(types, t)
	}
	for _, t := range types {
		env := codec.Envelope{Type: t, UID: sampleUID, NSP: "/", AttachmentID: strconv.Itoa(int(t)),
			AttachmentKey: "00112233445566ff"}
		if t.Response() {
			env.RequesterUID = "fedcba9876543210"
		}
		all = append(all, sample{name: "reference to a " + t.String(), env: &env})
	}
	for _, id := range []string{"9007199254740993", "00000000-0000-4000-8000-000000000000",
		"s3://bucket/ключ?x=1&y=\"2\"", "0", "-1", "1e3", "null", "007", "+1", " 1", "1.0", "0x10",
		"18446744073709551615", "18446744073709551616"} {
		all = append(all, sample{name: "reference to the attachment " + quote(id),
			env: &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", AttachmentID: id}})
	}
	all = append(all, sample{name: "message in the store, with the key of its reference",
		env: &codec.Envelope{Type: codec.Broadcast, UID: sampleUID, NSP: "/", AttachmentKey: "00112233445566ff",
			Args: c.newArgs("event")}})
	return all
}
