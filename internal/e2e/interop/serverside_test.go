package interop_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// answerValues are answers of clients and servers. Each must arrive unchanged.
var answerValues = []struct {
	name  string
	brief bool
	ack   *interop.Ack
	want  any
}{
	{"text", true, interop.Reply("ünï😀\u2028\x00\"\\"), "ünï😀\u2028\x00\"\\"},
	{"structure", false, interop.Reply(map[string]any{"a": []any{1, nil, 1.5, true}}),
		map[string]any{"a": []any{1, nil, 1.5, true}}},
	{"null", false, interop.Reply(nil), nil},
	{"false", false, interop.Reply(false), false},
	{"list", false, interop.Reply([]any{1, []any{2}}), []any{1, []any{2}}},
	{"nothing", true, interop.Empty(), nil},
	{"binary", true, interop.Reply([]byte{0, 0xff}), []byte{0, 0xff}},
	{"nestedBinary", false, interop.Reply(map[string]any{"b": []any{[]byte("x"), 1}}),
		map[string]any{"b": []any{[]byte("x"), 1}}},
	{"firstOfSeveral", true, interop.ReplyAll("first", map[string]any{"a": 1}, nil), "first"},
	{"firstOfSeveralWithBytes", false, interop.ReplyAll(map[string]any{"first": 1}, []byte{1, 2}),
		map[string]any{"first": 1}},
	{"large", false, interop.Reply(strings.Repeat("ä", 20000)), strings.Repeat("ä", 20000)},
	{"late", false, interop.Reply("late").After(200 * time.Millisecond), "late"},
}

// answers makes s answer the event "ask" with values, and the other worker, if there is one, with "sibling". It
// returns all answers that the other side gets.
func (f *fixture) answers(s side, ack *interop.Ack, want any) []any {
	f.Helper()
	require.NoError(f, s.OnServerSide(f.ctx, "ask", ack))
	all := []any{want}
	for _, other := range []side{f.from, f.to} {
		if c, ok := other.(clusterSide); ok {
			require.NoError(f, c.second.OnServerSide(f.ctx, "ask", interop.Reply("sibling")))
			all = append(all, "sibling")
		}
	}
	return all
}

func serverSideScenarios() []scenario {
	var all []scenario
	for _, c := range contents {
		all = append(all, scenario{types: codec.ServerSideEmit, name: c.name,
			brief:   c.name == "text" || c.name == "nestedBinary",
			emitter: true, run: func(f *fixture) {
				require.NoError(f, f.to.OnServerSide(f.ctx, "ask", nil))
				require.NoError(f, f.from.ServerSideEmit(f.ctx, "ask", c.args...))
				e, err := f.to.NextServerSide(f.ctx)
				require.NoError(f, err)
				f.same(list(c.args), values(e.Args))
				require.False(f, e.WithAck, "the event must not request an answer")
				m := f.sent(f.from, 9)
				require.Equal(f, c.attached, m.AttachmentID != "", "attached")
				require.NotContains(f, m.Data(), "requestId",
					"the message must have no requestId, which would request an answer")
			}})
	}
	all = append(all, scenario{types: codec.ServerSideEmit, name: "isNotDeliveredToOneself", brief: true,
		run: func(f *fixture) {
			for _, s := range []side{f.from, f.to} {
				require.NoError(f, s.OnServerSide(f.ctx, "ask", nil))
			}
			require.NoError(f, f.from.ServerSideEmit(f.ctx, "ask", "to the others"))
			e, err := f.to.NextServerSide(f.ctx)
			require.NoError(f, err)
			f.same([]any{"to the others"}, values(e.Args))
			require.NoError(f, f.to.ServerSideEmit(f.ctx, "ask", "back"))
			e, err = f.from.NextServerSide(f.ctx)
			require.NoError(f, err)
			f.same([]any{"back"}, values(e.Args))
		}}, scenario{types: codec.ServerSideEmit, name: "asksForAnswers", brief: true, run: func(f *fixture) {
		args := []any{"a", []byte{1}}
		if f.from.kind().doublesAttached() {
			args = []any{"a"}
		}
		want := f.answers(f.to, interop.Echo(), args)
		answer, err := f.from.ServerSideEmitWithAck(f.ctx, "ask", args...)
		require.NoError(f, err)
		require.Empty(f, answer.Error)
		f.sameSet(want, answer.Values)
		e, err := f.to.NextServerSide(f.ctx)
		require.NoError(f, err)
		require.True(f, e.WithAck)
		f.same(args, values(e.Args))
	}})
	for _, v := range answerValues {
		all = append(all, scenario{types: codec.ServerSideEmitResponse, name: v.name, brief: v.brief,
			run: func(f *fixture) {
				want := f.answers(f.from, v.ack, v.want)
				answer, err := f.to.ServerSideEmitWithAck(f.ctx, "ask", 1)
				require.NoError(f, err)
				require.Empty(f, answer.Error)
				f.sameSet(want, answer.Values)
				f.sent(f.from, 10)
			}})
	}
	return all
}
