package interop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// emitterSide is a side that only sends and is not a node.
type emitterSide struct{ nodeSide }

func (emitterSide) AwaitServerCount(context.Context, int) error { return nil }
func (emitterSide) Close(context.Context) error                 { return nil }
func (emitterSide) connect(context.Context, interop.ClientSpec) (client, error) {
	return nil, errors.New("an emitter has no clients")
}

type emitterOpener struct{ nodeOpener }

func (o emitterOpener) open(ctx context.Context, nsp string) (side, error) {
	ns, err := o.k.peer.Namespace(ctx, nsp)
	return emitterSide{nodeSide{ns, o.k}}, err
}

func (emitterOpener) nodes() int { return 0 }

// TestInteropEmitter: the messages of @socket.io/postgres-emitter 0.1.1 do not name the namespace. Adapter 0.5 drops
// them, so it is not tested here. Adapter 0.3 and our nodes take the namespace from the channel.
func TestInteropEmitter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	emitter := emitterOpener{w.start(t, interop.Emitter).(nodeOpener)}
	fromEmitter := func(s scenario) bool { return s.emitter }
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run("EmitterToGo/"+driver, func(t *testing.T) {
			ours := w.startGo(t, driver)
			runScenarios(t, w, emitter, ours, fromEmitter)
		})
	}
	t.Run("EmitterToNode-0.3", func(t *testing.T) {
		runScenarios(t, w, emitter, w.start(t, interop.Adapter03),
			func(s scenario) bool { return s.emitter && s.brief })
	})
	t.Run("IsNoPeer", func(t *testing.T) {
		f := newFixture(t, w, emitter, w.startGo(t, pgxDriver), scenario{})
		c := f.join(f.to)
		f.fence(f.from, c)
		m := f.sent(f.from, 3)
		require.Empty(t, m.NSP, "the message of the emitter must not name the namespace")
		count, err := f.to.ServerCount(f.ctx)
		require.NoError(t, err)
		require.Equal(t, 1, count)
	})
}
