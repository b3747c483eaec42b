package redisdriver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// shardedRaw are the options for channels that are each on the node of their own slot.
var shardedRaw = redisdriver.Config{RawNames: true, Sharded: true}

// spread are channels on all nodes of a Redis Cluster.
func spread(n int) (channels []string) {
	for i := range n {
		channels = append(channels, fmt.Sprintf("socket.io#/#room %d#", i))
	}
	return channels
}

// Channels with raw names are on all nodes, and other programs hear and reach them there.
func TestShardedRawNamesAreOnAllNodes(t *testing.T) {
	cluster := redistest.NewCluster(t)
	other := clusterClient(t, cluster, nil)
	d := closed(t, redisdriver.NewWithConfig(other, shardedRaw))
	require.False(t, d.ListensToPrefixes())
	channels := spread(60)
	s := listening(t, d, channels[0])
	require.NoError(t, s.(transport.MultiListener).ListenAll(bounded(t), channels...))
	owners := make(map[string]int)
	for _, channel := range channels {
		owners[cluster.Owner(t, channel).Address()]++
		passes(t, d, s, channel, "of the driver")
		require.NoError(t, other.SPublish(bounded(t), channel, "of another program").Err())
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, message(channel, "of another program"), m)
	}
	require.Len(t, owners, 3)
	for _, n := range owners {
		require.Greater(t, n, 5, "%v", owners)
	}

	counts, err := d.Listeners(bounded(t), channels...)
	require.NoError(t, err)
	require.Len(t, counts, len(channels))
	for i, n := range counts {
		require.Equal(t, 1, n, channels[i])
	}
	require.NoError(t, s.(transport.MultiUnlistener).UnlistenAll(bounded(t), channels[1:]...))
	counts, err = d.Listeners(bounded(t), channels...)
	require.NoError(t, err)
	require.Equal(t, 1, counts[0])
	for i, n := range counts[1:] {
		require.Zero(t, n, channels[i+1])
	}

	var many []transport.Message
	for i := range 500 {
		many = append(many, message(channels[i%len(channels)], fmt.Sprint(i)))
	}
	require.NoError(t, s.(transport.MultiListener).ListenAll(bounded(t), channels...))
	require.NoError(t, d.Publish(bounded(t), many...))
	last := make(map[string]string)
	for range many {
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		before := last[m.Channel]
		require.True(t, before == "" || len(before) < len(m.Payload) || before < string(m.Payload),
			"%s: %s after %s", m.Channel, m.Payload, before)
		last[m.Channel] = string(m.Payload)
	}
}

// When the slot of one channel moves, the session ends, and the next one and Publish follow.
func TestShardedRawNamesFollowTheirSlots(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), shardedRaw))
	channels := spread(12)
	s := listening(t, d, channels[0])
	require.NoError(t, s.(transport.MultiListener).ListenAll(bounded(t), channels...))
	for _, channel := range channels {
		passes(t, d, s, channel, "before")
	}
	moved := channels[5]
	cluster.Move(t, moved, cluster.Other(t, moved))
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved)
	var batch []transport.Message
	for _, channel := range channels {
		batch = append(batch, message(channel, "follows"))
	}
	require.NoError(t, d.Publish(bounded(t), batch...), "nothing was sent on the channel, so Publish may follow")
	again := reopened(t, d, channels...)
	for _, channel := range channels {
		passes(t, d, again, channel, "after")
	}
}

// When a replica takes over from one node, the session ends, and the next one is there.
func TestShardedRawNamesFollowAFailover(t *testing.T) {
	cluster := redistest.NewCluster(t)
	channels := spread(12)
	replica := cluster.AddReplica(t, channels[3])
	d := closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), shardedRaw))
	s := reopened(t, d, channels...)
	cluster.Promote(t, channels[3], replica)
	_, err := end(t, s)
	require.True(t, isAny(err, redisdriver.ErrMoved, redisdriver.ErrReplica, redisdriver.ErrDisconnected), "%v", err)
	again := reopened(t, d, channels...)
	eventually(t, d, channels[3], "after")
	m, err := again.Receive(bounded(t))
	require.NoError(t, err)
	require.Equal(t, message(channels[3], "after"), m)
}

// One node that hangs ends the session, although the others answer.
func TestShardedRawNamesNoticeANodeThatHangs(t *testing.T) {
	cluster := redistest.NewCluster(t, "cluster-node-timeout 60000")
	often := shardedRaw
	often.CheckInterval = 100 * time.Millisecond
	d := closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), often))
	channels := spread(12)
	s := reopened(t, d, channels...)
	hangs := cluster.Owner(t, channels[0])
	hangs.Freeze(t)
	defer hangs.Thaw(t)
	_, err := end(t, s)
	require.True(t, isAny(err, broker.ErrSilent, redisdriver.ErrDisconnected), "%v", err)
}

// reopened opens a session that listens to channels, as often as it takes.
func reopened(t *testing.T, d *redisdriver.Driver, channels ...string) transport.Session {
	t.Helper()
	for ctx := bounded(t); ; {
		s, err := d.Open(ctx)
		if err == nil {
			if err = s.(transport.MultiListener).ListenAll(ctx, channels...); err == nil {
				t.Cleanup(func() { require.NoError(t, s.Close(ctx)) })
				return s
			}
			require.NoError(t, s.Close(ctx))
		}
		require.NoError(t, ctx.Err(), "%v", err)
	}
}
