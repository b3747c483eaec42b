package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// envNode names the environment variable that makes a process a node. Its value is a nodeConfig as JSON.
const envNode = "BACKPLANE_CHAOS_NODE"

// nodeConfig is the configuration of a node.
type nodeConfig struct {
	Number int    `json:"number"`
	Driver string `json:"driver"` // "pgx", "pq"
	URL    string `json:"url"`
	Seed   uint64 `json:"seed"`
	Rate   int    `json:"rate"` // messages per second of each stream

	Heartbeat time.Duration `json:"heartbeat"`
	Visits    bool          `json:"visits"` // open and close namespaces
	Secret    string        `json:"secret"`
}

// namespaces are the namespaces of the streams, by number. The Node.js node is in the first.
var namespaces = []string{"/", "/async"}

// Settings of all nodes. heartbeatTimeout is longer than the heartbeat interval of any node.
const (
	heartbeatTimeout = 6 * time.Second
	publishTimeout   = 2 * time.Second
)

// MaybeNode runs a node and exits if Run started this process as a node. A program that calls Run must call MaybeNode
// first.
func MaybeNode() {
	text := os.Getenv(envNode)
	if text == "" {
		return
	}
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if err := serve(c); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// node is a Go node, the only one in its process.
type node struct {
	config  nodeConfig
	record  *recorder
	slow    atomic.Int64
	peers   *peers
	cluster *backplane.Cluster
	streams []*stream
	spaces  []*backplane.Namespace
	closers []func() // close the pools

	traffic sync.WaitGroup
	stop    context.CancelFunc
}

// serve runs a node until it gets the command to close or its input ends.
func serve(c nodeConfig) error {
	n := &node{config: c, record: newRecorder(), peers: &peers{left: make(map[string]int)}}
	orders := make(chan Order)
	go worker.ReadCommands(orders)
	before := worker.CountResources()
	measuring, stopMeasuring := context.WithCancel(context.Background())
	defer stopMeasuring()
	var pauses sync.WaitGroup
	pauses.Go(func() {
		worker.MeasurePauses(measuring, func(end time.Time, excess time.Duration) {
			n.record.note(Event{Kind: Noise, At: end.UnixMicro(), Excess: excess.Microseconds()})
		})
	})
	if err := n.open(orders); err != nil {
		return err
	}
	open := worker.CountResources()
	n.start()
	for o := range orders {
		switch o.Do {
		case DoStop:
			n.halt()
			n.record.note(Event{Kind: Stopped, Leaks: open.Growth()})
		case DoFence:
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			for _, s := range n.streams {
				if err := s.fence(ctx); err != nil {
					n.record.note(Event{Kind: Remarked, Text: err.Error()})
				}
			}
			cancel()
			n.record.note(Event{Kind: Fenced})
		case DoPeers:
			e := Event{Kind: Peers, UIDs: make(map[string]string)}
			for _, uid := range n.spaces[0].Peers() {
				e.UIDs[uid] = ""
			}
			n.record.note(e)
		case DoBurn:
			burn(o.Count, time.Duration(o.For)*time.Microsecond)
		case DoSlow:
			n.slow.Store(now() + o.For)
		case DoBurst:
			for _, s := range n.streams {
				s.burst.Add(int64(o.Count))
			}
		case DoHeap:
			n.streams[0].large.Add(int64(o.Count))
		case DoClose:
			n.halt()
			e := n.close()
			stopMeasuring()
			pauses.Wait()
			e.Leaks = append(e.Leaks, before.Leaks()...)
			n.record.note(e)
			n.record.Close()
			return nil
		}
	}
	return nil
}

// start starts the streams and the calls.
func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	for _, s := range n.streams {
		n.traffic.Go(func() { s.sendUntil(ctx, n.config.Rate) })
	}
	a := &caller{node: n.config.Number, visits: n.config.Visits, cluster: n.cluster, ns: n.spaces[0], record: n.record,
		peers: n.peers, random: rand.New(rand.NewPCG(n.config.Seed, 99))}
	n.traffic.Go(func() { a.callUntil(ctx, 100*time.Millisecond) })
}

// halt stops the streams and the calls and waits until they have returned.
func (n *node) halt() {
	n.stop()
	n.traffic.Wait()
}

// close closes the cluster and its pool.
func (n *node) close() Event {
	e := Event{Kind: Closed, Begin: now()}
	if err := timed(n.record, "Close", closeLimit, n.cluster.Close); err != nil {
		e.Text = err.Error()
	}
	for _, closing := range n.closers {
		closing()
	}
	e.At = now()
	return e
}

// burn keeps count goroutines busy for d.
func burn(count int, d time.Duration) {
	end := time.Now().Add(d)
	for range count {
		go func() {
			x := uint64(1)
			for time.Now().Before(end) {
				for range 100_000 {
					x = x*6364136223846793005 + 1
				}
			}
		}()
	}
}
