package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/process"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/redis/streamsdriver"
)

// command is what the coordinator sends to a worker, as one line of JSON.
type command struct {
	Cmd      string  `json:"cmd"` // "join", "leave", "peers", "populate", "cpu", "expect", "caughtUp" or "publish"
	Op       string  `json:"op"`  // "emit", "ack" or "fetch"
	Run      uint32  `json:"run"`
	First    int     `json:"first"` // number of the first message, for "publish"
	N        int     `json:"n"`
	Idle     float64 `json:"idle"`     // seconds without a message after which missing messages count as lost
	InFlight int     `json:"inFlight"` // 0: one loop that does not wait
	Rate     float64 `json:"rate"`     // messages per second, open loop; 0: as fast as InFlight allows
	Kind     string  `json:"kind"`     // "json" or "bin"
	Size     int     `json:"size"`     // bytes of the argument
	Rooms    int     `json:"rooms"`    // message i goes to room i modulo Rooms; 0: to all clients
}

// reply is a worker's answer to a command. Times are Unix nanoseconds; CPU is in seconds.
type reply struct {
	Ready      bool    `json:"ready,omitempty"`
	Peers      int     `json:"peers,omitempty"`
	Start      int64   `json:"start,omitempty"`
	End        int64   `json:"end,omitempty"`
	Errors     int     `json:"errors,omitempty"`
	Answers    int     `json:"answers,omitempty"`
	Received   int     `json:"received,omitempty"`
	Duplicated int     `json:"duplicated,omitempty"`
	Last       int64   `json:"last,omitempty"`
	CPU        float64 `json:"cpu"`
	P50        float64 `json:"p50,omitempty"` // nanoseconds
	P99        float64 `json:"p99,omitempty"`
}

// node is what a Go worker measures: backplane or the bare limit.
type node interface {
	// do performs operation i of the command and returns the number of answers.
	do(ctx context.Context, c command, i uint32) (answers int, err error)
	// peers waits until the node knows n other nodes.
	peers(ctx context.Context, n int) error
	// populate adds n clients, spread over the rooms. It is called after join.
	populate(n, rooms int)
	// join starts to listen, leave stops.
	join(ctx context.Context) error
	leave(ctx context.Context) error
	close(ctx context.Context) error
}

// work is the main function of a worker: it executes the commands on standard input until that ends.
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
		case "join":
			if err := n.join(ctx); err != nil {
				return err
			}
			say.Encode(reply{Ready: true})
		case "leave":
			if err := n.leave(ctx); err != nil {
				return err
			}
			say.Encode(reply{Ready: true})
		case "peers":
			if err := n.peers(ctx, c.N); err != nil {
				return err
			}
			say.Encode(reply{Peers: c.N})
		case "populate":
			n.populate(c.N, c.Rooms)
			say.Encode(reply{Ready: true})
		case "cpu":
			say.Encode(reply{CPU: process.CPUSeconds()})
		case "expect":
			e := newExpectation(c)
			expected.Store(e)
			say.Encode(reply{Ready: true})
			go func() { say.Encode(e.wait()) }()
		case "caughtUp": // answered when the node has replayed what it has missed
			go func() { say.Encode(reply{Last: <-caughtUp}) }()
		case "publish":
			say.Encode(publish(ctx, n, c))
		default:
			return fmt.Errorf("unknown command %q", c.Cmd)
		}
	}
	return in.Err()
}

// withLog is the end of the name of a contender that keeps its messages.
const withLog = "+log"

// caughtUp gets the time when the node has replayed what it has missed, Unix nanoseconds.
var caughtUp = make(chan int64, 1)

// notDurable is the end of the name of a contender whose log does not wait for the disk.
const notDurable = "+async"

// becomesDeaf is the end of the name of a contender whose connections will be cut.
const becomesDeaf = "+deaf"

