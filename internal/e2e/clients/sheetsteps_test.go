package clients_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// step is a part of the cheat sheet that is more than a line: the client's part, calls between servers, and calls
// that change the rooms of sockets.
type step struct {
	name string
	run  func(s *sheet)
	// betweenServers: a single Node.js server refuses it.
	betweenServers bool
	// slow: it takes long, so it runs from one server only.
	slow bool
}

var steps = slices.Concat(clientSteps, serverSteps, socketSteps)

// clientSteps are the client's part of the cheat sheet: only the acting member's server receives the event.
var clientSteps = []step{
	{name: "client socket.emit", run: func(s *sheet) {
		s.me.emit("hi", everything...)
		s.heard("hi", everything...)
	}},
	{name: "client socket.emit without arguments", run: func(s *sheet) {
		s.me.emit("hi")
		s.heard("hi")
	}},
	{name: "client socket.send", run: func(s *sheet) {
		s.me.do("send", map[string]any{"args": []any{"text"}})
		s.heard("message", "text")
	}},
	{name: "client socket.emit with ack", run: func(s *sheet) {
		same(s.T, []any{"x"}, s.me.ask("echo", "x"))
		s.heard("echo", "x")
	}},
	{name: "client socket.emit with ack of several values", run: func(s *sheet) {
		values := []any{"x", []byte{1, 2}, map[string]any{"y": []byte{3}}}
		same(s.T, values, s.me.ask("echo3", values...))
		s.heard("echo3", values...)
	}},
	{name: "client socket.emit with empty ack", run: func(s *sheet) {
		require.Empty(s, s.me.ask("nothing"))
		s.heard("nothing")
	}},
	{name: "client socket.emitWithAck", run: func(s *sheet) {
		same(s.T, []any{"x"}, s.me.askWith(map[string]any{"promise": true}, "echo", "x").values())
		s.heard("echo", "x")
	}},
	{name: "client socket.timeout.emit with ack", run: func(s *sheet) {
		a := s.me.askWith(map[string]any{"timeout": patientOp.Milliseconds()}, "echo", "x")
		require.Empty(s, a.Error)
		same(s.T, []any{"x"}, a.values())
		s.heard("echo", "x")
	}},
	{name: "client socket.timeout.emit without answer", run: func(s *sheet) {
		a := s.me.askWith(map[string]any{"timeout": impatient.Milliseconds()}, "unanswered", "x")
		require.Equal(s, "operation has timed out", a.Error)
		s.heard("unanswered", "x")
	}},
	{name: "client socket.timeout.emitWithAck without answer", run: func(s *sheet) {
		a := s.me.askWith(map[string]any{"timeout": impatient.Milliseconds(), "promise": true}, "unanswered", "x")
		require.Equal(s, "operation has timed out", a.Error)
		s.heard("unanswered", "x")
	}},
	{name: "client socket.compress(false).emit", run: func(s *sheet) {
		s.me.do("emit", map[string]any{"event": "hi", "args": []any{"x"}, "compress": false})
		s.heard("hi", "x")
	}},
	{name: "client socket.volatile.emit", run: func(s *sheet) {
		s.untilHeard(func() { s.me.do("emit", map[string]any{"event": "hi", "args": []any{"x"}, "volatile": true}) },
			"hi")
	}},
	{name: "client socket.emit of a reserved event", run: func(s *sheet) {
		for _, event := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener",
			"removeListener"} {
			err := s.me.host.call(s.ctx, "emit", map[string]any{"client": s.me.name, "event": event}, nil)
			require.ErrorContains(s, err, "reserved")
		}
	}},
	{name: "server asks the client that asks", run: func(s *sheet) {
		same(s.T, []any{s.me.name}, s.me.ask("ask me", "x"))
		s.me.expect("question", "x")
		s.heard("ask me", "x")
	}},
}

// heard requires that the event reached the acting member's server, and no other server before the next fence.
func (s *sheet) heard(event string, args ...any) {
	s.Helper()
	e := s.report(s.node, func(e serverEvent) bool { return e.What == "event" && e.ID == s.me.id })
	require.Equal(s, event, e.Event)
	require.Equal(s, s.me.nsp, e.NSP)
	same(s.T, append([]any{}, args...), e.args())
}

// untilHeard sends a volatile event until it arrives.
func (s *sheet) untilHeard(send func(), event string) {
	s.Helper()
	for {
		send()
		s.me.ask("nothing")
		first := s.report(s.node, func(e serverEvent) bool { return e.What == "event" && e.ID == s.me.id })
		if first.Event == event {
			s.report(s.node, func(e serverEvent) bool {
				return e.What == "event" && e.ID == s.me.id &&
					e.Event == "nothing"
			})
			return
		}
		require.Equal(s, "nothing", first.Event)
	}
}

