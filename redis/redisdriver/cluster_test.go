package redisdriver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// tag is the key in whose slot the channels of a driver with the default prefix are.
const tag = "{backplane}"

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// clusterClient returns a client for a Redis Cluster that connects to its nodes with dial, if that is not nil.
func clusterClient(tb testing.TB, c *redistest.Cluster, dial func(address string) string) *redis.ClusterClient {
	options := clusterOptions(c)
	if dial != nil {
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, dial(address))
		}
	}
	return clusterClientWith(tb, options)
}

func clusterOptions(c *redistest.Cluster) *redis.ClusterOptions {
	return &redis.ClusterOptions{Addrs: []string{c.Nodes[0].Address(), c.Nodes[1].Address()}}
}

// clusterClientWith returns a client until the test ends.
func clusterClientWith(tb testing.TB, options *redis.ClusterOptions) *redis.ClusterClient {
	client := redis.NewClusterClient(options)
	tb.Cleanup(func() { require.NoError(tb, client.Close()) })
	return client
}

// proxies are those of the nodes of a Redis Cluster, by their addresses.
func proxies(tb testing.TB, c *redistest.Cluster) (all map[string]*proxy.Proxy, dial func(address string) string) {
	all = make(map[string]*proxy.Proxy)
	for _, node := range c.Nodes {
		all[node.Address()] = proxy.Start(tb, node.Address())
	}
	return all, func(address string) string { return all[address].Address() }
}

func sever(all map[string]*proxy.Proxy) {
	for _, p := range all {
		p.Sever()
	}
}

// The client's own connections, which ask where the slots are, go through the proxies too: Leftovers would list them.
// Without a server, the client's pool goes on dialing until the client is closed: see TestNoRedisCluster.
func TestConformanceOnARedisCluster(t *testing.T) {
	cluster := redistest.NewCluster(t)
	sessions, toSessions := proxies(t, cluster)
	publishers, toPublishers := proxies(t, cluster)
	conformance.Bus(t, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return closed(tb, redisdriver.NewWithClients(clusterClient(tb, cluster, toSessions),
				clusterClient(tb, cluster, toPublishers), redisdriver.Config{}))
		},
		Sever:          func(testing.TB, transport.Bus) { sever(sessions) },
		SeverPublisher: func(testing.TB, transport.Bus) { sever(publishers) },
		Stall: func(testing.TB, transport.Bus) func() {
			owner := cluster.Owner(t, tag).Address()
			return proxy.Stall(sessions[owner], publishers[owner])
		},
	})
}

func TestNoRedisCluster(t *testing.T) {
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	d := closed(t, redisdriver.New(c))
	ctx := bounded(t)
	_, err := d.Open(ctx)
	require.Error(t, err)
	require.ErrorIs(t, d.Publish(ctx, message("a", "x")), transport.ErrNotSent)
	require.NoError(t, ctx.Err())
}

func TestClusterOnARedisCluster(t *testing.T) {
	cluster, store := redistest.NewCluster(t), memory.NewStore()
	sessions, toSessions := proxies(t, cluster)
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			return core.Config{Store: store, Bus: redisdriver.NewWithClients(clusterClient(tb, cluster, toSessions),
				clusterClient(tb, cluster, nil), clusterConfig)}
		},
		Sever: func(testing.TB, core.Config) { sever(sessions) },
	})
}

func TestReshardingEndsTheSession(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := closed(t, redisdriver.New(clusterClient(t, cluster, nil)))
	s, idle := listening(t, d, "a"), listening(t, d, "a")
	require.NoError(t, idle.Unlisten(bounded(t), "a"))
	passes(t, d, s, "a", "before")

	cluster.Move(t, tag, cluster.Other(t, tag))
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved)
	_, err = end(t, idle)
	require.ErrorIs(t, err, redisdriver.ErrMoved, "a session that listens to nothing would be deaf later")
	require.NoError(t, d.Publish(bounded(t), message("a", "follows")), "nothing was sent, so Publish may follow")

	passes(t, d, listening(t, d, "a"), "a", "after")
}

// A batch is sent once, wherever the slot is, and in order.
func TestPublishFollowsASlotThatMoves(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := closed(t, redisdriver.New(clusterClient(t, cluster, nil)))
	for round := range 6 {
		s := listening(t, d, "a")
		var batch []transport.Message
		for i := range 100 {
			batch = append(batch, message("a", fmt.Sprint(round, " ", i)))
		}
		require.NoError(t, d.Publish(bounded(t), batch...))
		for _, want := range batch {
			m, err := s.Receive(bounded(t))
			require.NoError(t, err)
			require.Equal(t, want, m)
		}
		cluster.Move(t, tag, cluster.Other(t, tag))
		_, err := end(t, s)
		require.ErrorIs(t, err, redisdriver.ErrMoved)
	}
}

