package redistest

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/internal/freeport"
)

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// Cluster is a Redis Cluster of three nodes, and of the replicas that the test adds.
type Cluster struct {
	Nodes    []*Server
	settings []string
}

// NewCluster starts a Redis Cluster until the test ends. It skips the test if redis-server is not installed or older
// than version 7. The settings are those of Start.
func NewCluster(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	need(tb)
	c := &Cluster{settings: settings}
	for range 3 {
		c.add(tb)
	}
	for i, node := range c.Nodes {
		node.Do(tb, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		first, last := i*slots/len(c.Nodes), (i+1)*slots/len(c.Nodes)-1
		node.Do(tb, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
	}
	c.meet(tb, c.Nodes[1])
	c.meet(tb, c.Nodes[2])
	c.wait(tb)
	return c
}

// add starts a node that knows no other.
func (c *Cluster) add(tb testing.TB) *Server {
	tb.Helper()
	bus, err := freeport.Get()
	if err != nil {
		tb.Fatal(err)
	}
	node, err := Start(context.Background(), append([]string{"cluster-enabled yes", "cluster-config-file nodes.conf",
		"cluster-node-timeout 2000", "cluster-port " + strconv.Itoa(bus)}, c.settings...)...)
	if err != nil && strings.Contains(err.Error(), "Bad directive") {
		tb.Skip("needs Redis 7 or later")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := node.Stop(); err != nil {
			tb.Error(err)
		}
	})
	c.Nodes = append(c.Nodes, node)
	return node
}

// meet makes a node known to the first one, and so to all.
func (c *Cluster) meet(tb testing.TB, node *Server) {
	tb.Helper()
	bus := node.Do(tb, "CONFIG", "GET", "cluster-port").Item(1).Text()
	c.Nodes[0].Do(tb, "CLUSTER", "MEET", "127.0.0.1", node.Port(), bus)
}

// wait waits until all nodes know each other and serve all slots.
func (c *Cluster) wait(tb testing.TB) {
	tb.Helper()
	until(tb, "a Redis Cluster in which all nodes know each other", func() bool {
		for _, node := range c.Nodes {
			info := node.Do(tb, "CLUSTER", "INFO").Text()
			if line(info, "cluster_state") != "ok" || line(info, "cluster_known_nodes") != strconv.Itoa(len(c.Nodes)) {
				return false
			}
		}
		return true
	})
}

// Owner returns the node that serves the slot of a key.
func (c *Cluster) Owner(tb testing.TB, key string) *Server {
	tb.Helper()
	owner := c.ownerFor(tb, c.Nodes[0], key)
	if owner == nil {
		tb.Fatalf("redistest: no node serves the slot of %s", key)
	}
	return owner
}

// ownerFor returns the node that serves the slot of a key, as a node sees it; nil: none.
func (c *Cluster) ownerFor(tb testing.TB, asked *Server, key string) *Server {
	tb.Helper()
	slot := c.slot(tb, key)
	for _, r := range asked.Do(tb, "CLUSTER", "SLOTS").Items {
		first, _ := strconv.Atoi(r.Item(0).Text())
		last, _ := strconv.Atoi(r.Item(1).Text())
		if slot < first || slot > last {
			continue
		}
		for _, node := range c.Nodes {
			if node.Port() == r.Item(2).Item(1).Text() {
				return node
			}
		}
	}
	return nil
}

// agree reports whether all nodes see the same one as the owner of the slot of a key.
func (c *Cluster) agree(tb testing.TB, key string, owner *Server) bool {
	for _, node := range c.Nodes {
		if c.ownerFor(tb, node, key) != owner {
			return false
		}
	}
	return true
}

// Other returns a node that serves other slots.
func (c *Cluster) Other(tb testing.TB, key string) *Server {
	tb.Helper()
	owner := c.Owner(tb, key)
	for _, node := range c.Nodes {
		if node != owner && node.Info(tb, "replication", "role") == "master" {
			return node
		}
	}
	tb.Fatal("redistest: no other node")
	return nil
}

func (c *Cluster) slot(tb testing.TB, key string) int {
	tb.Helper()
	slot, err := strconv.Atoi(c.Nodes[0].Do(tb, "CLUSTER", "KEYSLOT", key).Text())
	if err != nil {
		tb.Fatal(err)
	}
	return slot
}

// Move moves the slot of a key, with its keys, to another node, as resharding does, and returns when all nodes know.
func (c *Cluster) Move(tb testing.TB, key string, to *Server) {
	tb.Helper()
	var from *Server
	until(tb, "nodes that agree who serves the slot", func() bool {
		from = c.Owner(tb, key)
		return c.agree(tb, key, from)
	})
	slot, target := strconv.Itoa(c.slot(tb, key)), to.id(tb)
	to.Do(tb, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id(tb))
	from.Do(tb, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	for {
		keys := from.Do(tb, "CLUSTER", "GETKEYSINSLOT", slot, "100").Items
		if len(keys) == 0 {
			break
		}
		args := []string{"MIGRATE", "127.0.0.1", to.Port(), "", "0", "10000", "KEYS"}
		for _, key := range keys {
			args = append(args, key.Text())
		}
		from.Do(tb, args...)
	}
	for _, node := range []*Server{to, from} {
		node.Do(tb, "CLUSTER", "SETSLOT", slot, "NODE", target)
	}
	until(tb, "the slot that moves", func() bool { return c.agree(tb, key, to) })
}

// AddReplica starts a replica of the node that serves the slot of a key, and returns when it follows that.
func (c *Cluster) AddReplica(tb testing.TB, key string) *Server {
	tb.Helper()
	owner := c.Owner(tb, key)
	replica := c.add(tb)
	c.meet(tb, replica)
	c.wait(tb)
	replica.Do(tb, "CLUSTER", "REPLICATE", owner.id(tb))
	replica.waitForPrimary(tb)
	until(tb, "nodes that know the replica", func() bool {
		for _, node := range c.Nodes {
			if !strings.Contains(node.Do(tb, "CLUSTER", "NODES").Text(), "slave "+owner.id(tb)) {
				return false
			}
		}
		return true
	})
	return replica
}

// Promote makes a replica take over the slots of its primary, which becomes its replica.
func (c *Cluster) Promote(tb testing.TB, key string, replica *Server) {
	tb.Helper()
	replica.Do(tb, "CLUSTER", "FAILOVER")
	until(tb, "the replica that takes over", func() bool { return c.Owner(tb, key) == replica })
}

func (s *Server) id(tb testing.TB) string {
	tb.Helper()
	return s.Do(tb, "CLUSTER", "MYID").Text()
}