func open(ctx context.Context, contender, url string, expected *atomic.Pointer[expectation]) (node, error) {
	var config backplane.Config
	contender, deaf := strings.CutSuffix(contender, becomesDeaf)
	contender, async := strings.CutSuffix(contender, notDurable)
	contender, kept := strings.CutSuffix(contender, withLog)
	driver := postgres.Config{AsyncLog: async}
	if kept {
		config.Log = &backplane.LogConfig{}
	}
	switch contender {
	case "bare", "bare-nats", "bare-redis":
		connect := func(ctx context.Context) (*bareConns, error) { return barePostgres(ctx, url, kept) }
		switch contender {
		case "bare-nats":
			connect = func(ctx context.Context) (*bareConns, error) { return bareNATS(ctx, url) }
		case "bare-redis":
			connect = func(ctx context.Context) (*bareConns, error) { return bareRedis(ctx, url) }
		}
		return &bare{connect: connect, expected: expected, wake: make(chan struct{}, 1)}, nil
	case "nats":
		config.Bus = natsdriver.New(url)
	case "pgx":
		pool, err := pgxpool.New(ctx, url)
		if err != nil {
			return nil, err
		}
		config.Bus = pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: driver})
	case "classic", "redis", "streams":
		options, err := redis.ParseURL(url)
		if err != nil {
			return nil, err
		}
		client, driver := redis.NewClient(options), redisdriver.Config{}
		switch contender { // Node.js's nodes are another cluster
		case "streams":
			config.Bus, config.Dialect = streamsdriver.New(client), redisstreams.Dialect{Stream: "bench"}
			config.Log = &backplane.LogConfig{}
		case "classic":
			driver.RawNames, config.Dialect, config.ChannelPrefix = true, redisclassic.Dialect{}, "bench"
			fallthrough
		default:
			config.Bus = redisdriver.NewWithConfig(client, driver)
		}
	case "pq":
		db, err := sql.Open("postgres", url)
		if err != nil {
			return nil, err
		}
		config.Bus = pqdriver.NewWithConfig(db, url, pqdriver.Config{Config: driver})
	default:
		return nil, fmt.Errorf("unknown contender %q", contender)
	}
	config.Trace.SessionRecovered = func(*backplane.GapError) {
		select {
		case caughtUp <- time.Now().UnixNano():
		default:
		}
	}
	if !deaf { // errors are expected then
		config.ErrorHandler = func(err error) { fmt.Fprintln(os.Stderr, err) }
	}
	cluster, err := backplane.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return &clusterNode{cluster: cluster, expected: expected}, nil
}

// publish performs the operations of the command.
func publish(ctx context.Context, n node, c command) reply {
	var errors, answers, next atomic.Int64
	var group sync.WaitGroup
	one := func(i int) {
		got, err := n.do(ctx, c, uint32(c.First+i))
		if err != nil {
			errors.Add(1)
		}
		answers.Add(int64(got))
	}
	late := make([]int64, c.N)
	cpu0, start := process.CPUSeconds(), time.Now()
	switch {
	case c.Rate > 0:
		pace := max(time.Millisecond, time.Duration(float64(time.Second)/c.Rate))
		for i := 0; i < c.N; time.Sleep(pace) {
			for due := min(c.N, int(time.Since(start).Seconds()*c.Rate)+1); i < due; i++ {
				message := i
				group.Go(func() { one(message) })
			}
		}
	case c.InFlight == 0:
		for i := range c.N {
			one(i)
		}
	default:
		for range c.InFlight {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < c.N; i = int(next.Add(1)) - 1 {
					t := time.Now()
					one(i)
					late[i] = int64(time.Since(t))
				}
			})
		}
	}
	group.Wait()
	r := reply{Start: start.UnixNano(), End: time.Now().UnixNano(), CPU: process.CPUSeconds() - cpu0,
		Errors: int(errors.Load()), Answers: int(answers.Load())}
	slices.Sort(late)
	r.P50, r.P99 = float64(late[len(late)/2]), float64(late[len(late)*99/100])
	return r
}
