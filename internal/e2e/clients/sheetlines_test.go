package clients_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
)

// line is a line of the server's part of Socket.IO's emit cheat sheet: a call on one server, and who receives the
// event.
type line struct {
	name string
	op   op
	// hits selects the members of the op's namespace that receive its event. Nil: none.
	hits who
	// acks: exactly the members that received the event acknowledge it.
	acks bool
	// also checks other effects.
	also func(s *sheet, r result)
	// throws is part of the error with which the call is refused.
	throws string
	// notOnNode: Node.js's adapter waits for answers of nodes to which it sent no request.
	notOnNode bool
}

// who selects members.
type who func(m *member, s *sheet) bool

func all(*member, *sheet) bool        { return true }
func me(m *member, s *sheet) bool     { return m == s.me }
func other(m *member, s *sheet) bool  { return m == s.other }
func nearMe(m *member, s *sheet) bool { return m.node == s.node }

func inRoom(rooms ...string) who {
	return func(m *member, _ *sheet) bool {
		return slices.ContainsFunc(rooms, func(r string) bool { return slices.Contains(m.rooms, r) })
	}
}

func not(w who) who { return func(m *member, s *sheet) bool { return !w(m, s) } }

func and(a, b who) who { return func(m *member, s *sheet) bool { return a(m, s) && b(m, s) } }

// patientOp is the timeout of calls that must not time out; impatient is the timeout of calls that must.
const (
	patientOp = 30 * time.Second
	impatient = 100 * time.Millisecond
)

// mine returns the op as a call on the acting member's socket.
func mine(o op) op { return o.of("#me") }

// everything has arguments of every JSON type, and bytes.
var everything = []any{1, "2", map[string]any{"3": []any{"4", nil, true, 5.5, -6}, "ü": "🙂"}, []byte{5, 0, 255}}

// serverLines returns the server's part of the cheat sheet.
var serverLines = slices.Concat(socketLines, broadcastLines, namespaceLines, answerLines, refusedLines)

// socketLines emit to a single client.
var socketLines = []line{
	{name: "socket.emit", op: mine(emit("hello", 1, "2", map[string]any{"3": "4"})), hits: me},
	{name: "socket.emit binary", op: mine(emit("hello", everything...)), hits: me},
	{name: "socket.emit without arguments", op: mine(emit("hello")), hits: me},
	{name: "socket.send", op: mine(op{Call: "send"}.with("", "text")), hits: me},
	{name: "socket.compress(false).emit", op: mine(emit("hello", "x").compress(false)), hits: me},
	{name: "socket.compress(true).emit", op: mine(emit("hello", "x").compress(true)), hits: me},
	{name: "socket.emit with ack", op: mine(ask("question", "x", []byte{1})), hits: me, also: answersMe},
	{name: "socket.emit with binary ack", op: mine(ask("mirror", map[string]any{"x": []byte{1, 2}})), hits: me,
		also: func(s *sheet, r result) {
			same(s.T, map[string]any{"x": []byte{1, 2}}, r.values()[0])
		}},
	{name: "socket.timeout.emit with ack", op: mine(ask("question", "x").timeout(patientOp)), hits: me,
		also: answersMe},
	{name: "socket.timeout.emit without answer", op: mine(ask("silent").timeout(impatient)), hits: me, also: timesOut},
	{name: "io.to(socket.id).emit", op: emit("private", "x").to("#other"), hits: other},
	{name: "io.to(socket.id).emit on this node", op: emit("private", "x").to("#me"), hits: me},
	{name: "socket.to(another.id).emit", op: mine(emit("private", "x").to("#other")), hits: other},
	{name: "socket.to(socket.id).emit reaches nobody", op: mine(emit("private", "x").to("#me"))},
}

