package logged

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/socketio"
)

// envNode names the environment variable that makes a process a node. Its value is a nodeConfig as JSON.
const envNode = "BACKPLANE_CHAOS_LOGGED_NODE"

// nodeConfig is the configuration of a node.
type nodeConfig struct {
	Number int           `json:"number"` // from 1
	Driver string        `json:"driver"` // "pgx", "pq"
	URL    string        `json:"url"`
	Rate   float64       `json:"rate"` // events per second, to all targets together
	Rooms  int           `json:"rooms"`
	Away   time.Duration `json:"away"` // for how long clients can be recovered
}

// MaybeNode runs a node and exits if Run started this process as a node. A program that calls Run must call MaybeNode
// first.
func MaybeNode() {
	text := os.Getenv(envNode)
	if text == "" {
		return
	}
	var c nodeConfig
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = serve(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// node is a node, the only one in its process.
type node struct {
	config  nodeConfig
	record  *recorder
	cluster *backplane.Cluster
	io      *socketio.Server
	serving sync.WaitGroup
	closers []func() // close the pools

	traffic sync.WaitGroup
	stop    context.CancelFunc
}

// serve runs a node until it gets the command to close.
func serve(c nodeConfig) error {
	n := &node{config: c, record: newRecorder()}
	orders := make(chan Order)
	go worker.ReadCommands(orders)
	before := worker.CountResources()
	if err := n.open(orders); err != nil {
		return err
	}
	n.start()
	for o := range orders {
		switch o.Do {
		case DoStop:
			n.halt()
			n.record.note(Event{Kind: Stopped})
		case DoBurst:
			for i := range o.Count {
				_ = n.io.To("empty").EmitAsync("noise", i) // a full queue is what the burst is for
			}
		case DoClose:
			n.halt()
			e := n.close()
			e.Leaks = append(e.Leaks, before.Leaks()...)
			n.record.note(e)
			n.record.Close()
			return nil
		}
	}
	return nil
}

// start starts a stream for each target.
func (n *node) start() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	for target := range n.config.Rooms + 1 {
		s := &stream{name: fmt.Sprintf("n%d.%d", n.config.Number, target), target: n.target(target), record: n.record}
		rate := n.config.Rate / float64(n.config.Rooms+1)
		n.traffic.Go(func() { s.sendUntil(ctx, rate) })
	}
}

// target returns the clients of a room or, after the last room, all.
func (n *node) target(number int) backplane.Target {
	if number < n.config.Rooms {
		return n.io.To(roomName(number))
	}
	return n.io.Target
}

func roomName(number int) string { return "room-" + strconv.Itoa(number) }

// roomsOf returns the numbers of the rooms of a client: about a quarter of all.
func roomsOf(client, rooms int) (numbers []int) {
	for i := range max(rooms/4, 1) {
		numbers = append(numbers, (client+i*3)%rooms)
	}
	return numbers
}

// halt stops the streams and waits until they have ended.
func (n *node) halt() {
	n.stop()
	n.traffic.Wait()
}

// closeLimit is how long closing may take.
const closeLimit = 10 * time.Second

// close closes the server, the cluster and its pool.
func (n *node) close() Event {
	e := Event{Kind: Closed, Begin: now()}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := n.io.Shutdown(ctx); err != nil {
		e.Text = err.Error()
	}
	n.serving.Wait()
	if err := n.cluster.Close(ctx); err != nil {
		e.Text += " " + err.Error()
	}
	for _, closing := range n.closers {
		closing()
	}
	e.At = now()
	return e
}
