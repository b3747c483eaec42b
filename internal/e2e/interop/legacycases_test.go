package interop_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// The messages of which TestInteropLegacyVectors has vectors.

// recordBroadcasts records whom broadcasts are for, and with which flags.
func recordBroadcasts(r *vectorRecorder, nsp string) {
	ns := r.open(r.asker, nsp)
	c := r.connect(ns, "news")
	yes, no := true, false
	allFlags := interop.Target{Volatile: true, JSON: true, Compress: &no, Binary: &no}
	text, bytes := []any{"text", 1}, []any{[]byte("bytes"), 1}
	for _, v := range []struct {
		name string
		from *interop.Client
		to   interop.Target
		args []any
	}{
		{"to all", nil, interop.Target{}, text},
		{"to a room", nil, interop.To("news"), text},
		{"to several rooms", nil, interop.To("news", "sports", "weather"), text},
		{"to a room with a # in its name", nil, interop.To("a#b"), text},
		{"to a room with a name that is not ASCII", nil, interop.To("Grüße 🎉"), text},
		{"to the room without a name", nil, interop.To(""), text},
		{"to a socket", nil, interop.To(c.ID()), text},
		{"from a socket to all others", c, interop.Target{}, text},
		{"from a socket to a room", c, interop.To("news"), text},
		{"from a socket to several rooms", c, interop.To("news", "sports"), text},
		{"with bytes", nil, interop.Target{}, bytes},
		{"volatile", nil, interop.Target{Volatile: true}, text},
		{"compressed", nil, interop.Target{Compress: &yes}, text},
		{"not compressed", nil, interop.Target{Compress: &no}, text},
		{"with the flag json", nil, interop.Target{JSON: true}, text},
		{"with bytes and the flag binary", nil, interop.Target{Binary: &yes}, bytes},
		{"with bytes and the flag binary set to false", nil, interop.Target{Binary: &no}, bytes},
		{"from a socket with all flags", c, allFlags, text},
	} {
		r.broadcast("broadcast in "+nsp+" "+v.name, ns, nsp, func() error {
			if v.from != nil {
				return ns.EmitFrom(r.ctx, v.from, v.to, "event", v.args...)
			}
			return ns.Emit(r.ctx, v.to, "event", v.args...)
		})
	}
	local := func() error { return ns.Emit(r.ctx, interop.Target{Local: true}, "event") }
	require.Empty(r, r.record(ns, nsp, local), "a local broadcast must not be published")
}

// recordValues records what events can have as arguments.
func recordValues(r *vectorRecorder) {
	ns := r.open(r.asker, "/")
	value := func(name string, args ...any) vector {
		r.Helper()
		return r.broadcast(name, ns, "/", func() error { return ns.Emit(r.ctx, interop.Target{}, "event", args...) })
	}
	same := func(name string, args ...any) {
		r.Helper()
		assert.Equal(r, interop.Canon(list(args)), interop.Canon(vectorArgs(r, value(name, args...))), name)
	}
	same("no arguments")
	same("null and booleans", nil, true, false)
	same("undefined", interop.Undefined{}, []any{1, interop.Undefined{}}, map[string]any{"a": interop.Undefined{}})
	same("text", "", "a", "\x00\x1f\x7f \"\\/<>&'", "Grüße, 世界 🎉 \u2028")
	for _, n := range []int{31, 32, 255, 256, 65536} {
		same(fmt.Sprintf("text of %d bytes", n), strings.Repeat("x", n))
	}
	same("integers without a sign", 0, 127, 128, 255, 256, 65535, 65536,
		int64(math.MaxUint32), int64(1<<32), int64(1<<53-1), int64(1<<62))
	same("negative integers", -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32,
		int64(math.MinInt32-1), int64(-(1<<53 - 1)))
	value("integers that are too large", math.Pow(2, 63), math.Pow(2, 64), 1e300, -1e300)
	same("fractions", 0.5, -0.5, 0.1, 1234.5678, 5e-324, -2.5e-300)
	value("negative zero", math.Copysign(0, -1))
	same("times", time.UnixMilli(0), time.UnixMilli(1700000000123), time.UnixMilli(-1),
		map[string]any{"at": time.UnixMilli(1<<32 + 1)})
	same("lists", []any{}, []any{[]any{1}, []any{[]any{}}})
	for _, n := range []int{15, 16, 65536} {
		same(fmt.Sprintf("a list of %d", n), make([]int8, n))
	}
	same("objects", map[string]any{}, map[string]any{"": map[string]any{"ü": []any{map[string]any{"c": 1}}}})
	for _, n := range []int{15, 16} {
		m := make(map[string]any)
		for i := range n {
			m[fmt.Sprintf("key%02d", i)] = i
		}
		same(fmt.Sprintf("an object of %d", n), m)
	}
	same("bytes", []byte{0, 1, 254, 255})
	same("no bytes", []byte{})
	same("several and nested bytes", []byte("a"), map[string]any{"b": []any{[]byte("c"), 1, []byte("d")}})
	for _, n := range []int{255, 256} {
		same(fmt.Sprintf("%d bytes", n), make([]byte, n))
	}
	value("an ArrayBuffer", interop.View{Class: "ArrayBuffer", Bytes: []byte{1, 2, 3, 4}})
	value("a Uint8Array", interop.View{Class: "Uint8Array", Bytes: []byte{1, 2, 3, 4}})
	value("a Float32Array and bytes", interop.View{Class: "Float32Array", Bytes: []byte{0, 0, 128, 63}}, []byte("x"))
	// notepack.io writes short texts with surrogates without a partner in another way than long ones.
	value("a surrogate without a partner, short", interop.UTF16{'a', 0xd83c, 'b'})
	value("a surrogate without a partner, long", interop.UTF16(append(make([]uint16, 40), 0xd83c, 'b')))
}

