package interop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropShape: for the same call our node and adapter 0.5 send the same message, except for ids and the key
// source, which 0.5 does not send.
func TestInteropShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	node, ours := w.start(t, interop.Adapter05), w.startGo(t, pgxDriver)
	target := interop.Target{To: []string{"a", "b"}, Except: []string{"c"}}
	for _, c := range []struct {
		name  string
		types []codec.Type // types of the caller's messages
		call  func(f *fixture, s side) error
	}{
		{"emit", []codec.Type{3}, func(f *fixture,
			s side) error {
			return s.Emit(f.ctx, interop.Target{}, "e", 1, "x", nil)
		}},
		{"emitBinary", []codec.Type{3}, func(f *fixture, s side) error {
			return s.Emit(f.ctx, target, "e", []byte{1}, map[string]any{"b": []byte{2}})
		}},
		{"emitWithFlags", []codec.Type{3}, func(f *fixture, s side) error {
			to := interop.Target{To: target.To, Volatile: true, Compress: ptr(false)}
			return s.Emit(f.ctx, to.Timeout(time.Second), "e")
		}},
		{"emitWithAck", []codec.Type{3}, func(f *fixture, s side) error {
			_, err := s.EmitWithAck(f.ctx, target.Timeout(ackTimeout), "e", "x")
			return err
		}},
		{"join", []codec.Type{4}, func(f *fixture, s side) error { return s.Join(f.ctx, target, "x", "y") }},
		{"leave", []codec.Type{5}, func(f *fixture, s side) error { return s.Leave(f.ctx, interop.Target{}, "x") }},
		{"disconnect", []codec.Type{6}, func(f *fixture, s side) error { return s.Disconnect(f.ctx, target, false) }},
		{"disconnectAndClose", []codec.Type{6}, func(f *fixture,
			s side) error {
			return s.Disconnect(f.ctx, target, true)
		}},
		{"fetchSockets", []codec.Type{7}, func(f *fixture, s side) error {
			_, err := s.FetchSockets(f.ctx, target)
			return err
		}},
		{"serverSideEmit", []codec.Type{9}, func(f *fixture,
			s side) error {
			return s.ServerSideEmit(f.ctx, "e", 1, "x")
		}},
		{"serverSideEmitWithAck", []codec.Type{9}, func(f *fixture, s side) error {
			_, err := s.ServerSideEmitWithAck(f.ctx, "ask", "x")
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, w, node, ours, scenario{})
			for _, s := range []side{f.from, f.to} {
				require.NoError(t, s.OnServerSide(f.ctx, "ask", interop.Reply(1)))
			}
			for _, messageType := range c.types {
				require.NoError(t, c.call(f, f.from))
				want := f.sent(f.from, int(messageType))
				require.NoError(t, c.call(f, f.to))
				got := f.sent(f.to, int(messageType))
				require.Equal(t, scrubbed(want), scrubbed(got))
			}
		})
	}
	t.Run("answers", func(t *testing.T) { shapeOfAnswers(newFixture(t, w, node, ours, scenario{})) })
}

// shapeOfAnswers compares the answers of both sides to the same request.
func shapeOfAnswers(f *fixture) {
	sides := []side{f.from, f.to}
	for _, s := range sides {
		f.connect(s, interop.ClientSpec{Rooms: []string{"ask"}, Ack: interop.Reply("yes"),
			Data: map[string]any{"n": 1}})
		require.NoError(f, s.OnServerSide(f.ctx, "ask", interop.Reply([]any{"yes", nil})))
	}
	for _, s := range sides {
		f.ask(s, interop.Target{}, "ask")
		f.fetch(s, interop.Target{})
		_, err := s.ServerSideEmitWithAck(f.ctx, "ask")
		require.NoError(f, err)
	}
	for _, messageType := range []int{8, 10, 11, 12} {
		want, got := f.sent(f.from, messageType), f.sent(f.to, messageType)
		require.Equal(f, scrubbed(want), scrubbed(got), "type %d", messageType)
	}
	for _, messageType := range []int{1, 2} {
		want, got := scrubbed(f.sent(f.from, 2)), scrubbed(f.sent(f.to, messageType))
		want["type"] = float64(messageType) // Node.js may have sent its first one before the recording
		require.Equal(f, want, got)
	}
}

// scrubbed returns the body without the values that differ between messages and connections.
func scrubbed(m interop.Message) map[string]any {
	body := interop.Canon(m.Body).(map[string]any) // a copy
	scrub(body)
	return body
}

func scrub(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			scrub(e)
		}
	case map[string]any:
		// keys that our nodes add and Node.js ignores
		for _, key := range []string{"source", "requesterUid", "process", "closeHash", "closeKey", "attachmentKey",
			"clock"} {
			delete(v, key)
		}
		for _, key := range []string{"uid", "requestId", "id", "issued", "time", "headers", "query", "url"} {
			if _, has := v[key]; has {
				v[key] = "…"
			}
		}
		if rooms, ok := v["rooms"].([]any); ok && v["handshake"] != nil && len(rooms) > 0 {
			rooms[0] = "its own id"
		}
		for _, e := range v {
			scrub(e)
		}
	}
}
