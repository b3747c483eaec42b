package socketio_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// ends records how the sockets of a namespace end.
func ends(ns *socketio.Namespace) *events[string] {
	e := newEvents[string]()
	ns.OnConnection(func(s *socketio.Socket) {
		s.Join("room")
		s.OnDisconnecting(func(reason string) {
			if rooms := s.Rooms(); len(rooms) == 2 {
				e.add("disconnecting from " + rooms[1] + ": " + reason)
			}
		})
		s.OnDisconnect(func(reason string) {
			if len(s.Rooms()) == 0 && !s.Connected() && s.Context().Err() != nil {
				e.add("disconnect: " + reason)
			}
		})
	})
	return e
}

func TestReasonsOfDisconnection(t *testing.T) {
	for reason, end := range map[string]func(n *node, s *socketio.Socket, p *peer){
		"client namespace disconnect": func(_ *node, _ *socketio.Socket, p *peer) { p.send("1") },
		"transport close":             func(_ *node, _ *socketio.Socket, p *peer) { _ = p.conn.Close() },
		"parse error":                 func(_ *node, _ *socketio.Socket, p *peer) { p.send("9") },
		"forced server close":         func(_ *node, _ *socketio.Socket, p *peer) { p.send("0") },
		"ping timeout":                func(_ *node, _ *socketio.Socket, p *peer) { p.mu.Lock() },
		"server shutting down": func(n *node, _ *socketio.Socket, _ *peer) {
			go func() { _ = n.Shutdown(context.Background()) }()
		},
	} {
		t.Run(reason, func(t *testing.T) {
			n := serve(t, func(c *socketio.Config) {
				if reason == "ping timeout" {
					c.PingInterval, c.PingTimeout = 20*time.Millisecond, 2*time.Second
				}
			})
			got := ends(n.Namespace)
			joined := connected(n.Namespace)
			p := connect(t, n)
			end(n, joined.next(t), p)
			assert.Equal(t, "disconnecting from room: "+reason, got.next(t))
			assert.Equal(t, "disconnect: "+reason, got.next(t))
			assert.Empty(t, n.Rooms())
			if reason == "ping timeout" {
				p.mu.Unlock()
			}
		})
	}
}

func TestDisconnectTakesEffectAtOnce(t *testing.T) {
	n := serve(t)
	other := n.Of("/other")
	got, joined := ends(n.Namespace), connected(n.Namespace)
	gotOther, joinedOther := ends(other), connected(other)
	p := connect(t, n)
	p.join("/other", "")
	s, o := joined.next(t), joinedOther.next(t)

	require.NoError(t, s.Emit("last"))
	s.Disconnect(false)
	assert.False(t, s.Connected())
	assert.Empty(t, n.Sockets(), "the socket must leave at once")
	s.Join("late")
	assert.Empty(t, n.Rooms())
	assert.ErrorIs(t, s.Emit("too late"), socketio.ErrDisconnected)
	s.Disconnect(false)
	p.expect(`2["last"]`, `1`)
	assert.Equal(t, "disconnecting from room: server namespace disconnect", got.next(t))
	assert.Equal(t, "disconnect: server namespace disconnect", got.next(t))
	p.send(`2["was on its way"]`)
	p.send(`30[]`)
	p.sync("/other")
	got.none(t)

	p.join("", "")
	joined.next(t).Disconnect(true)
	p.expect(`1`)
	p.expect(`1/other,`, "closed")
	assert.Equal(t, "disconnecting from room: server namespace disconnect", got.next(t))
	assert.Equal(t, "disconnect: server namespace disconnect", got.next(t))
	assert.Equal(t, "disconnecting from room: server namespace disconnect", gotOther.next(t))
	assert.False(t, o.Connected())
}

