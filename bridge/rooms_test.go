package bridge_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/transport/memory"
)

// A bridge has no sockets, so it would not hear what is for a room with a channel of its own.
func TestBridgeRefusesChannelsOfRooms(t *testing.T) {
	open := func(mode redissharded.Mode) *backplane.Cluster {
		cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: memory.NewHub(),
			Dialect: redissharded.Dialect{Mode: mode}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
		return cluster
	}
	static, dynamic := open(redissharded.Static), open(redissharded.Dynamic)
	_, err := bridge.Open(t.Context(), bridge.Config{A: static, B: dynamic, Namespaces: []string{"/"}})
	var config *backplane.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, "Dialect", config.Field)
	both := bridge.Config{A: static, B: open(redissharded.Static), Namespaces: []string{"/"}}
	b, err := bridge.Open(t.Context(), both)
	require.NoError(t, err)
	require.NoError(t, b.Close(t.Context()))
}
