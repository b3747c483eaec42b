package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/process"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/socketio"
)

// setting describes the server under attack.
type setting struct {
	HTTP     bool   // use an http.Server instead of Server.Serve
	Compress bool   // allow compressed WebSocket messages
	Cluster  bool   // make it one of two nodes on PostgreSQL
	Postgres string // URL of their database
}

func (s setting) String() string {
	text, _ := json.Marshal(s) // never fails for these fields
	return string(text)
}

// place is the address of the server.
type place struct {
	Addr, Postgres string
	UIDs           []string // of the nodes
}

// question is a request to the server process on its standard input.
type question struct {
	// Do is "state"; "settle", which collects garbage first; "fetch", which fetches all sockets of the cluster.
	Do string
}

// state is the answer to a question.
type state struct {
	Heap, Peak        float64 // bytes: now, and the maximum so far
	CPU               float64 // seconds since the process started
	Goroutines, Files int
	Sockets, Peers    int
	Partial           bool // FetchSockets returned an error
	Err               string
	Took              time.Duration
	Line              int // length of the longest log line in bytes
}

const (
	pingInterval = 2 * time.Second
	pingTimeout  = 2 * time.Second
	// otherSockets is the number of sockets on the other node of a cluster.
	otherSockets = 1000
)

// victim is the server under attack.
type victim struct {
	io    *socketio.Server
	nodes []*backplane.Namespace
	peak  atomic.Uint64
	line  longest
}

// serveVictim is the main function of the server. It returns when standard input ends.
func serveVictim(text string) error {
	var s setting
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	debug.SetGCPercent(50) // so that the peak has little garbage in it
	v := new(victim)
	at, err := v.start(s)
	if err != nil {
		return err
	}
	go v.recordPeak()
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(at); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		if err := say.Encode(v.answer(q)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (v *victim) start(s setting) (at place, err error) {
	logger := slog.New(slog.NewTextHandler(&v.line, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config := socketio.Config{PingInterval: pingInterval, PingTimeout: pingTimeout, Compress: s.Compress,
		Logger: logger}
	if s.Cluster {
		if config.Cluster, err = v.join(s.Postgres, logger); err != nil {
			return at, err
		}
	}
	if v.io, err = socketio.NewServer(config); err != nil {
		return at, err
	}
	v.handle()
	if s.Cluster {
		v.nodes = append(v.nodes, v.io.Namespace.Namespace)
		if err := v.addNode(s.Postgres, logger); err != nil {
			return at, err
		}
		for _, ns := range v.nodes {
			at.UIDs = append(at.UIDs, ns.UID())
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return at, err
	}
	at.Addr = l.Addr().String()
	if s.HTTP {
		server := socketio.HTTPServer("", v.io)
		go func() { fmt.Fprintln(os.Stderr, "server:", server.Serve(l)) }()
	} else {
		go func() { fmt.Fprintln(os.Stderr, "server:", v.io.Serve(l)) }()
	}
	return at, nil
}

// handle registers the handlers that the attacks use.
func (v *victim) handle() {
	v.io.OfPattern(regexp.MustCompile(`^/dynamic-\d+$`))
	v.io.OnConnection(func(s *socketio.Socket) {
		s.On("echo", func(n int, ack func(int)) { ack(n) })
		s.On("wait", func(ctx context.Context, _ backplane.Value) { <-ctx.Done() })
		s.On("ask", func(ctx context.Context) { _, _ = s.EmitWithAck(ctx, "question") }) // the client disconnects
		s.On("join", func(room string) { s.Join(room) })
		// to all clients that are connected
		s.On("broadcast", func(ctx context.Context, n int) { _ = v.io.Emit(ctx, "news", string(make([]byte, n))) })
		s.On("data", func(backplane.Value) {})
	})
}

// join opens a node on PostgreSQL.
func (v *victim) join(database string, logger *slog.Logger) (*backplane.Cluster, error) {
	pool, err := pgxpool.New(context.Background(), database)
	if err != nil {
		return nil, err
	}
	return backplane.Open(context.Background(), backplane.Config{Bus: pgxdriver.New(pool), Logger: logger})
}

// addNode opens the other node with its clients and waits until the nodes know each other.
func (v *victim) addNode(database string, logger *slog.Logger) error {
	cluster, err := v.join(database, logger)
	if err != nil {
		return err
	}
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	for i := range otherSockets {
		registry.Add(&remote{fmt.Sprint("remote-", i)})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ns, err := cluster.Namespace(ctx, "/", registry)
	if err != nil {
		return err
	}
	v.nodes = append(v.nodes, ns)
	for _, ns := range v.nodes {
		if err := ns.WaitForPeers(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// recordPeak records the maximum of the heap.
func (v *victim) recordPeak() {
	for range time.Tick(5 * time.Millisecond) {
		heap := heap()
		for old := v.peak.Load(); heap > old && !v.peak.CompareAndSwap(old, heap); old = v.peak.Load() {
		}
	}
}

// heap returns the bytes of the objects on the heap, including garbage.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func (v *victim) answer(q question) (s state) {
	switch q.Do {
	case "settle":
		debug.FreeOSMemory()
	case "fetch":
		start := time.Now()
		sockets, err := v.nodes[0].FetchSockets(context.Background())
		s.Took, s.Sockets, s.Partial = time.Since(start), len(sockets), err != nil
		if err != nil {
			s.Err = fmt.Sprintf("%.400s", err)
		}
	}
	s.Heap, s.Peak = float64(heap()), float64(v.peak.Load())
	s.CPU, s.Goroutines = process.CPUSeconds(), runtime.NumGoroutine()
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.Files = len(entries)
	}
	if len(v.nodes) > 0 {
		s.Peers = len(v.nodes[0].Peers())
	}
	s.Line = int(v.line.Load())
	return s
}

// longest is a log that keeps only the length of its longest line.
type longest struct{ atomic.Int64 }

func (l *longest) Write(p []byte) (int, error) {
	for old := l.Load(); int64(len(p)) > old && !l.CompareAndSwap(old, int64(len(p))); old = l.Load() {
	}
	return len(p), nil
}

// remote is a client of the other node.
type remote struct{ id string }

func (r *remote) ID() string { return r.id }

func (r *remote) Send(*backplane.Packet) {}

func (r *remote) Disconnect(bool) {}
