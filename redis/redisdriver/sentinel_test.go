package redisdriver_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// fast makes sessions ask their server often, and gives it two seconds to answer.
var fast = redisdriver.Config{CheckInterval: 200 * time.Millisecond}

// sentinelClient returns a client that asks a Sentinel where its server is.
func sentinelClient(tb testing.TB, s *redistest.Sentinel, replica bool) *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: []string{s.Address()}, ReplicaOnly: replica,
	})
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

func TestSentinelFailoverEndsTheSession(t *testing.T) {
	sentinel := redistest.NewSentinel(t)
	d := closed(t, redisdriver.NewWithConfig(sentinelClient(t, sentinel, false), fast))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	sentinel.Failover(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved, "the old primary does not know yet that it is a replica")
	require.NoError(t, d.Publish(bounded(t), message("a", "to nobody")))
	require.Empty(t, sentinel.Primary.Do(t, "PUBSUB", "CHANNELS", "{backplane}*").Items)
	s = listening(t, d, "a")
	require.Len(t, sentinel.Primary.Do(t, "PUBSUB", "CHANNELS", "{backplane}*").Items, 1)
	passes(t, d, s, "a", "after")
}

func TestReplicaOfSentinelIsRefused(t *testing.T) {
	sentinel := redistest.NewSentinel(t)
	d := closed(t, redisdriver.New(sentinelClient(t, sentinel, true)))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	err = d.Publish(bounded(t), message("a", "x"))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	require.ErrorIs(t, err, transport.ErrNotSent)
}

// A client for a single server that has the address of a Sentinel could listen there, and would hear nothing.
func TestAddressOfASentinelIsRefused(t *testing.T) {
	d := closed(t, redisdriver.New(client(t, redistest.NewSentinel(t).Address())))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrMode)
}
