package socketio_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// Official clients take any string at the end of an event for an offset, even the event's name. So every event
// has an offset, whatever sends it. Events with an acknowledgement are an exception: the last argument is a
// function there.
func TestEveryEventHasAnOffset(t *testing.T) {
	hub := memory.NewHub()
	a, b := pairOn(t, hub, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	e, err := emitter.New(emitter.Config{Bus: hub})
	require.NoError(t, err)
	dynamic := newEvents[*socketio.Socket]()
	for _, n := range []*node{a, b} {
		n.OfPattern(regexp.MustCompile(`^/d$`)).OnConnection(dynamic.add)
	}
	for _, nsp := range []string{"/", "/custom", "/d"} {
		t.Run(nsp[1:], func(t *testing.T) {
			var onA, onB *events[*socketio.Socket]
			if nsp == "/d" {
				onA, onB = dynamic, dynamic
			} else {
				onA, onB = connected(a.Of(nsp)), connected(b.Of(nsp))
			}
			p, prefix := dial(t, a), ""
			if nsp != "/" {
				prefix = nsp + ","
			}
			p.send("0%s", prefix)
			p.next()
			s := onA.next(t)
			other := dial(t, b)
			other.send("0%s", prefix)
			remote := onB.next(t)
			ns, far := s.Namespace(), remote.Namespace()
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			require.NoError(t, far.WaitForPeers(t.Context(), 1))
			require.NoError(t, s.Join("room"))
			ctx := t.Context()
			emit := func(target backplane.Target) func(string, ...any) error {
				return func(event string, args ...any) error { return target.Emit(ctx, event, args...) }
			}
			for name, send := range map[string]func(event string, args ...any) error{
				"Emit":              s.Emit,
				"Compress":          s.Compress(false).Emit,
				"VolatileEmit":      s.Volatile().Emit,
				"Broadcast":         emit(ns.Target),
				"BroadcastVolatile": emit(ns.Volatile()),
				"BroadcastLocal":    emit(ns.Local()),
				"BroadcastAsync":    ns.EmitAsync,
				"ToRoom":            emit(ns.To("room")),
				"ToSocket":          emit(ns.To(s.ID())),
				"FromAnotherNode":   emit(far.Target),
				"FromAnotherSocket": emit(remote.Broadcast()),
				"VolatileFromFar":   emit(far.Volatile()),
				"AsyncFromFar":      far.EmitAsync,
				"FromAnEmitter": func(event string,
					args ...any) error {
					return e.Of(nsp).Emit(ctx, event, args...)
				},
				"VolatileByAnotherE": func(event string,
					args ...any) error {
					return e.Of(nsp).Volatile().Emit(ctx, event, args...)
				},
				"ByARemoteSocket": func(event string, args ...any) error {
					found, err := far.In(s.ID()).FetchSockets(ctx)
					require.NoError(t, err)
					require.Len(t, found, 1)
					return found[0].Emit(ctx, event, args...)
				},
			} {
				for _, args := range [][]any{nil, {"text"}, {[]byte("x"), "text"}, {"x", 1}} {
					require.NoError(t, send("event", args...), name)
					packet := p.next()
					_, list, _ := strings.Cut(packet, "[")
					var got []any
					require.NoError(t, json.Unmarshal([]byte("["+list), &got), packet)
					require.Len(t, got, 1+len(args)+1, "%s of %v: the offset must be an additional last argument: %s",
						name, args, packet)
					require.NotEqual(t, "text", got[len(got)-1])
					if len(args) > 0 {
						if _, binary := args[0].([]byte); binary {
							p.expect("b:x")
						}
					}
				}
			}
			asked, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() { _, _ = ns.To("room").EmitWithAck(asked, "question", "text") }()
			_, list, _ := strings.Cut(p.next(), "[")
			require.Equal(t, `"question","text"]`, list)
		})
	}
}
