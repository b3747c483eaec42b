package redisdriver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Without a server, the client's pool goes on dialing until the client is closed, so there is no NoServer.
func TestLogConformanceOnARedisCluster(t *testing.T) {
	cluster := redistest.NewCluster(t)
	all, dial := proxies(t, cluster)
	conformance.Log(t, conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log {
			return closed(tb, redisdriver.NewWithConfig(clusterClient(tb, cluster, dial), clusterConfig))
		},
		NewEpoch: func(tb testing.TB, _ transport.Log) { cluster.Owner(tb, tag).Do(tb, "FLUSHALL") },
		Unwritable: func(tb testing.TB, _ transport.Log) (repair func()) {
			owner := cluster.Owner(tb, tag)
			owner.Do(tb, "CONFIG", "SET", "maxmemory", "1")
			return func() { owner.Do(tb, "CONFIG", "SET", "maxmemory", "0") }
		},
		Stall: func(tb testing.TB, _ transport.Log) (resume func()) {
			return proxy.Stall(all[cluster.Owner(tb, tag).Address()])
		},
	})
}

func TestSessionsConformanceOnARedisCluster(t *testing.T) {
	cluster := redistest.NewCluster(t)
	all, dial := proxies(t, cluster)
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(tb testing.TB) storage.Sessions {
			return closed(tb, redisdriver.New(clusterClient(tb, cluster, dial)))
		},
		Stall: func(tb testing.TB, _ storage.Sessions) (resume func()) {
			return proxy.Stall(all[cluster.Owner(tb, tag).Address()])
		},
	})
}

// All keys are in one slot, so one node has them, and they move together.
func TestReshardingBeginsANewEpoch(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := prepared(t, closed(t, redisdriver.New(clusterClient(t, cluster, nil))))
	s := hears(t, d, "a")
	before := appendTo(t, d, "a", "1", "2")
	appendTo(t, d, "b", "1")
	require.NoError(t, d.SaveSessions(bounded(t), storage.SavedSession{Scope: "s", Key: "k", Owner: "o"}))
	cluster.Move(t, tag, cluster.Other(t, tag))
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved)
	requireNewEpoch(t, d, "a", before[0].Position())
	taken, err := d.TakeSession(bounded(t), "s", "k", "p", 0)
	require.NoError(t, err)
	require.Equal(t, "o", taken.Owner)
}

func TestFailoverOfANodeBeginsANewEpoch(t *testing.T) {
	cluster := redistest.NewCluster(t)
	replica := cluster.AddReplica(t, tag)
	d := prepared(t, closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), fast)))
	before := appendTo(t, d, "a", "1", "2")
	waitForReplica(t, cluster.Owner(t, tag), replica)
	cluster.Promote(t, tag, replica)
	require.Equal(t, "2", replica.Do(t, "HGET", "{backplane}log", ":a").Text())
	requireNewEpoch(t, d, "a", before[0].Position())
}

// The ACL that docs/howto/use-redis.md shows for a log is enough on a Redis Cluster.
func TestACLOfALogIsEnoughOnARedisCluster(t *testing.T) {
	cluster := redistest.NewCluster(t)
	for _, node := range cluster.Nodes {
		allow(t, node, logCommands, "+spublish", "+ssubscribe", "+sunsubscribe", "+cluster|slots")
	}
	options := clusterOptions(cluster)
	options.Username, options.Password = "app", "secret"
	usesEverything(t, closed(t, redisdriver.New(clusterClientWith(t, options))))
}
