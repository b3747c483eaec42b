package socketio_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestConnect(t *testing.T) {
	n := serve(t)
	n.OnConnection(func(s *socketio.Socket) {
		require.True(t, s.Connected())
		require.False(t, s.Recovered())
		require.NoError(t, s.Emit("hello", s.ID()))
	})
	p := dial(t, n)
	id := p.join("", `{"token":"x"}`)
	p.expect(`2["hello","` + id + `"]`)
	s := n.Socket(id)
	require.NotNil(t, s)
	assert.Equal(t, "/", s.Namespace().Name())
	assert.Equal(t, `{"token":"x"}`, s.Auth().String())
	assert.Equal(t, []string{id}, s.Rooms())
	assert.Equal(t, "websocket", s.Transport())
	assert.Equal(t, 1, n.ClientsCount())
	assert.Len(t, n.Sockets(), 1)
	assert.Nil(t, n.Socket("nobody"))
}

func TestHandshake(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := dial(t, n, "&token=1&list=a&list=b")
	p.join("", `{"user":"x"}`)
	s := joined.next(t)
	h := s.Handshake()
	assert.Equal(t, "127.0.0.1", h.Address)
	assert.Equal(t, "a, b", h.Headers["x-test"], "Node.js joins the values of a header")
	assert.Equal(t, "websocket", strings.ToLower(h.Headers["upgrade"].(string)))
	assert.Equal(t, "1", h.Query["token"])
	assert.Equal(t, []string{"a", "b"}, h.Query["list"])
	assert.Equal(t, map[string]any{"user": "x"}, h.Auth)
	assert.Equal(t, "/socket.io/?EIO=4&transport=websocket&token=1&list=a&list=b", h.URL)
	assert.False(t, h.Secure)
	assert.False(t, h.XDomain)
	assert.WithinDuration(t, time.Now(), h.IssuedAt(), time.Minute)
	parsed, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)", h.Time)
	require.NoError(t, err)
	assert.WithinDuration(t, h.IssuedAt(), parsed, time.Second)
	assert.Equal(t, []string{"a", "b"}, s.Header()["X-Test"])
	assert.Equal(t, "1", s.Query().Get("token"))

	found, err := n.FetchSockets(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 1)
	same, err := found[0].Handshake()
	require.NoError(t, err)
	h.Query["list"] = []any{"a", "b"}
	assert.Equal(t, h, same)
}

func TestMiddlewareDecides(t *testing.T) {
	n := serve(t)
	called := newEvents[string]()
	n.Use(func(s *socketio.Socket) error {
		var auth struct{ Kind string }
		require.NoError(t, s.Auth().Decode(&auth))
		called.add(auth.Kind)
		require.False(t, s.Connected())
		assert.NoError(t, s.Emit("early"), "Emit must succeed: the event is sent after the connection")
		s.Disconnect(false) // does nothing, because the socket is not connected
		switch auth.Kind {
		case "plain":
			return errors.New("not authorized")
		case "data":
			return &socketio.Error{Message: "not authorized", Data: map[string]any{"code": 7}}
		case "hopeless":
			return &socketio.Error{Message: "no", Data: make(chan int)}
		case "panic":
			panic("oops")
		}
		s.Join("a", "b")
		s.Leave("b")
		require.Equal(t, []string{"a"}, s.Rooms())
		s.SetData("x")
		return nil
	})
	n.Use(func(s *socketio.Socket) error {
		called.add("second")
		return nil
	})
	joined := connected(n.Namespace)
	p := dial(t, n)
	for kind, answer := range map[string]string{
		"plain":    `4{"message":"not authorized"}`,
		"data":     `4{"message":"not authorized","data":{"code":7}}`,
		"hopeless": `4{"message":"no"}`,
		"panic":    `4{"message":"internal error"}`,
	} {
		p.send(`0{"kind":"%s"}`, kind)
		p.expect(answer)
		assert.Equal(t, kind, called.next(t))
		called.none(t)
	}
	var failed *socketio.HandlerError
	require.ErrorAs(t, n.errors.next(t), &failed)
	require.ErrorAs(t, n.errors.next(t), &failed)
	assert.Zero(t, n.SocketsCount())

	id := p.join("", `{"kind":"fine"}`)
	p.expect(`2["early"]`)
	s := joined.next(t)
	assert.Equal(t, []string{id, "a"}, s.Rooms())
	assert.Equal(t, "x", s.Data())
	called.next(t)
	assert.Equal(t, "second", called.next(t))
}

func TestRetryReplacesAnAttemptUnderWay(t *testing.T) {
	n := serve(t)
	hold := make(chan struct{})
	n.Use(func(s *socketio.Socket) error {
		<-hold
		return nil
	})
	side := connected(n.Of("/side"))
	joined := connected(n.Namespace)
	p := dial(t, n)
	p.join("/side", "")
	go func() {
		p.expect(`2/side,0["sync"]`)
		p.send(`0{"n":1}`)
		p.send(`0{"n":2}`)
		p.send(`0/unknown,`) // answered after the two attempts
		p.send(`3/side,0[]`) // handled at once, so the others have arrived by then
	}()
	_, err := side.next(t).EmitWithAck(t.Context(), "sync")
	require.NoError(t, err)
	close(hold)
	require.Contains(t, p.next(), `0{"sid":"`)
	p.expect(`4/unknown,{"message":"Invalid namespace"}`)
	assert.Equal(t, `{"n":2}`, joined.next(t).Auth().String())
	joined.none(t)
	assert.Equal(t, 1, n.SocketsCount())
}

