package interop_test

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// redisOnly are scenarios in which classic Redis clusters differ from others.
var redisOnly = []scenario{
	{types: codec.Broadcast, name: "localIsNotPublishedOnRedis", run: func(f *fixture) {
		near, far := f.join(f.from), f.join(f.to)
		f.emit(f.from, interop.Target{Local: true}, "local")
		f.expect([]client{near}, "local")
		f.fence(f.from, near, far)
	}},
	{types: codec.Broadcast, name: "roomsWithOddNames", emitter: true, run: func(f *fixture) {
		for _, room := range []string{"#", "a#b", "*", "[a-z]", "?", `\`, "b#", "Grüße 🎉", "12", " "} {
			in, out := f.join(f.to, room), f.join(f.to, "other")
			f.emit(f.from, interop.To(room), "one", room)
			f.expect([]client{in}, "one", room)
			f.emit(f.from, interop.To(room, "nobody"), "two", room)
			f.expect([]client{in}, "two", room)
			f.emit(f.from, interop.To(in.ID()), "socket", room)
			f.expect([]client{in}, "socket", room)
			f.emit(f.from, interop.Target{Except: []string{room}}, "others", room)
			f.expect([]client{out}, "others", room)
			require.NoError(f, f.to.Disconnect(f.ctx, interop.To(room, "other"), false))
			for _, c := range []client{in, out} {
				_, err := c.Disconnected(f.ctx)
				require.NoError(f, err)
			}
		}
	}},
	{types: codec.Broadcast, name: "flags", brief: true, emitter: true, run: func(f *fixture) {
		c, no := f.join(f.to), false
		f.emit(f.from, interop.Target{Volatile: true, Compress: &no}, "flags", []byte("x"))
		f.expect([]client{c}, "flags", []byte("x"))
	}},
	{types: codec.Broadcast, name: "withAckOnRedis", brief: true, run: func(f *fixture) {
		c, other := f.join(f.to, "a"), f.join(f.to)
		for _, args := range [][]any{
			{}, {"text", 1}, {map[string]any{"b": []byte{1, 2}}}, {strings.Repeat("x", 9000)},
		} {
			f.same([]any{list(args)}, f.ask(f.from, interop.To("a"), "echo", args...))
			f.expect([]client{c}, "echo", args...)
		}
		require.Empty(f, f.ask(f.from, interop.To("nobody"), "ask"))
		f.fence(f.from, c, other)
	}},
	{types: codec.DisconnectSockets, name: "disconnects", brief: true, emitter: true, run: func(f *fixture) {
		for _, closing := range []bool{false, true} {
			out, stays := f.join(f.to, "out"), f.join(f.to)
			require.NoError(f, f.from.Disconnect(f.ctx, interop.To("out"), closing))
			_, err := out.Disconnected(f.ctx)
			require.NoError(f, err)
			f.emit(f.from, interop.Target{}, "still here")
			f.expect([]client{stays}, "still here")
		}
	}},
	{types: codec.FetchSocketsResponse, name: "manySocketsOnRedis", run: func(f *fixture) {
		var clients []client
		for range 40 {
			clients = append(clients, f.join(f.from, "room"))
		}
		f.sameSet(ids(clients...), idsOf(f.fetch(f.to, interop.To("room"))))
	}},
	{types: codec.FetchSocketsResponse, name: "dataWithBytes", run: func(f *fixture) {
		data := map[string]any{"b": []byte{1, 2, 255}, "n": 1}
		c := f.connect(f.from, interop.ClientSpec{Data: data})
		f.same(f.overJSON(f.from, data), f.fetchOne(f.to, c.ID()).Data)
	}},
}