// vectorArgs returns the arguments of the event in a broadcast.
func vectorArgs(r *vectorRecorder, v vector) []any {
	r.Helper()
	var message struct {
		Packet struct {
			Type int
			Data []interop.Value
		}
	}
	require.NoError(r, json.Unmarshal(v.Decoded, &message))
	require.Equal(r, "event", message.Packet.Data[0].V)
	return values(message.Packet.Data[1:])
}

// recordSizes records broadcasts around the sizes from which they are in pieces.
func recordSizes(r *vectorRecorder) {
	ns := r.open(r.asker, "/")
	for _, v := range []struct {
		characters, pieces int
	}{{4996, 1}, {5000, 1}, {5004, 1}, {7980, 1}, {8004, 2}, {10000, 2}, {10004, 3}, {52000, 11}} {
		text := legacySized(v.characters)
		raw := r.broadcast(fmt.Sprintf("broadcast of %d characters", v.characters), ns, "/", func() error {
			return ns.Emit(r.ctx, interop.Target{}, "e", text)
		}).Raw
		require.Len(r, raw, v.pieces, "%d characters", v.characters)
	}
}

// legacySized returns an argument with which an event "e" to all in "/" has this many characters of base64, a multiple
// of 4. The other parts of the message have 47 bytes, and 3 bytes become 4 characters.
func legacySized(characters int) string { return strings.Repeat("x", characters/4*3-47) }

// recordRequests records the requests that all nodes answer, also the one that asks. There is only one node.
func recordRequests(r *vectorRecorder, nsp string) {
	ns := r.open(r.asker, nsp)
	ask := func(name string, do func() (interop.Answer, error)) { r.request(name+" in "+nsp, ns, nsp, do) }
	ask("clients", func() (interop.Answer, error) { return ns.Clients(r.ctx) })
	ask("clients of a room", func() (interop.Answer, error) { return ns.Clients(r.ctx, "news") })
	ask("clients of rooms without clients", func() (interop.Answer, error) { return ns.Clients(r.ctx, "a", "b") })
	ask("allRooms", func() (interop.Answer, error) { return ns.AllRooms(r.ctx) })
	custom := func(name string, data any) {
		ask("customRequest "+name, func() (interop.Answer, error) { return ns.CustomRequest(r.ctx, data) })
	}
	custom("without a hook", "question")
	// Pieces are cut in UTF-16, here between the halves of a surrogate pair.
	cut := 5000 - len(`{"requestid":"123456","type":5,"data":"`) - 1
	for _, v := range []struct {
		name   string
		data   any
		answer *interop.Ack
	}{
		{"with text", "Grüße \"🎉\"", interop.Echo()},
		{"with an object", map[string]any{"a": []any{1, 1.5, nil, map[string]any{}}}, interop.Echo()},
		{"with null", nil, interop.Reply(nil)},
		{"with undefined", interop.Undefined{}, interop.Empty()},
		{"with a time", time.UnixMilli(1700000000123), interop.Echo()},
		{"with bytes", []byte("ab"), interop.Echo()},
		{"of 12,000 characters", strings.Repeat("x", 12000), interop.Echo()},
		{"with a character that is in two pieces", strings.Repeat("x", cut) + "🎉" + strings.Repeat("y", 6000),
			interop.Echo()},
	} {
		require.NoError(r, ns.CustomHook(r.ctx, v.answer))
		custom(v.name, v.data)
	}
}

// recordSocketRequests records the requests that only the node with the socket answers.
func recordSocketRequests(r *vectorRecorder) {
	answerer := r.start("answerer")
	for _, nsp := range []string{"/", "/chat"} {
		asks, answers := r.open(r.asker, nsp), r.open(answerer, nsp)
		id, other := r.connect(answers, "news").ID(), r.connect(answers).ID()
		for _, v := range []struct {
			name string
			do   func() (interop.Answer, error)
		}{
			{"clientRooms", func() (interop.Answer, error) { return asks.ClientRooms(r.ctx, id) }},
			{"remoteJoin", func() (interop.Answer, error) { return asks.RemoteJoin(r.ctx, id, "a#b ü") }},
			{"remoteLeave", func() (interop.Answer, error) { return asks.RemoteLeave(r.ctx, id, "a#b ü") }},
			{"remoteDisconnect", func() (interop.Answer, error) { return asks.RemoteDisconnect(r.ctx, id, false) }},
			{"remoteDisconnect with close", func() (interop.Answer, error) {
				return asks.RemoteDisconnect(r.ctx, other, true)
			}},
		} {
			r.request(v.name+" in "+nsp, asks, nsp, v.do)
		}
	}
}
