package emitter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
)

func TestToWithoutRoomsTargetsNobody(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		one, two := a.join("r1"), a.join("r2")
		ctx, e := within(t), a.emitter
		b := e.Batch()
		var none []string
		for _, all := range []emitter.Target{e.Target, b.Target} {
			for _, to := range []emitter.Target{all.To(none...), all.In(), all.To().Except("r1"),
				all.Except().To().Volatile().Of("/")} {
				require.NoError(t, to.Emit(ctx, "nobody"))
				require.NoError(t, to.Emit(ctx, "nobody", strings.Repeat("x", 9000), []byte{1}))
				require.NoError(t, to.SocketsJoin(ctx, "r"))
				require.NoError(t, to.SocketsLeave(ctx, "r1"))
				require.NoError(t, to.DisconnectSockets(ctx, true))
				require.Error(t, to.Emit(ctx, "disconnect"), "the event is checked anyway")
			}
		}
		require.Zero(t, b.Len())
		require.NoError(t, e.To("r").Emit(ctx, "joined"))
		require.NoError(t, e.To(none...).To("r1").Emit(ctx, "1"))
		require.NoError(t, e.To("r1").To(none...).Emit(ctx, "2"))
		require.NoError(t, e.Except(none...).Emit(ctx, "all"))
		require.NoError(t, e.To().ServerSideEmit(ctx, "servers"), "ServerSideEmit ignores rooms")
		require.Equal(t, `["servers"]`, <-a.server)
		one.expect(`["1"]`, `["2"]`, `["all"]`)
		two.expect(`["all"]`)
		a.fence(one, two)
	})
}

func TestToWithoutRoomsPublishesNothing(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	require.NoError(t, e.To().Emit(context.Background(), "nobody"))
	require.NoError(t, e.To().DisconnectSockets(context.Background(), false))
	assert.Empty(t, rec.sent())
}
