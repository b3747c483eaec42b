package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestEventsOfAMiddlewareArriveAfterTheConnection(t *testing.T) {
	for name, change := range map[string]func(*socketio.Config){
		"Plain":    func(*socketio.Config) {},
		"Recovery": func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} },
	} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, change)
			n.Use(func(s *socketio.Socket) error {
				require.NoError(t, s.Emit("first", 1))
				require.NoError(t, s.Join("room"))
				require.NoError(t, n.To("room").Emit(t.Context(), "second"))
				require.NoError(t, n.To(s.ID()).Emit(t.Context(), "third"))
				require.NoError(t, n.To("room").Except("room").Emit(t.Context(), "nobody's"))
				require.NoError(t, n.To("another").Emit(t.Context(), "nobody's"))
				require.NoError(t, s.To("room").Emit(t.Context(), "nobody's"))
				s.Leave("room")
				require.NoError(t, n.To("room").Emit(t.Context(), "nobody's"))
				require.NoError(t, s.Volatile().Emit("fourth"))
				_, err := s.EmitWithAck(t.Context(), "never")
				require.ErrorIs(t, err, socketio.ErrDisconnected,
					"EmitWithAck must fail: the client cannot answer before the middleware has returned")
				return nil
			})
			n.OnConnection(func(s *socketio.Socket) { require.NoError(t, s.Emit("fifth")) })
			p := dial(t, n)
			p.send("0")
			assert.Contains(t, p.next(), `0{"sid":"`)
			for _, event := range []string{"first", "second", "third", "fourth", "fifth"} {
				assert.Contains(t, p.next(), `2["`+event+`"`)
			}
		})
	}
}

// A broadcast that wants acknowledgements reaches a client that is about to join, too, and the client can answer.
func TestBroadcastWithAckReachesPendingSockets(t *testing.T) {
	a, b := pair(t)
	values := newEvents[[]backplane.Value]()
	a.Use(func(s *socketio.Socket) error {
		if err := s.Join("room"); err != nil {
			return err
		}
		asked := newEvents[bool]()
		s.OnAnyOutgoing(func(string, backplane.Args) { asked.add(true) })
		go func() {
			all, err := b.To("room").EmitWithAck(context.WithoutCancel(t.Context()), "q")
			assert.NoError(t, err)
			values.add(all)
		}()
		asked.next(t)
		return nil
	})
	p := dial(t, a)
	p.send("0")
	assert.Contains(t, p.next(), `0{"sid":"`)
	id, _, ok := cutID(p.next())
	require.True(t, ok)
	p.send(`3%s["yes"]`, id)
	require.Len(t, values.next(t), 1)
}

// While a socket becomes a member, a broadcast to its rooms reaches it once.
func TestBroadcastReachesAJoiningSocketOnce(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	n.Use(func(s *socketio.Socket) error {
		if err := s.Join("room"); err != nil {
			return err
		}
		emitted := newEvents[bool]()
		go func() {
			i := 0
			for ; len(joined.c) == 0; i++ {
				if err := n.To("room").EmitAsync("e", i); !assert.NoError(t, err) {
					break
				}
				if i == 0 {
					emitted.add(true)
				}
				runtime.Gosched()
			}
			assert.NoError(t, n.To("room").EmitAsync("end", i))
		}()
		emitted.next(t)
		return nil
	})
	for range 300 {
		p := dial(t, n)
		p.send("0")
		assert.Contains(t, p.next(), `0{"sid":"`)
		packet := p.next()
		for i := 0; packet == fmt.Sprintf(`2["e",%d]`, i); i++ {
			packet = p.next()
			if packet == fmt.Sprintf(`2["end",%d]`, i+1) {
				packet = ""
				break
			}
		}
		require.Empty(t, packet, "unexpected packet")
		joined.next(t).Disconnect(true)
	}
}

func TestEventsOfAMiddlewareAreDroppedWithARefusal(t *testing.T) {
	n := serve(t)
	var kept *socketio.Socket
	n.Of("/closed").Use(func(s *socketio.Socket) error {
		kept = s
		require.NoError(t, s.Join("room"))
		require.NoError(t, s.Emit("first"))
		return errors.New("not you")
	})
	connected(n.Namespace)
	p := connect(t, n)
	p.send("0/closed,")
	p.expect(`4/closed,{"message":"not you"}`)
	require.ErrorIs(t, kept.Emit("late"), socketio.ErrDisconnected)
	require.NoError(t, n.Of("/closed").To("room").Emit(t.Context(), "late"))
	p.sync("")
}

func TestBacklogOfAPendingSocketIsBounded(t *testing.T) {
	reached := newEvents[socketio.AuditEvent]()
	n := serve(t, func(c *socketio.Config) {
		c.SendQueue = 10
		c.Audit = func(e socketio.AuditEvent) {
			if e.Kind == socketio.AuditQuota {
				reached.add(e)
			}
		}
	})
	sent := newEvents[int]()
	n.Use(func(s *socketio.Socket) error {
		count := 0
		for s.Emit("a") == nil {
			count++
		}
		sent.add(count)
		return nil
	})
	p := dial(t, n)
	p.send("0")
	assert.Equal(t, 9, sent.next(t), "one place must be left for the greeting")
	assert.Equal(t, string(socketio.QuotaSendQueue), reached.next(t).Reason)
}

