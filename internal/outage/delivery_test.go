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

var lastFlow atomic.Int64

// large is the part of a message that makes it too large for NOTIFY.
var large = strings.Repeat("ü", 8000)

// known waits until all nodes know each other, and nobody else, in every namespace.
func known(tb testing.TB, nodes ...*node) {
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
			until(tb, func() bool { return slices.Equal(n.rooms[name].Peers(), peers) },
				"in %q node %d should know exactly its peers", name, i)
			require.Equal(tb, len(nodes), n.rooms[name].ServerCount())
		}
	}
}

// flows requires that all nodes reach each other's clients in every namespace, in order, small and large mixed.
func flows(tb testing.TB, nodes ...*node) {
	tb.Helper()
	const count = 6
	name := fmt.Sprint("flow", lastFlow.Add(1))
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
						tb.Errorf("node %d in %q, message %d: %v", i, nsp, number, err)
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
				got, _ := to.rooms[nsp].client.got.wait(tb, fmt.Sprintf("messages of node %d to node %d in %q", i, j, nsp), 0, count,
					func(e event) bool { return e.name == name && e.from == from })
				for number, e := range got {
					require.Equal(tb, number, e.number, "order of what node %d sent to node %d in %q: %v", i, j, nsp, got)
				}
			}
		}
	}
}

// ownConnections requires that there is one listening and one publishing connection for each of n nodes.
func ownConnections(tb testing.TB, database string, n int) {
	tb.Helper()
	for _, name := range []string{"backplane listen", "backplane publish"} {
		until(tb, func() bool { return pgtest.Backends(tb, database, "application_name = '"+name+"'") == n },
			"%d nodes should have %d connections %q", n, n, name)
	}
}