func TestEventsBeforeTheEndAreHandled(t *testing.T) {
	n := serve(t)
	hold := make(chan struct{})
	got := newEvents[string]()
	n.OnConnection(func(s *socketio.Socket) {
		s.On("hold", func(ctx context.Context) {
			<-hold
			<-ctx.Done() // ends although this handler delays everything that follows
		})
		s.On("x", func(i int) {
			s.Join("joined")
			got.add("x")
		})
		s.OnDisconnecting(func(string) { assert.Contains(t, s.Rooms(), "joined") })
		s.OnDisconnect(func(reason string) { got.add(reason) })
	})
	p := connect(t, n)
	p.send(`2["hold"]`)
	p.send(`2["x",1]`)
	p.send(`2["x",2]`)
	p.send(`1`)
	close(hold)
	assert.Equal(t, "x", got.next(t))
	assert.Equal(t, "x", got.next(t))
	assert.Equal(t, "client namespace disconnect", got.next(t))
}

func TestEventsAfterDisconnectAreNotHandled(t *testing.T) {
	n := serve(t)
	hold := make(chan struct{})
	got := newEvents[string]()
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	s.On("hold", func() { <-hold })
	s.On("x", func() { got.add("x") })
	s.OnDisconnect(func(reason string) { got.add(reason) })
	p.send(`2["hold"]`)
	p.send(`2["x"]`)
	s.Disconnect(true)
	close(hold)
	assert.Equal(t, "server namespace disconnect", got.next(t))
}

func TestDisconnectInsideAHandler(t *testing.T) {
	n := serve(t)
	got := newEvents[string]()
	n.OnConnection(func(s *socketio.Socket) {
		s.On("bye", func() {
			s.Disconnect(true)
			got.add("handled")
		})
		s.OnDisconnect(func(reason string) { got.add(reason) })
	})
	p := connect(t, n)
	p.send(`2["bye"]`)
	assert.Equal(t, "handled", got.next(t))
	assert.Equal(t, "server namespace disconnect", got.next(t))
	p.expect("1", "closed")
}

func TestProtocolViolations(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	bystander := connect(t, n)
	joined.next(t)
	for name, packet := range map[string]string{
		"EventBeforeConnect":       `2["x"]`,
		"EventForAnotherNamespace": `2/other,["x"]`,
		"DisconnectBeforeConnect":  `1`,
		"AckBeforeConnect":         `30[]`,
		"ConnectError":             `4{"message":"x"}`,
		"UnknownType":              `7`,
		"Empty":                    ``,
		"NoJSON":                   `2["x"`,
		"NoArray":                  `2{}`,
		"ReservedEvent":            `2["connect"]`,
		"AuthIsNoObject":           `0"x"`,
		"TooManyAttachments":       `511-["x"]`,
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, n)
			p.send("%s", packet)
			p.expect("closed")
		})
	}
	t.Run("ConnectTwice", func(t *testing.T) {
		p := connect(t, n)
		joined.next(t)
		p.send("0")
		p.expect("closed")
	})
	t.Run("TextInPlaceOfAnAttachment", func(t *testing.T) {
		p := connect(t, n)
		joined.next(t)
		p.send(`51-["x",{"_placeholder":true,"num":0}]`)
		p.send(`2["x"]`)
		p.expect("closed")
	})
	t.Run("UnknownAckIdsAreIgnored", func(t *testing.T) {
		p := connect(t, n)
		joined.next(t)
		p.send(`3999[]`)
		p.send(`30["x"]`)
		p.sync("")
	})
	bystander.sync("")
}

func TestClientsCountFallsWhenSocketsHaveLeft(t *testing.T) {
	n := serve(t)
	hold := make(chan struct{})
	got := newEvents[[2]int]()
	note := func(string) { got.add([2]int{n.ClientsCount(), len(n.Sockets())}) }
	n.OnConnection(func(s *socketio.Socket) {
		s.OnDisconnecting(func(string) {
			<-hold
			note("")
		})
		s.OnDisconnect(note)
	})
	p, joinsNothing := connect(t, n), dial(t, n, "")
	require.Equal(t, 2, n.ClientsCount())
	require.NoError(t, joinsNothing.conn.Close())
	require.Eventually(t, func() bool { return n.ClientsCount() == 1 }, patience, time.Millisecond)
	require.NoError(t, p.conn.Close())
	close(hold)
	assert.Equal(t, [2]int{1, 1}, got.next(t), "clients and sockets in OnDisconnecting")
	assert.Equal(t, [2]int{0, 0}, got.next(t), "clients and sockets in OnDisconnect")
}