func TestFailoverOfANodeEndsTheSession(t *testing.T) {
	cluster := redistest.NewCluster(t)
	replica := cluster.AddReplica(t, tag)
	d := closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), fast))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	cluster.Promote(t, tag, replica)
	_, err := end(t, s)
	if !isAny(err, redisdriver.ErrMoved, redisdriver.ErrReplica) {
		t.Fatal(err)
	}
	eventually(t, d, "a", "to nobody")
	for {
		s, err := d.Open(bounded(t))
		if err != nil {
			require.ErrorIs(t, err, redisdriver.ErrReplica, "until the client knows")
			continue
		}
		err = s.Listen(bounded(t), "a")
		if err != nil {
			require.ErrorIs(t, err, redisdriver.ErrMoved)
			require.NoError(t, s.Close(bounded(t)))
			continue
		}
		passes(t, d, s, "a", "after")
		require.NoError(t, s.Close(bounded(t)))
		break
	}
}

// The node that has the channels crashes, and its replica takes over.
func TestCrashOfANodeIsSurvived(t *testing.T) {
	cluster := redistest.NewCluster(t)
	replica, owner := cluster.AddReplica(t, tag), cluster.Owner(t, tag)
	d := closed(t, redisdriver.New(clusterClient(t, cluster, nil)))
	s := listening(t, d, "a")
	owner.Down(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	eventually(t, d, "a", "to nobody")
	require.Equal(t, "master", replica.Info(t, "replication", "role"))
	passes(t, d, listening(t, d, "a"), "a", "after")
}

// The node that has the channels hangs, and its replica takes over.
func TestHangOfANodeIsSurvived(t *testing.T) {
	cluster := redistest.NewCluster(t)
	replica, owner := cluster.AddReplica(t, tag), cluster.Owner(t, tag)
	c := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{cluster.Other(t, tag).Address()}, ReadTimeout: 200 * time.Millisecond,
	})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	d := closed(t, redisdriver.NewWithConfig(c, fast))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	owner.Freeze(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, broker.ErrSilent)
	for ctx := bounded(t); ; {
		attempt, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		err := d.Publish(attempt, message("a", "to nobody"))
		cancel()
		if err == nil {
			break
		}
		require.NoError(t, ctx.Err(), "Publish: %v", err)
	}
	require.Equal(t, "master", replica.Info(t, "replication", "role"))
	passes(t, d, listening(t, d, "a"), "a", "after")
	owner.Thaw(t)
}

// A node that is cut off from the majority would have its own world. Redis calls the setting
// cluster-allow-pubsubshard-when-down, and it is yes by default.
func TestNodeThatIsCutOffEndsTheSession(t *testing.T) {
	cluster := redistest.NewCluster(t, "cluster-allow-pubsubshard-when-down no")
	owner := cluster.Owner(t, tag)
	d := closed(t, redisdriver.NewWithConfig(clusterClient(t, cluster, nil), fast))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	for _, node := range cluster.Nodes {
		if node != owner {
			node.Freeze(t)
		}
	}
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDown)
}

// Different nodes of a Redis Cluster would forward messages to each other in any order.
func TestSingleClientOnARedisClusterIsRefused(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := closed(t, redisdriver.New(client(t, cluster.Nodes[0].Address())))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrMode)
	require.ErrorContains(t, err, "NewClusterClient")
	require.ErrorIs(t, d.Publish(bounded(t), message("a", "x")), transport.ErrNotSent)
}

// Several goroutines publish while the slot moves.
func TestNothingIsSentTwiceWhileTheSlotMoves(t *testing.T) {
	cluster := redistest.NewCluster(t)
	d := closed(t, redisdriver.New(clusterClient(t, cluster, nil)))
	var publishers sync.WaitGroup
	stop := make(chan struct{})
	for g := range 4 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_ = d.Publish(t.Context(), message("a", fmt.Sprint(g, " ", i))) // some fail, while the slot moves
			}
		})
	}
	seen := make(map[string]bool)
	for range 4 {
		s, err := d.Open(bounded(t))
		require.NoError(t, err)
		if err := s.Listen(bounded(t), "a"); err == nil {
			cluster.Move(t, tag, cluster.Other(t, tag))
			before, err := end(t, s)
			require.ErrorIs(t, err, redisdriver.ErrMoved)
			for _, m := range before {
				require.False(t, seen[string(m.Payload)], "%s came twice", m.Payload)
				seen[string(m.Payload)] = true
			}
		}
		require.NoError(t, s.Close(bounded(t)))
	}
	close(stop)
	publishers.Wait()
	require.NotEmpty(t, seen)
}
