package interop_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// The messages of which TestInteropRedisVectors has vectors.

// recordRedisAdapter records what a version of the adapter sends in two namespaces.
func recordRedisAdapter(r *redisRecorder, adapter string) {
	asker, answerer := r.start(adapter, adapter+" asker"), r.start(adapter, adapter+" answerer")
	for _, nsp := range []string{"/", "/chat"} {
		asks, answers := r.open(asker, nsp), r.open(answerer, nsp)
		require.NoError(r, asks.AwaitServerCount(r.ctx, 2))
		name := func(what string) string { return fmt.Sprintf("%s: %s in %s", adapter, what, nsp) }
		recordTargets(r, nsp, asks, asks, name)
		recordRedisRequests(r, nsp, asks, answers, name)
	}
	recordRedisValues(r, r.open(asker, "/"), adapter)
	for _, p := range []*interop.Peer{asker, answerer} {
		require.NoError(r, p.Exit(r.ctx)) // so that the next ones are alone
	}
}

// recordTargets records whom broadcasts are for, and with which flags. fence sends the end of each recording.
func recordTargets(r *redisRecorder, nsp string, ns, fence *interop.Namespace, name func(string) string) {
	yes, no := true, false
	for _, v := range []struct {
		name string
		to   interop.Target
		args []any
	}{
		{"broadcast to all", interop.Target{}, []any{"text", 1}},
		{"broadcast to a room", interop.To("news"), []any{"text", 1}},
		{"broadcast to several rooms", interop.To("news", "sports", "weather"), nil},
		{"broadcast to a room with a # in its name", interop.To("a#b"), nil},
		{"broadcast to a room with a name that is not ASCII", interop.To("Grüße 🎉"), nil},
		{"broadcast to the room without a name", interop.To(""), nil},
		{"broadcast except a room", interop.Target{Except: []string{"news"}}, nil},
		{"broadcast to a room except others", interop.Target{To: []string{"news"}, Except: []string{"a", "b"}}, nil},
		{"volatile broadcast", interop.Target{Volatile: true}, nil},
		{"compressed broadcast", interop.Target{Compress: &yes}, nil},
		{"broadcast that is not compressed", interop.Target{Compress: &no}, nil},
		{"broadcast of bytes", interop.Target{}, []any{[]byte("bytes"), 1}},
	} {
		r.record(name(v.name), nsp, fence, func() error { return ns.Emit(r.ctx, v.to, "event", v.args...) })
	}
	to := interop.Target{To: []string{"news"}, Except: []string{"a"}}
	for _, v := range []struct {
		name string
		do   func() error
	}{
		{"socketsJoin", func() error { return ns.Join(r.ctx, to, "x", "y ü") }},
		{"socketsLeave", func() error { return ns.Leave(r.ctx, interop.Target{}, "x") }},
		{"disconnectSockets with close", func() error { return ns.Disconnect(r.ctx, interop.To("nobody"), true) }},
		{"disconnectSockets", func() error { return ns.Disconnect(r.ctx, interop.To("nobody"), false) }},
		{"serverSideEmit", func() error {
			return ns.ServerSideEmit(r.ctx, "event", "ü", 1.5, nil, map[string]any{"a": []any{}})
		}},
		{"serverSideEmit of bytes and undefined", func() error {
			return ns.ServerSideEmit(r.ctx, "event", []byte("ab"), interop.Undefined{})
		}},
	} {
		r.record(name(v.name), nsp, fence, v.do)
	}
}

// recordRedisRequests records requests and the answers to them.
func recordRedisRequests(r *redisRecorder, nsp string, asks, answers *interop.Namespace, name func(string) string) {
	fetch := func(what string, to interop.Target) {
		r.record(name(what), nsp, asks, func() error { _, err := asks.FetchSockets(r.ctx, to); return err })
	}
	fetch("fetchSockets without sockets", interop.To("news"))
	c := r.connect(answers, map[string]any{"user": "ü", "n": 1, "b": []byte("ab")}, "news")
	fetch("fetchSockets", interop.Target{To: []string{"news"}, Except: []string{"a"}})
	if r.mode == "" && !r.streams {
		r.record(name("allRooms"), nsp, asks, func() error { _, err := asks.AllRooms(r.ctx); return err })
	}

	for _, v := range []struct {
		name string
		ack  *interop.Ack
	}{
		{"text", interop.Reply("ü")}, {"null", interop.Reply(nil)}, {"undefined", interop.Empty()},
		{"an object with bytes", interop.Reply(map[string]any{"b": []byte("ab"), "n": 1.5})},
	} {
		require.NoError(r, answers.OnServerSide(r.ctx, "ask", v.ack))
		r.record(name("serverSideEmit that is answered with "+v.name), nsp, asks, func() error {
			_, err := asks.ServerSideEmitWithAck(r.ctx, "ask", 1)
			return err
		})
		require.NoError(r, c.Answer(r.ctx, v.ack))
		r.record(name("broadcast that is acknowledged with "+v.name), nsp, asks, func() error {
			_, err := asks.EmitWithAck(r.ctx, interop.To("news").Timeout(ackTimeout), "ask", "x", []byte{1})
			return err
		})
	}
	r.record(name("broadcast to nobody that asks for acknowledgements"), nsp, asks, func() error {
		_, err := asks.EmitWithAck(r.ctx, interop.To("nobody").Timeout(ackTimeout), "ask")
		return err
	})
}

