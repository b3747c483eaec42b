package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// command is what the coordinator tells a worker, one JSON object a line.
type command struct {
	Cmd      string  `json:"cmd"` // "peers", "expect" or "publish"
	Run      uint32  `json:"run"`
	N        int     `json:"n"`
	Idle     float64 `json:"idle"` // seconds of silence after which what is missing is taken for lost
	InFlight int     `json:"inFlight"`
	Rate     float64 `json:"rate"` // messages per second, open loop; 0: as fast as InFlight allows
	Kind     string  `json:"kind"` // "json" or "bin"
	Size     int     `json:"size"` // bytes of the argument
}

// reply is what a worker answers. Times are Unix nanoseconds, CPU in seconds.
type reply struct {
	Ready      bool    `json:"ready,omitempty"`
	Peers      int     `json:"peers,omitempty"`
	Start      int64   `json:"start,omitempty"`
	End        int64   `json:"end,omitempty"`
	Errors     int     `json:"errors,omitempty"`
	Received   int     `json:"received,omitempty"`
	Duplicated int     `json:"duplicated,omitempty"`
	Last       int64   `json:"last,omitempty"`
	CPU        float64 `json:"cpu"`
	P50        float64 `json:"p50,omitempty"` // nanoseconds
	P99        float64 `json:"p99,omitempty"`
}

// node is what a Go worker drives: backplane, or the bare limit.
type node interface {
	// emit publishes one message and returns once the bus has it.
	emit(ctx context.Context, kind string, size int, run, i uint32) error
	// peers returns once n other nodes are known.
	peers(ctx context.Context, n int) error
	close(ctx context.Context) error
}

// work is a worker's main: it carries out what comes on standard input until that ends.
func work(contender, url string) error {
	ctx := context.Background()
	var expected atomic.Pointer[expectation]
	say := json.NewEncoder(os.Stdout)
	n, err := open(ctx, contender, url, &expected)
	if err != nil {
		return err
	}
	defer n.close(ctx)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var c command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return err
		}
		switch c.Cmd {
		case "peers":
			if err := n.peers(ctx, c.N); err != nil {
				return err
			}
			say.Encode(reply{Peers: c.N})
		case "expect":
			e := newExpectation(c)
			expected.Store(e)
			say.Encode(reply{Ready: true})
			go func() { say.Encode(e.wait()) }()
		case "publish":
			say.Encode(publish(ctx, n, c))
		default:
			return fmt.Errorf("unknown command %q", c.Cmd)
		}
	}
	return in.Err()
}

func open(ctx context.Context, contender, url string, expected *atomic.Pointer[expectation]) (node, error) {
	var config backplane.Config
	switch contender {
	case "bare":
		return openBare(ctx, url, expected)
	case "pgx":
		pool, err := pgxpool.New(ctx, url)
		if err != nil {
			return nil, err
		}
		config.Bus = pgxdriver.New(pool)
	case "pq":
		db, err := sql.Open("postgres", url)
		if err != nil {
			return nil, err
		}
		config.Bus = pqdriver.New(db, url)
	default:
		return nil, fmt.Errorf("unknown contender %q", contender)
	}
	config.ErrorHandler = func(err error) { fmt.Fprintln(os.Stderr, err) }
	cluster, err := backplane.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	ns, err := cluster.Namespace(ctx, "/", &counter{Registry: backplane.NewRegistry(backplane.RegistryConfig{}), expected: expected})
	return clusterNode{cluster, ns}, err
}

type clusterNode struct {
	cluster *backplane.Cluster
	ns      *backplane.Namespace
}

func (c clusterNode) emit(ctx context.Context, kind string, size int, run, i uint32) error {
	if kind == "bin" {
		return c.ns.Emit(ctx, "m", binaryArgument(size, run, i))
	}
	return c.ns.Emit(ctx, "m", jsonArgument(size, run, i))
}

func (c clusterNode) peers(ctx context.Context, n int) error { return c.ns.WaitForPeers(ctx, n) }
func (c clusterNode) close(ctx context.Context) error        { return c.cluster.Close(ctx) }

// counter is a Local without clients, which counts the broadcasts of others.
type counter struct {
	*backplane.Registry
	expected *atomic.Pointer[expectation]
}

func (c *counter) Broadcast(p *backplane.Packet, _ backplane.Selector) {
	if e := c.expected.Load(); e != nil {
		e.packet(p)
	}
}

// publish emits as the command says.
func publish(ctx context.Context, n node, c command) reply {
	var errors, next atomic.Int64
	var group sync.WaitGroup
	one := func(i int) {
		if n.emit(ctx, c.Kind, c.Size, c.Run, uint32(i)) != nil {
			errors.Add(1)
		}
	}
	cpu0, start := cpuSeconds(), time.Now()
	if c.Rate > 0 {
		pace := max(time.Millisecond, time.Duration(float64(time.Second)/c.Rate))
		for i := 0; i < c.N; time.Sleep(pace) {
			for due := min(c.N, int(time.Since(start).Seconds()*c.Rate)+1); i < due; i++ {
				message := i
				group.Go(func() { one(message) })
			}
		}
	} else {
		for range c.InFlight {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < c.N; i = int(next.Add(1)) - 1 {
					one(i)
				}
			})
		}
	}
	group.Wait()
	return reply{Start: start.UnixNano(), End: time.Now().UnixNano(), CPU: cpuSeconds() - cpu0, Errors: int(errors.Load())}
}

// cpuSeconds is what this process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
