package socketio_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// crowd connects clients and returns them with their sockets.
func crowd(t *testing.T, n *node, count int) ([]*peer, []*socketio.Socket) {
	t.Helper()
	joined := connected(n.Namespace)
	var peers []*peer
	var sockets []*socketio.Socket
	for range count {
		peers = append(peers, connect(t, n))
		sockets = append(sockets, joined.next(t))
	}
	return peers, sockets
}

func TestBroadcast(t *testing.T) {
	n := serve(t)
	peers, sockets := crowd(t, n, 3)
	sockets[0].Join("a")
	sockets[1].Join("a", "b")
	ctx := t.Context()
	for event, send := range map[string]struct {
		to   func(event string) error
		want []bool
	}{
		"all":  {func(e string) error { return n.Emit(ctx, e) }, []bool{true, true, true}},
		"room": {func(e string) error { return n.To("a").Emit(ctx, e) }, []bool{true, true, false}},
		"rooms": {func(e string) error { return n.To("a", "b").Emit(ctx, e) },
			[]bool{true, true, false}},
		"except": {func(e string) error { return n.Except("b").Emit(ctx, e) },
			[]bool{true, false, true}},
		"room but": {func(e string) error { return n.In("a").Except("b").Emit(ctx, e) },
			[]bool{true, false, false}},
		"one": {func(e string) error { return n.To(sockets[2].ID()).Emit(ctx, e) },
			[]bool{false, false, true}},
		"no rooms": {func(e string) error { return n.To().Emit(ctx, e) }, []bool{false, false, false}},
		"no rooms but": {func(e string) error { return n.In().Except("b").Emit(ctx, e) },
			[]bool{false, false, false}},
		"no rooms, a room": {func(e string) error { return n.To().To("b").Emit(ctx, e) },
			[]bool{false, true, false}},
		"no rooms, async": {func(e string) error { return n.To().EmitAsync(e) }, []bool{false, false, false}},
		"no rooms, close": {func(e string) error { return n.In().DisconnectSockets(ctx, true) },
			[]bool{false, false, false}},
		"except no rooms": {func(e string) error { return n.Except().Emit(ctx, e) }, []bool{true, true, true}},
		"socket no rooms": {func(e string) error { return sockets[0].To().Emit(ctx, e) },
			[]bool{false, false, false}},
		"socket flags, no rooms": {func(e string) error { return sockets[0].Volatile().In().Emit(ctx, e) },
			[]bool{false, false, false}},
		"async": {func(e string) error { return n.EmitAsync(e) }, []bool{true, true, true}},
		"local": {func(e string) error { return n.Local().Volatile().Compress(false).Emit(ctx, e) },
			[]bool{true, true, true}},
		"socket broadcast": {func(e string) error { return sockets[0].Broadcast().Emit(ctx, e) },
			[]bool{false, true, true}},
		"socket to": {func(e string) error { return sockets[0].To("a").Emit(ctx, e) },
			[]bool{false, true, false}},
		"socket in": {func(e string) error { return sockets[1].In("a", "b").Emit(ctx, e) },
			[]bool{true, false, false}},
		"socket except": {func(e string) error { return sockets[2].Except("b").Emit(ctx, e) },
			[]bool{true, false, false}},
		"socket local": {func(e string) error {
			return sockets[2].Local().Volatile().Compress(true).Timeout(time.Second).To("b").Emit(ctx, e)
		}, []bool{false, true, false}},
		"socket": {func(e string) error { return sockets[2].Emit(e) }, []bool{false, false, true}},
		"socket flags": {func(e string) error { return sockets[2].Compress(false).Emit(e) },
			[]bool{false, false, true}},
	} {
		require.NoError(t, send.to(event), event)
		for i, want := range send.want {
			if want {
				peers[i].expect(`2["` + event + `"]`)
			}
			peers[i].sync("")
		}
	}
	require.NoError(t, sockets[0].Send("x"))
	peers[0].expect(`2["message","x"]`)
	sockets[0].Leave("a", "b")
	require.NoError(t, n.To("a").Emit(ctx, "left", []byte{1}, map[string]any{"b": []byte("2")}))
	peers[0].sync("")
	peers[1].expect(`52-["left",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]`, "b:\x01", "b:2")
}

