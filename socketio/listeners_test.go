package socketio_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestOffRemovesOneFunc(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	got := newEvents[string]()
	tell := func(name string) func() { return func() { got.add(name) } }
	s.On("a", tell("first"))
	off := s.On("a", tell("second"))
	s.On("a", tell("third"))
	offOnce := s.Once("a", tell("never"))
	s.On("b", tell("b"))
	assert.Equal(t, 4, s.ListenerCount("a"))
	assert.Equal(t, []string{"sync", "a", "b"}, s.EventNames())
	off()
	off()
	offOnce()
	assert.Equal(t, 2, s.ListenerCount("a"))
	p.send(`2["a"]`)
	assert.Equal(t, "first", got.next(t))
	assert.Equal(t, "third", got.next(t))

	offEnd := s.OnDisconnect(func(string) { got.add("never") })
	s.OnDisconnect(func(string) { got.add("disconnect") })
	offEnd()
	s.OnDisconnecting(func(string) { got.add("never") })()
	s.OnDisconnecting(func(string) { got.add("disconnecting") })
	s.Off("b")
	p.send(`2["b"]`)
	s.Disconnect(false)
	assert.Equal(t, "disconnecting", got.next(t))
	assert.Equal(t, "disconnect", got.next(t))
	got.none(t)
}

func TestOffAllRemovesAllHandlers(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	got := newEvents[string]()
	for _, event := range []string{"a", "b"} {
		s.On(event, func() { got.add(event) })
	}
	s.OnAny(func(event string, _ backplane.Args) { got.add("any " + event) })
	s.OnDisconnect(func(string) { got.add("disconnect") })
	s.OnDisconnecting(func(string) { got.add("disconnecting") })
	s.OffAll()
	assert.Empty(t, s.EventNames())
	p.send(`2["a"]`)
	assert.Equal(t, "any a", got.next(t), "as in Node.js, the functions of OnAny must stay")
	s.Disconnect(true)
	require.Equal(t, "closed", lastOf(p))
	got.none(t)
}

// lastOf returns the last packet before silence.
func lastOf(p *peer) string {
	for {
		if packet := p.next(); packet == "closed" {
			return packet
		}
	}
}

func TestAnyListeners(t *testing.T) {
	for _, outgoing := range []bool{false, true} {
		n := serve(t)
		joined := connected(n.Namespace)
		p := connect(t, n)
		s := joined.next(t)
		on, prepend, off, all := s.OnAny, s.PrependAny, s.OffAny, s.ListenersAny
		happens := func(event string) { p.send(`2["%s"]`, event) }
		if outgoing {
			on, prepend, off, all = s.OnAnyOutgoing, s.PrependAnyOutgoing, s.OffAnyOutgoing, s.ListenersAnyOutgoing
			happens = func(event string) {
				require.NoError(t, n.Emit(t.Context(), event))
				p.expect(`2["` + event +
					`"]`)
			}
		}
		got := newEvents[string]()
		tell := func(name string) func(string, backplane.Args) {
			return func(event string, _ backplane.Args) { got.add(name + " " + event) }
		}
		assert.Empty(t, all())
		on(tell("second"))
		offThird := on(tell("third"))
		offFirst := prepend(tell("first"))
		require.Len(t, all(), 3)
		all()[1]("called", backplane.Args{})
		assert.Equal(t, "second called", got.next(t))
		happens("x")
		for _, name := range []string{"first x", "second x", "third x"} {
			assert.Equal(t, name, got.next(t))
		}
		offThird()
		offThird()
		offFirst()
		require.Len(t, all(), 1)
		happens("y")
		assert.Equal(t, "second y", got.next(t))
		off()
		assert.Empty(t, all())
		happens("z")
		on(tell("again"))
		happens("last")
		// the handlers of z may have been looked up later
		for event := got.next(t); event != "again last"; event = got.next(t) {
			assert.Equal(t, "again z", event)
		}
	}
}

func TestOffRemovesOneFuncOfANamespace(t *testing.T) {
	a, b := pair(t)
	got := newEvents[string]()
	offs := []func(){
		a.OnConnection(func(*socketio.Socket) { got.add("never") }),
		a.OnNewNamespace(func(*socketio.Namespace) { got.add("never") }),
		a.OnServerSide("e", func() { got.add("never") }),
		a.OnCreateRoom(func(string) { got.add("never") }),
		a.OnDeleteRoom(func(string) { got.add("never") }),
		a.OnJoinRoom(func(string, string) { got.add("never") }),
		a.OnLeaveRoom(func(string, string) { got.add("never") }),
	}
	a.OnConnection(func(*socketio.Socket) { got.add("connection") })
	a.OnServerSide("e", func() { got.add("server side") })
	a.OnServerSide("gone", func() { got.add("never") })
	a.OnJoinRoom(func(string, string) { got.add("join") })
	for range 2 {
		for _, off := range offs {
			off()
		}
	}
	a.OffServerSide("gone")
	a.Of("/new")
	p := connect(t, a)
	assert.Equal(t, "join", got.next(t))
	assert.Equal(t, "connection", got.next(t))
	require.NoError(t, b.ServerSideEmit(t.Context(), "gone"))
	require.NoError(t, b.ServerSideEmit(t.Context(), "e"))
	assert.Equal(t, "server side", got.next(t))
	p.send("1")
	got.none(t)
}

func TestVariadicHandlerAcknowledges(t *testing.T) {
	n := serve(t)
	n.OnConnection(func(s *socketio.Socket) {
		s.On("echo", func(ack socketio.Ack, args ...any) { ack(append(args, len(args))...) })
	})
	p := connect(t, n)
	p.send(`27["echo","a",{"b":1}]`)
	p.expect(`37["a",{"b":1},2]`)
	p.send(`2["echo","nobody waits"]`)
	p.send(`28["echo"]`)
	p.expect(`38[0]`)
}