func TestNamespaces(t *testing.T) {
	n := serve(t)
	opened := newEvents[string]()
	n.OnNewNamespace(func(ns *socketio.Namespace) { opened.add(ns.Name()) })
	admin := n.Of("admin")
	require.Same(t, admin, n.Of("/admin"))
	require.Same(t, n.Namespace, n.Of("/"))
	joined := connected(admin)
	p := dial(t, n)
	p.join("/admin", "")
	s := joined.next(t)
	assert.Equal(t, "/admin", s.Namespace().Name())
	main := p.join("", "")
	assert.NotEqual(t, main, s.ID(), "a client must have a different id in each namespace")
	assert.Equal(t, 1, n.ClientsCount())

	p.send(`0/nowhere,`)
	p.expect(`4/nowhere,{"message":"Invalid namespace"}`)
	require.NoError(t, admin.Emit(t.Context(), "x"))
	p.expect(`2/admin,["x"]`)
	assert.Equal(t, "/admin", opened.next(t))

	require.NoError(t, admin.Close(t.Context()))
	p.expect(`1/admin,`)
	p.send(`0/admin,`)
	p.expect(`4/admin,{"message":"Invalid namespace"}`)
	require.NoError(t, n.Emit(t.Context(), "still there"))
	p.expect(`2["still there"]`)
	connected(n.Of("/admin"))
	p.join("/admin", "")

	var names []string
	for _, ns := range n.Namespaces() {
		names = append(names, ns.Name())
	}
	assert.Equal(t, []string{"/", "/admin"}, names)
	assert.Panics(t, func() { n.Of("/" + string([]byte{0})) }, "Of must panic: no bus can carry this name")
}

func TestDynamicNamespaces(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.CleanupEmptyNamespaces = true })
	opened := newEvents[string]()
	n.OnNewNamespace(func(ns *socketio.Namespace) { opened.add(ns.Name()) })
	byName := n.OfPattern(regexp.MustCompile(`^/room-\d+$`))
	byAuth := n.OfFunc(func(name string, auth backplane.Value) bool {
		var a struct{ Admin, Panic bool }
		require.NoError(t, auth.Decode(&a))
		if a.Panic {
			panic("oops")
		}
		return a.Admin
	})
	joined := newEvents[string]()
	byName.OnConnection(func(s *socketio.Socket) { joined.add("pattern " + s.Namespace().Name()) })
	byAuth.OnConnection(func(s *socketio.Socket) { joined.add("func " + s.Namespace().Name()) })
	byName.Use(func(s *socketio.Socket) error {
		if s.Auth().String() != "{}" {
			return errors.New("no")
		}
		return nil
	})

	p, q := dial(t, n), dial(t, n)
	p.join("/room-1", "")
	q.join("/room-1", "")
	assert.Equal(t, "/room-1", opened.next(t))
	opened.none(t)
	assert.Equal(t, "pattern /room-1", joined.next(t))
	assert.Equal(t, "pattern /room-1", joined.next(t))
	require.Len(t, byName.Children(), 1)
	require.NoError(t, byName.Emit(t.Context(), "x"))
	p.expect(`2/room-1,["x"]`)
	q.expect(`2/room-1,["x"]`)

	p.send(`0/room-x,{}`)
	p.expect(`4/room-x,{"message":"Invalid namespace"}`)
	p.send(`0/room-x,{"panic":true}`)
	p.expect(`4/room-x,{"message":"Invalid namespace"}`)
	var failed *socketio.HandlerError
	require.ErrorAs(t, n.errors.next(t), &failed)
	p.join("/any", `{"admin":true}`)
	assert.Equal(t, "func /any", joined.next(t))
	require.Len(t, byAuth.Children(), 1)
	opened.next(t)

	// The last client closes the namespace, even if it was refused.
	p.send(`1/room-1,`)
	q.send(`1/room-1,`)
	p.send(`0/room-2,{"refused":1}`)
	p.expect(`4/room-2,{"message":"no"}`)
	assert.Equal(t, "/room-2", opened.next(t))
	q.send(`0/room-x,{}`)
	q.expect(`4/room-x,{"message":"Invalid namespace"}`)
	p.join("/room-1", "")
	assert.Equal(t, "/room-1", opened.next(t), "the namespace must have been closed and opened again")
	require.Len(t, byName.Children(), 1)

	ours := n.Of("/room-3")
	require.Contains(t, byName.Children(), ours, "a namespace whose name the pattern matches must be a child")
}

func TestClientThatJoinsNoNamespaceIsDisconnected(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.ConnectTimeout = time.Second })
	n.Use(func(s *socketio.Socket) error {
		var auth struct{ Refused bool }
		if err := s.Auth().Decode(&auth); err == nil && auth.Refused {
			return errors.New("no")
		}
		return nil
	})
	silent, refused, member := dial(t, n), dial(t, n), dial(t, n)
	refused.send(`0{"refused":true}`)
	refused.expect(`4{"message":"no"}`, "closed")
	silent.expect("closed")
	joined := connected(n.Namespace)
	late := dial(t, n)
	late.join("", "")
	joined.next(t)
	member.expect("closed")
	late.sync("")
}