// serverSteps are calls between servers and volatile broadcasts.
var serverSteps = []step{
	{name: "io.serverSideEmit", betweenServers: true, run: func(s *sheet) {
		s.must(op{Call: "serverSideEmit"}.with("inform", "x", map[string]any{"y": 1}))
		for node := range s.servers {
			if node != s.node {
				same(s.T, []any{"x", map[string]any{"y": 1}}, s.informed(node, "/", "inform"))
			}
		}
	}},
	{name: "io.of(custom).serverSideEmit", betweenServers: true, run: func(s *sheet) {
		s.must(op{Call: "serverSideEmit"}.with("inform", []byte{1, 2}).in("/custom"))
		for node := range s.servers {
			if node != s.node {
				same(s.T, []any{[]byte{1, 2}}, s.informed(node, "/custom", "inform"))
			}
		}
	}},
	{name: "io.serverSideEmit with acks", betweenServers: true, run: func(s *sheet) {
		r := s.must(op{Call: "serverSideEmitWithAck"}.with("consult", "x"))
		var want []any
		for node := range s.servers {
			if node != s.node {
				same(s.T, []any{"x"}, s.informed(node, "/", "consult"))
				want = append(want, map[string]any{"answer": "x"})
			}
		}
		same(s.T, append([]any{}, want...), append([]any{}, r.values()...))
	}},
	{name: "io.timeout.emit without the answer of one", slow: true, run: func(s *sheet) {
		// longer if the other servers were too late on a busy machine
		for patience := 400 * time.Millisecond; ; patience *= 2 {
			r, err := s.servers[s.node].run(s.ctx, s.personal(ask("unless", "#me").timeout(patience)))
			require.NoError(s, err)
			timesOut(s, r)
			for _, m := range s.selected("/", all) {
				m.expect("unless", s.me.name)
			}
			if others := s.selected("/", not(me)); len(r.values()) >= len(others) {
				s.sameNames(others, r.values())
				return
			}
		}
	}},
	{name: "io.volatile.emit", run: func(s *sheet) { s.untilAll(emit("maybe", "x").volatile(), all) }},
	{name: "io.volatile.to(room1).emit", run: func(s *sheet) {
		s.untilAll(emit("maybe", "x").volatile().to("room1"),
			inRoom("room1"))
	}},
	{name: "socket.volatile.emit", run: func(s *sheet) { s.untilAll(mine(emit("maybe", "x").volatile()), me) }},
	{name: "socket.volatile.broadcast.emit", run: func(s *sheet) {
		s.untilAll(
			mine(emit("maybe", "x").volatile().broadcast()), not(me))
	}},
}

// must runs an op that must succeed.
func (s *sheet) must(o op) result {
	s.Helper()
	r, err := s.servers[s.node].run(s.ctx, s.personal(o))
	require.NoError(s, err)
	require.Empty(s, r.Error)
	return r
}

// informed waits for an event from another server and returns its arguments.
func (s *sheet) informed(node int, nsp, event string) []any {
	s.Helper()
	return s.report(node, func(e serverEvent) bool {
		return e.What == "serverSide" && e.NSP == nsp &&
			e.Event == event
	}).args()
}

// untilAll emits a volatile event until each of the selected members has received it. The others must not receive it.
func (s *sheet) untilAll(o op, w who) {
	s.Helper()
	missing := make(map[string]bool)
	for _, m := range s.selected(o.NSP, w) {
		missing[m.name] = true
	}
	for len(missing) > 0 {
		s.must(o)
		s.fences++
		s.must(emit("fence", s.fences))
		for _, m := range s.members {
			if m.nsp != "/" {
				continue
			}
			e := m.next()
			if e.Event == o.Event {
				require.True(s, w(m, s), "%s receives %s", m.name, o.Event)
				delete(missing, m.name)
				e = m.next()
			}
			require.Equal(s, "fence", e.Event)
			same(s.T, []any{s.fences}, e.args())
		}
	}
}

// runSteps runs all steps from one server.
func (s *sheet) runSteps(t *testing.T, node int, keep func(step) bool) {
	for _, st := range steps {
		if keep(st) {
			t.Run(st.name, func(t *testing.T) {
				here := s.from(t, node)
				st.run(here)
				here.fence()
			})
		}
	}
}