// broadcastLines emit to many clients.
var broadcastLines = []line{
	{name: "io.emit", op: emit("hello", 1, "2", map[string]any{"3": "4"}), hits: all},
	{name: "io.emit binary", op: emit("hello", everything...), hits: all},
	{name: "io.send", op: op{Call: "send"}.with("", "text"), hits: all},
	{name: "io.local.emit", op: emit("hello", "x").local(), hits: nearMe},
	{name: "io.compress(false).emit", op: emit("hello", "x").compress(false), hits: all},
	{name: "io.in(room1).emit", op: emit("hello", "x").to("room1"), hits: inRoom("room1")},
	{name: "io.to([room1, room2]).emit", op: emit("hello", "x").to("room1", "room2"), hits: inRoom("room1", "room2")},
	{name: "io.to(unknown).emit", op: emit("hello", "x").to("nowhere")},
	{name: "io.except(room1).emit", op: emit("hello", "x").except("room1"), hits: not(inRoom("room1"))},
	{name: "io.to(room1).to([room2, room3]).except(room2).emit",
		op:   emit("hello", "x").to("room1").to("room2", "room3").except("room2"),
		hits: and(inRoom("room1", "room2", "room3"), not(inRoom("room2")))},
	{name: "io.to([room1, room2]).except(room3).emit", op: emit("hello", "x").to("room1", "room2").except("room3"),
		hits: inRoom("room1", "room2")},
	{name: "io.local.to(room1).emit", op: emit("hello", "x").to("room1").local(), hits: and(nearMe, inRoom("room1"))},
	{name: "io.except(socket.id).emit", op: emit("hello", "x").except("#me", "#other"),
		hits: not(func(m *member, s *sheet) bool { return me(m, s) || other(m, s) })},
	{name: "socket.broadcast.emit", op: mine(emit("hello", "x").broadcast()), hits: not(me)},
	{name: "socket.to(room1).emit", op: mine(emit("hello", "x").to("room1")), hits: and(inRoom("room1"), not(me))},
	{name: "socket.to([room1, room2]).emit", op: mine(emit("hello", "x").to("room1", "room2")),
		hits: and(inRoom("room1", "room2"), not(me))},
	{name: "socket.to(room1).to(room2).emit", op: mine(emit("hello", "x").to("room1").to("room2")),
		hits: and(inRoom("room1", "room2"), not(me))},
	{name: "socket.except(room1).emit", op: mine(emit("hello", "x").except("room1")),
		hits: and(not(inRoom("room1")), not(me))},
	{name: "socket.local.emit", op: mine(emit("hello", "x").local()), hits: and(nearMe, not(me))},
	{name: "socket.compress(false).broadcast.emit", op: mine(emit("hello", "x").compress(false).broadcast()),
		hits: not(me)},
}

var namespaceLines = []line{
	{name: "io.of(custom).emit", op: emit("hello", "x").in("/custom"), hits: all},
	{name: "io.of(custom).to(room1).emit", op: emit("hello", "x").in("/custom").to("room1"), hits: inRoom("room1")},
	{name: "io.of(custom).except(room1).emit", op: emit("hello", "x").in("/custom").except("room1"),
		hits: not(inRoom("room1"))},
	{name: "io.of(custom).to(socket.id of another namespace).emit", op: emit("hello", "x").in("/custom").to("#me")},
}

// answerLines are broadcasts with acknowledgements.
var answerLines = []line{
	{name: "io.timeout.emit with acks", op: ask("question", "x").timeout(patientOp), hits: all, acks: true},
	{name: "io.timeout.emit binary with acks", op: ask("question", []byte{1}).timeout(patientOp), hits: all,
		acks: true},
	{name: "io.timeout.to(room1).emit with acks", op: ask("question", "x").timeout(patientOp).to("room1"),
		hits: inRoom("room1"), acks: true},
	{name: "io.timeout.to(unknown).emit with acks", op: ask("question", "x").timeout(patientOp).to("nowhere"),
		acks: true},
	{name: "io.local.timeout.emit with acks", op: ask("question", "x").timeout(patientOp).local(), hits: nearMe,
		acks: true, notOnNode: true},
	{name: "io.of(custom).timeout.emit with acks", op: ask("question", "x").in("/custom").timeout(patientOp), hits: all,
		acks: true},
	{name: "socket.timeout.broadcast.emit with acks", op: mine(ask("question", "x").timeout(patientOp).broadcast()),
		hits: not(me), acks: true},
	{name: "socket.timeout.to(room1).to([room2, room3]).except(room2).emit with acks",
		op:   mine(ask("question", "x").timeout(patientOp).to("room1").to("room2", "room3").except("room2")),
		hits: and(not(me), and(inRoom("room1", "room3"), not(inRoom("room2")))), acks: true},
}

// refusedLines emit reserved events.
var refusedLines = func() []line {
	var lines []line
	for _, event := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener",
		"removeListener"} {
		lines = append(lines,
			line{name: "io.emit " + event, op: emit(event), throws: "reserved"},
			line{name: "socket.emit " + event, op: mine(emit(event)), throws: "reserved"})
	}
	return lines
}()

// answersMe requires that the socket's client acknowledged with its name.
func answersMe(s *sheet, r result) {
	require.Empty(s, r.Error)
	require.Equal(s, s.me.name, r.values()[0])
}

func timesOut(s *sheet, r result) { require.Equal(s, "operation has timed out", r.Error) }
