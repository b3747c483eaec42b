package outage_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

var lastDelivery atomic.Int64

// large is an argument that makes a message too large for NOTIFY.
var large = strings.Repeat("ü", 8000)

// waitForPeers waits until all nodes know each other, and no other nodes, in every namespace.
func waitForPeers(tb testing.TB, nodes ...*node) {
	tb.Helper()
	for name := range nodes[0].rooms {
		for i, n := range nodes {
			var peers []string
			for j, other := range nodes {
				if j != i {
					peers = append(peers, other.rooms[name].UID())
				}
			}
			slices.Sort(peers)
			eventually(tb, func() bool { return slices.Equal(n.rooms[name].Peers(), peers) },
				"in %q, node %d must know exactly its peers", name, i)
			require.Equal(tb, len(nodes), n.rooms[name].ServerCount())
		}
	}
}

// requireDelivery requires that all nodes reach each other's clients in every namespace, in order, with small
// and large messages.
func requireDelivery(tb testing.TB, nodes ...*node) {
	tb.Helper()
	const count = 6
	name := fmt.Sprint("delivery", lastDelivery.Add(1))
	var sending sync.WaitGroup
	for i, n := range nodes {
		sending.Go(func() {
			for nsp, r := range n.rooms {
				for number := range count {
					args := []any{fmt.Sprint(i), number, ""}
					if number%3 == 1 {
						args[2] = large
					}
					var err error
					if number < count/2 {
						err = r.EmitAsync(name, args...)
					} else {
						err = r.Emit(within(tb), name, args...)
					}
					if err != nil {
						tb.Errorf("message %d of node %d in %q: %v", number, i, nsp, err)
					}
				}
			}
		})
	}
	sending.Wait()
	for i := range nodes {
		for nsp := range nodes[i].rooms {
			for j, to := range nodes {
				from := fmt.Sprint(i)
				what := fmt.Sprintf("messages of node %d to node %d in %q", i, j, nsp)
				got, _ := to.rooms[nsp].client.got.wait(tb, what, 0, count,
					func(e event) bool { return e.name == name && e.from == from })
				for number, e := range got {
					require.Equal(tb, number, e.number, "the messages of node %d to node %d in %q are out of order: %v",
						i, j, nsp, got)
				}
			}
		}
	}
}

// requireOwnConnections requires one listening and one publishing connection for each of n nodes.
func requireOwnConnections(tb testing.TB, database string, n int) {
	tb.Helper()
	for _, name := range []string{"backplane listen", "backplane publish"} {
		eventually(tb, func() bool { return pgtest.Backends(tb, database, "application_name = '"+name+"'") == n },
			"%d nodes must have %d connections named %q", n, n, name)
	}
}