func TestEmitWithAck(t *testing.T) {
	n := serve(t)
	peers, sockets := crowd(t, n, 2)
	p, s := peers[0], sockets[0]

	t.Run("ReturnsTheFirstArgument", func(t *testing.T) {
		for answer, want := range map[string]string{`["yes",2]`: `"yes"`, `[]`: `null`, `[{"a":1}]`: `{"a":1}`} {
			go func() {
				packet := p.next()
				p.send("3%s%s", packet[1:len(packet)-len(`["q",1]`)], answer)
			}()
			v, err := s.EmitWithAck(t.Context(), "q", 1)
			require.NoError(t, err)
			assert.Equal(t, want, v.String())
		}
	})
	t.Run("AcceptsBytes", func(t *testing.T) {
		go func() {
			packet := p.next()
			p.send(`61-%s[{"_placeholder":true,"num":0}]`, packet[1:len(packet)-len(`["q"]`)])
			p.sendBinary("bytes")
		}()
		v, err := s.Timeout(patience).EmitWithAck(t.Context(), "q")
		require.NoError(t, err)
		var got []byte
		require.NoError(t, v.Decode(&got))
		assert.Equal(t, "bytes", string(got))
	})
	t.Run("EndsAtItsTimeout", func(t *testing.T) {
		_, err := s.Timeout(time.Second).EmitWithAck(t.Context(), "silence") // enough to send it
		require.ErrorIs(t, err, backplane.ErrTimeout)
		p.next()
	})
	t.Run("EndsWithItsContext", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			p.next()
			cancel()
		}()
		_, err := s.EmitWithAck(ctx, "silence")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("WorksInsideAHandler", func(t *testing.T) {
		s.On("ask me", func(ctx context.Context, ack func(backplane.Value)) error {
			v, err := s.EmitWithAck(ctx, "what?")
			ack(v)
			return err
		})
		p.send(`25["ask me"]`)
		packet := p.next()
		p.send(`3%s["that"]`, packet[1:len(packet)-len(`["what?"]`)])
		p.expect(`35["that"]`)
	})
	t.Run("OfABroadcast", func(t *testing.T) {
		for i, p := range peers {
			go func() {
				packet := p.next()
				p.send(`3%s[%d]`, packet[1:len(packet)-len(`["all?"]`)], i)
			}()
		}
		values, err := n.Timeout(patience).EmitWithAck(t.Context(), "all?")
		require.NoError(t, err)
		var got []string
		for _, v := range values {
			got = append(got, v.String())
		}
		assert.ElementsMatch(t, []string{"0", "1"}, got)
		values, err = s.To("nobody").EmitWithAck(t.Context(), "all?")
		require.NoError(t, err)
		assert.Empty(t, values)
	})
	t.Run("OfABroadcastWithMissingAnswers", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			packet := p.next()
			p.send(`3%s[1]`, packet[1:len(packet)-len(`["some?"]`)])
			p.sync("") // the acknowledgement has been read
			cancel()
		}()
		values, err := n.EmitWithAck(ctx, "some?")
		var partial *backplane.PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, 1, partial.Clients)
		assert.Len(t, values, 1)
		peers[1].next()
	})
	t.Run("EndsWhenTheClientDisconnects", func(t *testing.T) {
		go func() {
			p.next()
			_ = p.conn.Close()
		}()
		_, err := s.EmitWithAck(t.Context(), "silence")
		require.ErrorIs(t, err, socketio.ErrDisconnected)
		_, err = s.EmitWithAck(t.Context(), "nobody there")
		require.ErrorIs(t, err, socketio.ErrDisconnected)
	})
}

