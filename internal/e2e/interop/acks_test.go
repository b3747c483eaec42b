package interop_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

const ackTimeout = 10 * time.Second

// ask emits with acknowledgement and returns all answers.
func (f *fixture) ask(s side, to interop.Target, event string, args ...any) []any {
	f.Helper()
	answer, err := s.EmitWithAck(f.ctx, to.Timeout(ackTimeout), event, args...)
	require.NoError(f, err)
	require.Empty(f, answer.Error)
	return answer.Values
}

func (f *fixture) answering(s side, ack *interop.Ack, rooms ...string) client {
	f.Helper()
	return f.connect(s, interop.ClientSpec{Ack: ack, Rooms: rooms})
}

// The sender of types 11 and 12 answers; the other side requests.
func ackScenarios() []scenario {
	all := []scenario{
		{types: codec.BroadcastClientCount, name: "countsItsClients", brief: true, run: func(f *fixture) {
			f.answering(f.from, interop.Reply(1), "a")
			f.answering(f.from, interop.Reply(2), "a")
			f.answering(f.from, interop.Reply(3))
			f.sameSet([]any{1, 2}, f.ask(f.to, interop.To("a"), "ask"))
			require.Equal(f, 2.0, f.sent(f.from, 11).Data()["clientCount"])
		}},
		{types: codec.BroadcastClientCount, name: "countsZero", brief: true, run: func(f *fixture) {
			require.Empty(f, f.ask(f.to, interop.Target{}, "ask"))
			require.Equal(f, 0.0, f.sent(f.from, 11).Data()["clientCount"])
		}},
		{types: codec.BroadcastAck, name: "severalClientsOfBothSides", brief: true, run: func(f *fixture) {
			f.answering(f.from, interop.Reply("from 1"))
			f.answering(f.from, interop.Reply("from 2").After(150*time.Millisecond))
			f.answering(f.to, interop.Reply("to 1").After(50*time.Millisecond))
			f.answering(f.to, interop.Reply("to 2"))
			f.sameSet([]any{"from 1", "from 2", "to 1", "to 2"}, f.ask(f.to, interop.Target{}, "ask", "x"))
		}},
		{types: codec.BroadcastAck, name: "aSilentClientTimesOut", run: func(f *fixture) {
			f.answering(f.from, interop.Never())
			f.answering(f.from, interop.Reply("in time"))
			f.answering(f.to, interop.Reply("near"))
			answer, err := f.to.EmitWithAck(f.ctx, interop.Target{}.Timeout(time.Second), "ask")
			require.NoError(f, err)
			require.Equal(f, "operation has timed out", answer.Error)
			f.sameSet([]any{"in time", "near"}, answer.Values)
		}},
		{types: codec.Broadcast, name: "withAck", brief: true, run: func(f *fixture) {
			c := f.join(f.to, "a")
			other := f.join(f.to)
			contents := [][]any{{}, {"text", 1}, {map[string]any{"b": []byte{1, 2}}}, {strings.Repeat("x", 9000)}}
			if f.from.kind().doublesAttached() {
				contents = contents[:2]
			}
			for _, args := range contents {
				got := f.ask(f.from, interop.To("a"), "echo", args...)
				f.same([]any{list(args)}, got)
				f.expect([]client{c}, "echo", args...)
				require.NotEmpty(f, f.sent(f.from, 3).Data()["requestId"])
			}
			f.fence(f.from, c, other)
		}},
		{types: codec.Broadcast, name: "withAckLocally", run: func(f *fixture) {
			f.answering(f.from, interop.Reply("near"))
			f.answering(f.to, interop.Reply("far"))
			if !f.from.kind().isGo() {
				f.Skip("upstream: Node.js waits for the counts of all servers, so a local request times out")
			}
			f.same([]any{"near"}, f.ask(f.from, interop.Target{Local: true}, "ask"))
		}},
	}
	for _, v := range answerValues {
		all = append(all, scenario{types: codec.BroadcastAck, name: v.name, brief: v.brief, run: func(f *fixture) {
			f.answering(f.from, v.ack)
			f.same([]any{v.want}, f.ask(f.to, interop.Target{}, "ask"))
			require.Equal(f, 1.0, f.sent(f.from, 11).Data()["clientCount"])
			f.sent(f.from, 12)
		}})
	}
	return all
}
