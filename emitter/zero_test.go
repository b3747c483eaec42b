package emitter_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestZeroValuesReturnAnError(t *testing.T) {
	var e emitter.Emitter
	var b emitter.Batch
	for name, target := range map[string]emitter.Target{
		"Target": {}, "Chained": emitter.Target{}.Of("/a").To("b").In("c").Except("d").Volatile().Compress(true),
		"Emitter": e.Target, "Batch": b.Target, "BatchOfTheZeroEmitter": e.Batch().Target,
	} {
		for call, err := range map[string]error{
			"Emit": target.Emit(t.Context(), "a"), "SocketsJoin": target.SocketsJoin(t.Context(), "a"),
			"SocketsLeave":      target.SocketsLeave(t.Context(), "a"),
			"DisconnectSockets": target.DisconnectSockets(t.Context(), true),
			"ServerSideEmit":    target.ServerSideEmit(t.Context(), "a"),
		} {
			var config *emitter.ConfigError
			require.ErrorAs(t, err, &config, "%s of %s", call, name)
		}
	}
	require.NoError(t, b.Send(t.Context()), "the batch is empty")
	assert.Zero(t, b.Len())
	require.NoError(t, e.With(memory.NewHub()).Of("/").Emit(t.Context(), "a"),
		"the zero Emitter has the default options, and now a bus")
}
