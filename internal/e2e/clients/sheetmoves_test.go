package clients_test

import (
	"slices"

	"github.com/stretchr/testify/require"
)

// socketSteps make sockets join, leave and disconnect, on the same node and on others.
var socketSteps = []step{
	{name: "socket.join and leave", run: func(s *sheet) {
		s.must(mine(op{Call: "join", Rooms: []string{"den", "lair"}}))
		s.moved(s.me, "join-room", "lair")
		s.run(line{op: emit("hello").to("den"), hits: me})
		s.must(mine(op{Call: "leave", Rooms: []string{"den"}}))
		s.run(line{op: emit("hello").to("den")})
		r := s.must(mine(op{Call: "rooms"}))
		require.ElementsMatch(s, append([]any{s.me.id, "lair"}, toAny(s.me.rooms)...), r.values())
		s.must(mine(op{Call: "leave", Rooms: []string{"lair"}}))
	}},
	{name: "io.in(room1).socketsJoin and socketsLeave", run: func(s *sheet) {
		s.moves(op{}.to("room1"), inRoom("room1"))
	}},
	{name: "io.except(room1).socketsJoin and socketsLeave", run: func(s *sheet) {
		s.moves(op{}.except("room1"), not(inRoom("room1")))
	}},
	{name: "io.in(socket.id).socketsJoin and socketsLeave", run: func(s *sheet) {
		s.moves(op{}.to("#other"), other)
	}},
	{name: "io.fetchSockets", run: func(s *sheet) {
		r := s.must(op{Call: "fetchSockets"})
		require.Len(s, r.Sockets, len(s.selected("/", all)))
		for _, m := range s.selected("/", all) {
			i := slices.IndexFunc(r.Sockets, func(r remoteSocket) bool { return r.ID == m.id })
			require.GreaterOrEqual(s, i, 0, "the socket of %s", m.name)
			require.ElementsMatch(s, append([]string{m.id}, m.rooms...), r.Sockets[i].Rooms)
			same(s.T, map[string]any{"rooms": len(m.rooms)}, r.Sockets[i].Data.V)
		}
	}},
	{name: "io.in(room2).fetchSockets", run: func(s *sheet) {
		require.Len(s, s.must(op{Call: "fetchSockets"}.to("room2")).Sockets, len(s.selected("/", inRoom("room2"))))
	}},
	{name: "remote socket.emit", run: func(s *sheet) {
		s.run(line{op: op{Remote: "#other", Call: "emit"}.with("hello", "x"), hits: other})
	}},
	{name: "remote socket.timeout.emit with ack", run: func(s *sheet) {
		r := s.must(op{Remote: "#other", Call: "emitWithAck"}.with("question", "x").timeout(patientOp))
		require.Equal(s, s.other.name, r.Values.V)
		s.other.expect("question", "x")
	}},
	{name: "remote socket.join and leave", run: func(s *sheet) {
		s.must(op{Remote: "#other", Call: "join", Rooms: []string{"den"}})
		s.moved(s.other, "join-room", "den")
		s.run(line{op: emit("hello").to("den"), hits: other})
		s.must(op{Remote: "#other", Call: "leave", Rooms: []string{"den"}})
		s.moved(s.other, "leave-room", "den")
	}},
	{name: "io.in(room).disconnectSockets", run: func(s *sheet) {
		s.disconnects(
			op{Call: "disconnectSockets"}.to("doomed"))
	}},
	{name: "io.in(room).disconnectSockets(true)",
		run: func(s *sheet) { s.disconnects(op{Call: "disconnectSockets", Close: true}.to("doomed")) }},
}

// moves makes the selected sockets join a room and leave it.
func (s *sheet) moves(o op, w who) {
	s.Helper()
	o.Call, o.Rooms = "socketsJoin", []string{"den", "lair"}
	s.must(o)
	for _, m := range s.selected("/", w) {
		s.moved(m, "join-room", "den")
		s.moved(m, "join-room", "lair")
	}
	s.run(line{op: emit("hello").to("den"), hits: w})
	s.must(op{Call: "socketsLeave", Rooms: []string{"den", "lair"}}.to("den"))
	for _, m := range s.selected("/", w) {
		s.moved(m, "leave-room", "den")
		s.moved(m, "leave-room", "lair")
	}
	s.run(line{op: emit("hello").to("den")})
}

// disconnects connects a client in the room "doomed" to each server and disconnects them all.
func (s *sheet) disconnects(o op) {
	s.Helper()
	doomed := make([]*client, len(s.servers))
	for node, server := range s.servers {
		transports := [][]string{websocketOnly, pollingOnly, upgrading}[node%3]
		doomed[node] = s.me.host.open(s.T, s.ctx, server.url(),
			clientSpec{Auth: map[string]any{"rooms": []string{"doomed"}}, Options: over(transports)})
		doomed[node].connected()
		s.report(node, func(e serverEvent) bool {
			return e.What == "room" && e.Kind == "join-room" && e.Room == "doomed" && e.ID == doomed[node].id
		})
	}
	s.must(o)
	for node, c := range doomed {
		require.Equal(s, "io server disconnect", c.disconnected())
		e := s.report(node, func(e serverEvent) bool { return e.What == "disconnect" && e.ID == c.id })
		require.Equal(s, "server namespace disconnect", e.Reason)
	}
	s.fence()
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