func TestCluster(t *testing.T) {
	a, b := pair(t)
	ctx := t.Context()
	pa, sa := crowd(t, a, 2)
	pb, sb := crowd(t, b, 1)
	pa[1].send("1")
	eventually(t, "the client has left", func() bool { return a.SocketsCount() == 1 })
	sa[0].Join("room")
	sb[0].Join("room")
	sb[0].SetData(map[string]any{"name": "b"})

	require.NoError(t, a.To("room").Emit(ctx, "news", map[string]any{"id": 1}))
	pa[0].expect(`2["news",{"id":1}]`)
	pb[0].expect(`2["news",{"id":1}]`)
	require.NoError(t, sa[0].Broadcast().Emit(ctx, "bytes", []byte("x")))
	pb[0].expect(`51-["bytes",{"_placeholder":true,"num":0}]`, "b:x")
	require.NoError(t, a.Local().Emit(ctx, "local"))
	pa[0].expect(`2["local"]`)

	found, err := a.In("room").FetchSockets(ctx)
	require.NoError(t, err)
	require.Len(t, found, 2)
	for _, s := range found {
		if s.ID() != sb[0].ID() {
			continue
		}
		assert.Equal(t, []string{s.ID(), "room"}, s.Rooms())
		assert.Equal(t, `{"name":"b"}`, s.Data().String())
		h, err := s.Handshake()
		require.NoError(t, err)
		assert.Equal(t, "127.0.0.1", h.Address)
		require.NoError(t, s.Emit(ctx, "just you"))
		pb[0].expect(`2["just you"]`)
	}

	go func() { pb[0].send(`3%s["b"]`, ackID(pb[0].next(), `["both?"]`)) }()
	go func() { pa[0].send(`3%s["a"]`, ackID(pa[0].next(), `["both?"]`)) }()
	values, err := a.EmitWithAck(ctx, "both?")
	require.NoError(t, err)
	assert.Len(t, values, 2)

	require.NoError(t, a.In("room").SocketsJoin(ctx, "other"))
	require.NoError(t, a.In("room").Except(sa[0].ID()).SocketsLeave(ctx, "room"))
	require.NoError(t, a.To("other").Except("room").Emit(ctx, "joined"))
	pb[0].expect(`2["joined"]`)
	pa[0].sync("")

	got := newEvents[string]()
	b.OnServerSide("hello", func(name string, ack func(string)) {
		got.add(name)
		ack("hello " + name)
	})
	b.OnServerSide("hello", func(string) { panic("oops") })
	b.OnServerSide("hello", func(n int) {})
	require.NoError(t, a.ServerSideEmit(ctx, "hello", "a"))
	assert.Equal(t, "a", got.next(t))
	var failed *socketio.HandlerError
	require.ErrorAs(t, b.errors.next(t), &failed)
	require.ErrorAs(t, b.errors.next(t), &failed)
	values, err = a.ServerSideEmitWithAck(ctx, "hello", "a")
	require.NoError(t, err)
	require.Len(t, values, 1)
	assert.Equal(t, `"hello a"`, values[0].String())

	require.NoError(t, a.To(sb[0].ID()).DisconnectSockets(ctx, true))
	pb[0].expect("1", "closed")
	pa[0].sync("")
}

// ackID returns the id of an event that wants an acknowledgement.
func ackID(packet, payload string) string { return packet[1 : len(packet)-len(payload)] }

func TestRoomEvents(t *testing.T) {
	n := serve(t)
	got := newEvents[string]()
	n.OnCreateRoom(func(room string) { got.add("create " + room) })
	n.OnJoinRoom(func(room, id string) { got.add("join " + room) })
	n.OnLeaveRoom(func(room, id string) { got.add("leave " + room) })
	n.OnDeleteRoom(func(room string) { got.add("delete " + room) })
	n.OnDeleteRoom(func(room string) { got.add("deleted " + room) })
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	assert.Equal(t, "create "+s.ID(), got.next(t))
	assert.Equal(t, "join "+s.ID(), got.next(t))
	s.Join("x")
	assert.Equal(t, "create x", got.next(t))
	assert.Equal(t, "join x", got.next(t))
	p.send("1")
	assert.Equal(t, "leave "+s.ID(), got.next(t))
	assert.Equal(t, "delete "+s.ID(), got.next(t))
	assert.Equal(t, "deleted "+s.ID(), got.next(t))
	assert.Equal(t, "leave x", got.next(t))
}
