package interop_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/transport"
)

// legacySender publishes what package dialect/legacy writes.
type legacySender struct {
	t    *testing.T
	ctx  context.Context
	url  string
	wire dialect.Wire
	nsp  string
}

func newLegacySender(t *testing.T, ctx context.Context, url, nsp string) *legacySender {
	w, err := legacy.Dialect{}.Open(dialect.Options{Prefix: legacyKey(url),
		Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true}})
	require.NoError(t, err)
	return &legacySender{t: t, ctx: ctx, url: url, wire: w, nsp: nsp}
}

// send publishes env, in pieces if needed, and returns how many there were.
func (s *legacySender) send(env codec.Envelope) int {
	s.t.Helper()
	env.NSP, env.UID = s.nsp, "0123456789abcdef"
	p, ends, err := s.wire.(dialect.Splitter).Split(nil, &env, 7999)
	require.NoError(s.t, err)
	var payloads []string
	start := 0
	for _, end := range ends {
		payloads = append(payloads, string(p[start:end]))
		start = end
	}
	notifyLegacy(s.t, s.ctx, s.url, payloads...)
	return len(payloads)
}

func (s *legacySender) emit(o codec.Opts, event string, args ...any) int {
	s.t.Helper()
	a, err := codec.NewArgs(event, args...)
	require.NoError(s.t, err)
	return s.send(codec.Envelope{Type: codec.Broadcast, Args: a, Opts: o, Nonce: 7})
}

// TestInteropLegacyWire: socket.io-adapter-postgres reads what package dialect/legacy writes, and ignores the keys that
// only this library has.
func TestInteropLegacyWire(t *testing.T) {
	t.Parallel()
	for _, nsp := range []string{"/", "/chat"} {
		t.Run(nsp, func(t *testing.T) {
			ctx := patient(t)
			p := startLegacyPair(t, ctx, nsp, interop.LegacyOptions{})
			s := newLegacySender(t, ctx, p.url, nsp)
			yes := true
			none := codec.Opts{}
			all := codec.Flags{Volatile: true, Compress: &yes, Relayed: true}
			values := []any{nil, true, "ü 世 🎉 \x00\n\"\\\u2028", 0, -1, int64(1 << 40), 1.5, []byte{0, 255}, []byte{},
				map[string]any{"a": []any{[]byte("b"), map[string]any{}}}}
			s.emit(none, "values", values...)
			heard(t, ctx, p.clients, "values", values...)
			s.emit(codec.Opts{Flags: all}, "flags", "x")
			heard(t, ctx, p.clients, "flags", "x")
			s.emit(codec.Opts{Rooms: []string{"second"}}, "room")
			heard(t, ctx, p.clients[1:], "room")
			s.emit(codec.Opts{Rooms: []string{"first", "second"}, Except: []string{p.clients[0].ID()}}, "except")
			heard(t, ctx, p.clients[1:], "except")
			pieces := make(map[int]bool)
			for _, n := range []int{4999, 5001, 5820, 5840, 5860, 5880, 5900, 5920, 6000, 8100, 65536, 1 << 20} {
				text := strings.Repeat("x", n)
				pieces[s.emit(none, "size", text)] = true
				heard(t, ctx, p.clients, "size", text)
			}
			assert.Subset(t, pieces, map[int]bool{1: true, 2: true, 12: true})
			checkLegacyRequests(t, ctx, p, s)
			require.Empty(t, append(p.peers[0].Errors.Take(), p.peers[1].Errors.Take()...))
		})
	}
}

func checkLegacyRequests(t *testing.T, ctx context.Context, p *legacyPair, s *legacySender) {
	recording, err := interop.Record(t, p.url, "").Listen(ctx, "socketio")
	require.NoError(t, err)
	answers := func(id string, n int) []*codec.Envelope {
		t.Helper()
		var list []*codec.Envelope
		for len(list) < n {
			m, err := recording.Messages.Next(ctx)
			require.NoError(t, err)
			env, err := s.wire.Parse("socketio", []byte(m.Payload))
			require.NoError(t, err)
			if env != nil && env.Type.Response() && env.RequestID == id {
				list = append(list, env)
			}
		}
		return list
	}
	socket := codec.Opts{Rooms: []string{p.clients[1].ID()}}
	s.send(codec.Envelope{Type: codec.ListSockets, RequestID: "clients", Opts: codec.Opts{Rooms: []string{"both"}}})
	var ids []string
	for _, env := range answers("clients", 2) {
		require.Equal(t, codec.ListSocketsResponse, env.Type)
		ids = append(ids, env.Rooms...)
	}
	require.ElementsMatch(t, []string{p.clients[0].ID(), p.clients[1].ID()}, ids)
	s.send(codec.Envelope{Type: codec.SocketsJoin, RequestID: "join", Opts: socket, Rooms: []string{"new #ü"}})
	require.NoError(t, p.clients[1].Joined(ctx, "new #ü"))
	require.Equal(t, codec.SocketChanged, answers("join", 1)[0].Type)
	s.send(codec.Envelope{Type: codec.SocketRooms, RequestID: "rooms", Opts: socket})
	require.ElementsMatch(t, []string{"both", "second", "new #ü", p.clients[1].ID()}, answers("rooms", 1)[0].Rooms)
	s.send(codec.Envelope{Type: codec.SocketsLeave, RequestID: "leave", Opts: socket, Rooms: []string{"new #ü"}})
	require.NoError(t, p.clients[1].Left(ctx, "new #ü"))
	require.Equal(t, codec.SocketChanged, answers("leave", 1)[0].Type)
	s.send(codec.Envelope{Type: codec.ListRooms, RequestID: "allRooms"})
	var rooms []string
	for _, env := range answers("allRooms", 2) {
		rooms = append(rooms, env.Rooms...)
	}
	require.ElementsMatch(t, append([]string{"both", "first", "both", "second"}, ids...), rooms)

	for _, ns := range p.ns {
		require.NoError(t, ns.CustomHook(ctx, interop.Reply("answer")))
	}
	for i, text := range []string{"x", strings.Repeat("€", 9000), strings.Repeat(`"`, 3000),
		strings.Repeat("🎉\x01", 3000)} {
		id := fmt.Sprint("custom", i)
		v, err := codec.NewValue([]any{text})
		require.NoError(t, err)
		s.send(codec.Envelope{Type: codec.CustomRequest, RequestID: id, Value: v})
		for _, env := range answers(id, 2) {
			require.Equal(t, codec.CustomRequestResponse, env.Type)
			require.Equal(t, `"answer"`, env.Value.String())
		}
		for _, ns := range p.ns {
			e, err := ns.NextServerSide(ctx)
			require.NoError(t, err)
			require.Equal(t, interop.Canon([]any{[]any{text}}), interop.Canon(values(e.Args)))
		}
	}
	s.send(codec.Envelope{Type: codec.DisconnectSockets, RequestID: "disconnect", Opts: socket, Close: true})
	_, err = p.clients[1].Disconnected(ctx)
	require.NoError(t, err)
	require.Equal(t, codec.SocketChanged, answers("disconnect", 1)[0].Type)
}
