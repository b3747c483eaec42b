package interop_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/internal/testparallel"
)

// TestMain limits the tests that run at the same time: each uses about 15 connections to PostgreSQL, which allows 100
// by default.
func TestMain(m *testing.M) {
	testparallel.Set("6")
	goleak.VerifyTestMain(m)
}

// world is a database for some nodes.
type world struct {
	url      string
	recorder *interop.Recorder
	prefix   string
	// table and threshold are options of the nodes; empty and 0 mean the defaults.
	table     string
	threshold int
	legacy    bool // the nodes speak dialect/legacy
	// redis is the server of nodes that speak dialect/redisclassic, and specific says where their answers go.
	redis    *redistest.Server
	cluster  *redistest.Cluster // of which redis is a node, or nil
	specific bool
	sharded  *redissharded.Mode // not nil: of nodes that speak dialect/redissharded instead
	streams  int                // how many streams the nodes share; 0: they are on channels
}

// channel returns the channel of PostgreSQL of a namespace.
func (w *world) channel(nsp string) string {
	if w.legacy {
		return "socketio"
	}
	return w.prefix + "#" + nsp
}

func newWorld(t *testing.T) *world {
	url := pgtest.Database(t)
	return &world{url: url, recorder: interop.Record(t, url, "socket_io_attachments"), prefix: "interop"}
}

// start starts a peer and returns an opener for its sides.
func (w *world) start(t *testing.T, adapter string) opener {
	p := interop.Start(t, interop.Config{Adapter: adapter, DatabaseURL: w.url, PoolSize: 3, Options: interop.Options{
		ChannelPrefix: w.prefix, TableName: w.table, PayloadThreshold: w.threshold,
		HeartbeatInterval: nodeHeartbeat, HeartbeatTimeout: heartbeatTimeout,
	}})
	k := kind{adapter: adapter, peer: p}
	if adapter == interop.Cluster {
		return clusterOpener{k}
	}
	return nodeOpener{k}
}

// TestInterop is the matrix: each message type, in both directions, with each version of Node.js's adapter. pgx runs
// all scenarios, lib/pq at least one of each type.
func TestInterop(t *testing.T) {
	for _, c := range []struct {
		adapter, driver string
		keep            func(scenario) bool
	}{
		{interop.Adapter05, pgxDriver, always},
		{interop.Adapter04, pgxDriver, always},
		{interop.Adapter03, pgxDriver, always},
		{interop.Cluster, pgxDriver, always},
		{interop.Adapter05, pqDriver, onlyBrief},
		{interop.Cluster, pqDriver, onlyBrief},
	} {
		t.Run("Node-"+c.adapter+"/"+c.driver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			node, ours := w.start(t, c.adapter), w.startGo(t, c.driver)
			t.Run("NodeToGo", func(t *testing.T) { runScenarios(t, w, node, ours, c.keep) })
			t.Run("GoToNode", func(t *testing.T) { runScenarios(t, w, ours, node, c.keep) })
		})
	}
}

// TestInteropGoToGo runs the scenarios between two of our nodes on different drivers.
func TestInteropGoToGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pgx, pq := w.startGo(t, pgxDriver), w.startGo(t, pqDriver)
	t.Run("pgxToPq", func(t *testing.T) { runScenarios(t, w, pgx, pq, always) })
	t.Run("pqToPgx", func(t *testing.T) { runScenarios(t, w, pq, pgx, onlyBrief) })
}

// TestInteropNodeToNode runs the scenarios between Node.js nodes, which checks the scenarios themselves.
func TestInteropNodeToNode(t *testing.T) {
	for _, adapter := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03} {
		t.Run("Node-"+adapter, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			runScenarios(t, w, w.start(t, adapter), w.start(t, adapter), onlyBrief)
		})
	}
}
