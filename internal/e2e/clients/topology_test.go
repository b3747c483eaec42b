package clients_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport/memory"
)

// The heartbeats of the clusters. Node.js nodes send them often, because a node whose LISTEN was not active when it
// announced itself learns of its peers only with their next heartbeat.
const (
	nodeHeartbeat    = time.Second
	goHeartbeat      = 2 * time.Second
	heartbeatTimeout = 20 * time.Second
)

// topology is a set of servers that know each other.
type topology struct {
	name string
	open func(t *testing.T, h *host) []server
	// version2 makes some of the clients clients of version 2.
	version2 bool
}

var topologies = []topology{
	{name: "Node", open: func(t *testing.T, h *host) []server {
		return []server{h.newServer(t, config{}, "")}
	}},
	{name: "NodeNodeNode", open: func(t *testing.T, h *host) []server {
		url := pgtest.Database(t)
		return []server{h.newServer(t, config{}, url), h.newServer(t, config{}, url), h.newServer(t, config{}, url)}
	}},
	{name: "Go", open: func(t *testing.T, _ *host) []server {
		return []server{newGoServer(t, config{}, nil)}
	}},
	{name: "GoGoGo/memory", open: func(t *testing.T, _ *host) []server {
		hub, c := memory.NewHub(), config{byServe: true}
		return []server{newGoServer(t, c, hub), newGoServer(t, c, hub), newGoServer(t, c, hub)}
	}},
	{name: "GoGoGo/pgx", open: func(t *testing.T, _ *host) []server {
		url := pgtest.Database(t)
		return []server{newGoServer(t, config{}, pgxBus(t, url)), newGoServer(t, config{}, pgxBus(t, url)),
			newGoServer(t, config{}, pgxBus(t, url))}
	}},
	{name: "GoGoGo/pq", open: func(t *testing.T, _ *host) []server {
		url := pgtest.Database(t)
		return []server{newGoServer(t, config{}, pqBus(t, url)), newGoServer(t, config{}, pqBus(t, url)),
			newGoServer(t, config{}, pqBus(t, url))}
	}},
	{name: "GoGoNode", open: func(t *testing.T, h *host) []server {
		url := pgtest.Database(t)
		return []server{newGoServer(t, config{}, pgxBus(t, url)), newGoServer(t, config{}, pqBus(t, url)),
			h.newServer(t, config{}, url)}
	}},
	{name: "GoNode/version2", version2: true, open: func(t *testing.T, h *host) []server {
		url, c := pgtest.Database(t), config{allowEIO3: true}
		return []server{newGoServer(t, c, pgxBus(t, url)), h.newServer(t, c, url)}
	}},
}

// TestCheatSheet runs every line of the emit cheat sheet from each server.
func TestCheatSheet(t *testing.T) {
	t.Parallel()
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			servers := top.open(t, h)
			awaitPeers(t, servers)
			whole := newSheet(t, h, servers, top.version2)
			for node := range servers {
				t.Run(fmt.Sprintf("from%d", node), func(t *testing.T) {
					_, onNode := servers[node].(*nodeServer)
					for _, l := range serverLines {
						if l.notOnNode && onNode && len(servers) > 1 {
							continue
						}
						t.Run(l.name, func(t *testing.T) { whole.from(t, node).run(l) })
					}
					whole.runSteps(t, node, func(s step) bool {
						return (!s.betweenServers || !onNode ||
							len(servers) > 1) && (!s.slow || node == 0)
					})
				})
			}
		})
	}
}

// awaitPeers waits until all servers know each other.
func awaitPeers(t *testing.T, servers []server) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, s := range servers {
		for _, nsp := range []string{"/", "/custom"} {
			_, err := s.run(ctx, op{Call: "serverCount", Count: len(servers)}.in(nsp))
			require.NoError(t, err)
		}
	}
}
