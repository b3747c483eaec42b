package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
)

// envNode names the variable that makes a process a node. It holds a nodeConfig as JSON.
const envNode = "BACKPLANE_CHAOS_NODE"

// nodeConfig is what a node is told when it starts.
type nodeConfig struct {
	Number int    `json:"number"`
	Driver string `json:"driver"` // "pgx", "pq"
	URL    string `json:"url"`
	Seed   uint64 `json:"seed"`
	Rate   int    `json:"rate"` // messages a second, of each stream

	Heartbeat time.Duration `json:"heartbeat"`
	Visits    bool          `json:"visits"` // it opens and closes namespaces
	Secret    string        `json:"secret"`
}

// namespaces are those of the streams, by number. The Node.js node is in the first.
var namespaces = []string{"/", "/async"}

// What all nodes have in common. heartbeatTimeout is longer than any node's heartbeat, so that they agree on who is alive.
const (
	heartbeatTimeout = 6 * time.Second
	publishTimeout   = 2 * time.Second
)

// MaybeNode makes this process a node if it was started as one, and then does not return. A program that calls Run calls
// it first.
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

// node is what runs in a process of its own.
type node struct {
	config  nodeConfig
	record  *recorder
	slow    atomic.Int64
	peers   *peers
	cluster *backplane.Cluster
	streams []*stream
	spaces  []*backplane.Namespace
	closers []func() // of pools

	traffic sync.WaitGroup
	stop    context.CancelFunc
}

// serve runs a node until it is told to close, or its input ends.
func serve(c nodeConfig) error {
	n := &node{config: c, record: newRecorder(os.Stdout), peers: &peers{left: make(map[string]int)}}
	orders := make(chan Order)
	go read(orders)
	before := takeStock()
	listening, quiet := context.WithCancel(context.Background())
	defer quiet()
	var ear sync.WaitGroup
	ear.Go(func() { n.record.listenToItself(listening) })
	if err := n.open(orders); err != nil {
		return err
	}
	open := takeStock()
	n.start()
	for o := range orders {
		switch o.Do {
		case DoStop:
			n.halt()
			n.record.note(Event{Kind: Stopped, Leaks: open.growth()})
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
			quiet()
			ear.Wait()
			e.Leaks = append(e.Leaks, before.leaks()...)
			n.record.note(e)
			n.record.close()
			return nil
		}
	}
	return nil
}

// read reads orders. A process whose input ends has no parent any more.
func read(orders chan<- Order) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", err)
			os.Exit(2)
		}
		orders <- o
	}
	os.Exit(3)
}

// start begins to send and to ask.
func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	for _, s := range n.streams {
		n.traffic.Go(func() { s.run(ctx, n.config.Rate) })
	}
	a := &asker{node: n.config.Number, visits: n.config.Visits, cluster: n.cluster, ns: n.spaces[0], record: n.record, peers: n.peers, random: rand.New(rand.NewPCG(n.config.Seed, 99))}
	n.traffic.Go(func() { a.run(ctx, 100*time.Millisecond) })
}

// halt ends what start began, and waits for the calls under way.
func (n *node) halt() {
	n.stop()
	n.traffic.Wait()
}

// close closes the cluster and the pool.
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

// burn keeps goroutines computing for a while.
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