// recordRedisValues records what events can have as arguments.
func recordRedisValues(r *redisRecorder, ns *interop.Namespace, adapter string) {
	value := func(name string, args ...any) {
		r.Helper()
		r.record(adapter+": broadcast of "+name, "/", ns, func() error {
			return ns.Emit(r.ctx, interop.Target{}, "event", args...)
		})
	}
	value("null and booleans", nil, true, false)
	value("undefined", interop.Undefined{}, []any{1, interop.Undefined{}}, map[string]any{"a": interop.Undefined{}})
	value("text", "", "a", "\x00\x1f\x7f \"\\/<>&'", "Grüße, 世界 🎉 \u2028")
	for _, n := range []int{31, 32, 255, 256, 65536} {
		value(fmt.Sprintf("text of %d bytes", n), strings.Repeat("x", n))
	}
	value("integers without a sign", 0, 127, 128, 255, 256, 65535, 65536, int64(math.MaxUint32), int64(1<<32),
		int64(1<<53-1))
	value("negative integers", -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, int64(math.MinInt32-1))
	value("integers that are too large", math.Pow(2, 63), math.Pow(2, 64), 1e300, -1e300)
	value("fractions", 0.5, -0.5, 0.1, 1234.5678, 5e-324, -2.5e-300)
	value("negative zero", math.Copysign(0, -1))
	value("times", time.UnixMilli(0), time.UnixMilli(1700000000123), time.UnixMilli(-1), time.UnixMilli(1<<45))
	value("lists", []any{}, []any{[]any{1}, []any{[]any{}}}, make([]int8, 16))
	value("objects", map[string]any{}, map[string]any{"": map[string]any{"ü": []any{map[string]any{"c": 1}}}})
	value("bytes", []byte{0, 1, 254, 255}, []byte{}, map[string]any{"b": []any{[]byte("c"), 1}}, make([]byte, 256))
	for _, class := range []string{"ArrayBuffer", "Uint8Array", "Float32Array"} {
		value("a "+class, interop.View{Class: class, Bytes: []byte{0, 0, 128, 63}})
	}
}

// recordOldRequests records the requests of version 7 that version 8 does not send any more.
func recordOldRequests(r *redisRecorder) {
	asks, answers := r.open(r.start(interop.Redis7, "7 old asker"), "/chat"),
		r.open(r.start(interop.Redis8, "8 old answerer"), "/chat")
	require.NoError(r, asks.AwaitServerCount(r.ctx, 2))
	id, other := r.connect(answers, nil, "news").ID(), r.connect(answers, nil).ID()
	for _, v := range []struct {
		name string
		do   func() (interop.Answer, error)
	}{
		{"sockets of a room", func() (interop.Answer, error) { return asks.Clients(r.ctx, "news") }},
		{"sockets of rooms without any", func() (interop.Answer, error) { return asks.Clients(r.ctx, "a", "b") }},
		{"remoteJoin", func() (interop.Answer, error) { return asks.RemoteJoin(r.ctx, id, "a#b ü") }},
		{"remoteLeave", func() (interop.Answer, error) { return asks.RemoteLeave(r.ctx, id, "a#b ü") }},
		{"remoteDisconnect", func() (interop.Answer, error) { return asks.RemoteDisconnect(r.ctx, id, false) }},
		{"remoteDisconnect with close", func() (interop.Answer, error) {
			return asks.RemoteDisconnect(r.ctx, other, true)
		}},
	} {
		r.record(interop.Redis7+": "+v.name, "/chat", asks, func() error { _, err := v.do(); return err })
	}
}

// recordRedisEmitter records what @socket.io/redis-emitter sends.
func recordRedisEmitter(r *redisRecorder) {
	peer := r.start(interop.RedisEmitter, "emitter")
	for _, nsp := range []string{"/", "/chat"} {
		ns := r.open(peer, nsp)
		recordTargets(r, nsp, ns, ns, func(what string) string { return fmt.Sprintf("emitter: %s in %s", what, nsp) })
	}
}