func TestAuthIsAnObject(t *testing.T) {
	seen := newEvents[string]()
	n := serve(t, func(c *socketio.Config) {
		c.ReauthenticateSocket = func(context.Context, *socketio.Socket) error { return nil }
		c.Reauthenticate = 1 << 40
	})
	n.OfFunc(func(name string, auth backplane.Value) bool {
		seen.add(auth.String())
		return true
	}).Use(func(s *socketio.Socket) error {
		seen.add(s.Auth().String())
		assert.NotNil(t, s.Handshake().Auth)
		return nil
	})
	p := connect(t, n)
	for sent, want := range map[string]string{"": `{}`, `{}`: `{}`, `{"a":1}`: `{"a":1}`} {
		p.join("/"+string(rune('a'+len(sent))), sent)
		assert.Equal(t, want, seen.next(t), "OfFunc, %q sent", sent)
		assert.Equal(t, want, seen.next(t), "Socket.Auth, %q sent", sent)
	}
}

func TestZeroSenderReturnsAnError(t *testing.T) {
	var config *backplane.ConfigError
	var nobody *socketio.Socket
	for _, e := range []socketio.Sender{{}, nobody.Volatile(), socketio.Sender{}.Compress(true).Local().Timeout(1)} {
		require.ErrorAs(t, e.Emit("a"), &config)
		require.ErrorAs(t, e.Send("a"), &config)
		_, err := e.EmitWithAck(t.Context(), "a")
		require.ErrorAs(t, err, &config)
		for _, target := range []backplane.Target{e.Broadcast(), e.To("a"), e.In("a"), e.Except("a")} {
			require.ErrorAs(t, target.Emit(t.Context(), "a"), &config, "a zero target must not select all sockets")
		}
	}
	require.ErrorAs(t, nobody.Emit("a"), &config)
}

func TestSocketTimeout(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	_, err := s.Timeout(0).EmitWithAck(t.Context(), "a")
	require.ErrorIs(t, err, backplane.ErrTimeout, "a timeout of 0 must fail at once")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.EmitWithAck(ended, "a")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Broadcast().EmitWithAck(ended, "a")
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Timeout(0).Broadcast().EmitWithAck(t.Context(), "a")
	require.ErrorIs(t, err, backplane.ErrTimeout)
	var config *backplane.ConfigError
	require.ErrorAs(t, s.Timeout(-1).Emit("a"), &config)
	_, err = s.Timeout(-1).EmitWithAck(t.Context(), "a")
	require.ErrorAs(t, err, &config)
	require.ErrorAs(t, s.Timeout(-1).Broadcast().Emit(t.Context(), "a"), &config)
	require.NoError(t, s.Timeout(0).Emit("b"), "Emit must succeed: an event without acknowledgement does not wait")
	p.expect(`2["b"]`)
}

func TestAcknowledgementKeepsAllArguments(t *testing.T) {
	a, b := pair(t)
	joined := connected(a.Namespace)
	onA, onB := connect(t, a), connect(t, b)
	s := joined.next(t)

	asked := func(p *peer, event, answer string) {
		t.Helper()
		packet := p.next()
		id, _, ok := cutID(packet)
		require.True(t, ok, packet)
		assert.Contains(t, packet, event)
		p.send("3%s%s", id, answer)
	}
	type result struct {
		values []backplane.Value
		err    error
	}
	results := newEvents[result]()
	go func() {
		v, err := s.EmitWithAck(t.Context(), "one")
		results.add(result{v.All(), err})
	}()
	asked(onA, "one", `[null,{"a":1},"c"]`)
	r := results.next(t)
	require.NoError(t, r.err)
	assert.Equal(t, []string{`null`, `{"a":1}`, `"c"`}, texts(r.values))

	go func() {
		v, err := a.EmitWithAck(t.Context(), "all")
		results.add(result{v, err})
	}()
	asked(onA, "all", `["first",1]`)
	asked(onB, "all", `["first",1]`)
	r = results.next(t)
	require.NoError(t, r.err)
	require.Len(t, r.values, 2)
	for _, v := range r.values {
		assert.Equal(t, `"first"`, v.String(), "the value of the acknowledgement must be its first argument")
		assert.Equal(t, []string{`"first"`, `1`}, texts(v.All()), "from this node and from the other one")
	}

	b.OnServerSide("q", func(ack func(...any)) { ack(1, []byte("two"), nil) })
	v, err := a.ServerSideEmitWithAck(t.Context(), "q")
	require.NoError(t, err)
	require.Len(t, v, 1)
	all := v[0].All()
	require.Len(t, all, 3)
	var second []byte
	require.NoError(t, all[1].Decode(&second))
	assert.Equal(t, "two", string(second))

	sockets, err := a.In(s.ID()).FetchSockets(t.Context())
	require.NoError(t, err)
	go func() {
		v, err := sockets[0].EmitWithAck(t.Context(), "remote")
		results.add(result{v.All(), err})
	}()
	asked(onA, "remote", `[1,2]`)
	assert.Equal(t, []string{`1`, `2`}, texts(results.next(t).values))
}

// cutID splits an event that wants an acknowledgement into its id and the rest.
func cutID(packet string) (id, rest string, ok bool) {
	for i := 1; i < len(packet); i++ {
		if packet[i] < '0' || packet[i] > '9' {
			return packet[1:i], packet[i:], i > 1 && packet[0] == '2'
		}
	}
	return "", "", false
}

func texts(values []backplane.Value) (all []string) {
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}
