package interop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropMixedVersions: adapters 0.3 and 0.5 on one database do not understand each other, because messages of
// 0.3 do not name the namespace and 0.5 drops such messages. Our nodes understand both.
func TestInteropMixedVersions(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newWorld(t)
	versions := []string{interop.Adapter05, interop.Adapter04, interop.Adapter03}
	var nodes []side
	for _, version := range versions {
		s, err := w.start(t, version).open(ctx, "/")
		require.NoError(t, err)
		nodes = append(nodes, s)
	}
	ours, err := w.startGo(t, pgxDriver).open(ctx, "/")
	require.NoError(t, err)
	require.NoError(t, ours.AwaitServerCount(ctx, 4))
	p := newParty(t, ctx, append(nodes, ours))
	near := p.clients[3][0]

	for i, version := range versions {
		t.Run("FromNode-"+version, func(t *testing.T) {
			p.T = t
			p.emit(nodes[i], interop.To(near.ID()), "from", version)
			p.expect([]client{near}, "from", version)
			p.emit(nodes[i], interop.To(near.ID()), "from", []byte(version))
			p.expect([]client{near}, "from", []byte(version))
		})
	}
	t.Run("FromGo", func(t *testing.T) {
		p.T = t
		p.emit(ours, interop.Target{}, "from", "go", []byte{1})
		p.expect(p.in(0, 1), "from", "go", []byte{1})
		require.Len(t, p.ask(ours, interop.Target{}, "ask"), 8)
		p.expect(p.in(0, 1), "ask")
		p.sameSet(ids(p.in(0, 1)...), idsOf(p.fetch(ours, interop.Target{})))
	})
	t.Run("AnswersToGo", func(t *testing.T) {
		p.T = t
		var want []any
		for i, s := range nodes {
			require.NoError(t, s.OnServerSide(ctx, "ask", interop.Reply(versions[i])))
			want = append(want, versions[i])
		}
		answer, err := ours.ServerSideEmitWithAck(ctx, "ask")
		require.NoError(t, err)
		p.sameSet(want, answer.Values)
	})
}
