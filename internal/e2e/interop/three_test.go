package interop_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// party has several sides with two clients each, in the rooms "a" and "b".
type party struct {
	*fixture
	sides   []side
	clients [][2]client
}

func newParty(t *testing.T, ctx context.Context, sides []side) *party {
	p := &party{fixture: &fixture{T: t, ctx: ctx}, sides: sides}
	for _, s := range sides {
		p.clients = append(p.clients, [2]client{p.join(s, "a"), p.join(s, "b")})
	}
	return p
}

// in returns the clients in the rooms "a" (0) and "b" (1).
func (p *party) in(rooms ...int) []client {
	var out []client
	for _, pair := range p.clients {
		for _, room := range rooms {
			out = append(out, pair[room])
		}
	}
	return out
}

// TestInteropThreeNodes: two Go nodes on two drivers and a Node.js node do all operations on each other.
func TestInteropThreeNodes(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newWorld(t)
	sides := opened(t, ctx, w.start(t, interop.Adapter05), w.startGo(t, pgxDriver), w.startGo(t, pqDriver))
	names := []string{"Node", "GoOnPgx", "GoOnPq"}
	p := newParty(t, ctx, sides)
	for _, step := range []struct {
		name string
		run  func(p *party, actor int)
	}{
		{"broadcasts", partyBroadcasts},
		{"asksClients", partyAsksClients},
		{"fetchesSockets", partyFetches},
		{"asksServers", partyAsksServers},
		{"movesSockets", partyMoves},
		{"disconnects", partyDisconnects}, // a pair of clients for each acting side
	} {
		for actor, name := range names {
			t.Run(name+"/"+step.name, func(t *testing.T) {
				q := *p
				q.fixture = &fixture{T: t, ctx: ctx, fences: 1000 * actor}
				step.run(&q, actor)
			})
		}
	}
	t.Run("leaveOneByOne", func(t *testing.T) {
		for i := len(sides) - 1; i > 0; i-- {
			require.NoError(t, sides[i].Close(ctx))
			for _, left := range sides[:i] {
				require.NoError(t, left.AwaitServerCount(ctx, i))
			}
		}
	})
}

func partyBroadcasts(p *party, actor int) {
	s := p.sides[actor]
	for _, args := range [][]any{{"text", actor}, {map[string]any{"b": []any{[]byte{1, 2}}}}, {longStructure()}} {
		p.emit(s, interop.Target{}, "all", args...)
		p.expect(p.in(0, 1), "all", args...)
		p.emit(s, interop.To("a"), "to a", args...)
		p.expect(p.in(0), "to a", args...)
		p.emit(s, interop.Target{Except: []string{"a"}}, "but a", args...)
		p.expect(p.in(1), "but a", args...)
		p.fence(s, p.in(0, 1)...)
	}
}

func partyAsksClients(p *party, actor int) {
	s := p.sides[actor]
	require.Len(p, p.ask(s, interop.Target{}, "ask", actor), 2*len(p.sides))
	p.expect(p.in(0, 1), "ask", actor)
	answers := p.ask(s, interop.To("b"), "ask b", actor, []byte{1})
	require.Len(p, answers, len(p.sides))
	for _, a := range answers {
		p.same([]any{actor, []byte{1}}, a)
	}
	p.expect(p.in(1), "ask b", actor, []byte{1})
	p.fence(s, p.in(0, 1)...)
}

func partyFetches(p *party, actor int) {
	s := p.sides[actor]
	p.sameSet(ids(p.in(0, 1)...), idsOf(p.fetch(s, interop.Target{})))
	p.sameSet(ids(p.in(0)...), idsOf(p.fetch(s, interop.To("a"))))
	for i, pair := range p.clients {
		answer, err := s.remote(pair[0].ID()).EmitWithAck(p.ctx, "you", i)
		require.NoError(p, err)
		require.Empty(p, answer.Error)
		p.same([]any{i}, answer.One)
		p.expect([]client{pair[0]}, "you", i)
	}
}

func partyAsksServers(p *party, actor int) {
	for i, s := range p.sides {
		require.NoError(p, s.OnServerSide(p.ctx, "ask", interop.Reply(i)))
	}
	answer, err := p.sides[actor].ServerSideEmitWithAck(p.ctx, "ask", "x")
	require.NoError(p, err)
	var want []any
	for i, s := range p.sides {
		if i != actor {
			want = append(want, i)
			e, err := s.NextServerSide(p.ctx)
			require.NoError(p, err)
			p.same([]any{"x"}, values(e.Args))
		}
	}
	p.sameSet(want, answer.Values)
}

func partyMoves(p *party, actor int) {
	s := p.sides[actor]
	require.NoError(p, s.Join(p.ctx, interop.To("a"), "moved"))
	for _, c := range p.in(0) {
		p.joined(c, "moved")
	}
	// the clients are reached, whichever side emits
	for _, emitter := range p.sides {
		p.emit(emitter, interop.To("moved"), "moved")
		p.expect(p.in(0), "moved")
	}
	require.NoError(p, s.Leave(p.ctx, interop.To("moved"), "moved"))
	for _, c := range p.in(0) {
		p.left(c, "moved")
	}
	p.fence(s, p.in(0, 1)...)
}

func partyDisconnects(p *party, actor int) {
	// the clients of the next side
	victims := p.clients[(actor+1)%len(p.clients)]
	require.NoError(p, p.sides[actor].Disconnect(p.ctx, interop.To(victims[0].ID(), victims[1].ID()), actor == 0))
	for _, c := range victims {
		_, err := c.Disconnected(p.ctx)
		require.NoError(p, err)
	}
}
