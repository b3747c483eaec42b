package socketio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// A client that is away needs the events of its rooms, which a node without a socket in them does not hear.
func TestRecoveryRefusesChannelsOfRooms(t *testing.T) {
	for _, mode := range []redissharded.Mode{redissharded.Static, redissharded.Dynamic} {
		for _, recovery := range []bool{false, true} {
			cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: memory.NewHub(),
				Dialect: redissharded.Dialect{Mode: mode}})
			require.NoError(t, err)
			config := socketio.Config{Cluster: cluster}
			if recovery {
				config.Recovery = &socketio.Recovery{}
			}
			server, err := socketio.NewServer(config)
			if recovery && mode == redissharded.Dynamic {
				var refused *backplane.ConfigError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, "Dialect", refused.Field)
			} else {
				require.NoError(t, err)
				require.NoError(t, server.Shutdown(t.Context()))
			}
			require.NoError(t, cluster.Close(t.Context()))
		}
	}
}
