package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The adapters that a Peer can run.
const (
	Adapter05 = "0.5"     // @socket.io/postgres-adapter 0.5
	Adapter04 = "0.4"     // the same, 0.4
	Adapter03 = "0.3"     // the same, 0.3
	Cluster   = "cluster" // workers with @socket.io/cluster-adapter behind setupPrimary of 0.5
	Emitter   = "emitter" // @socket.io/postgres-emitter: sends only
)

// Config says what to start.
type Config struct {
	Adapter     string
	DatabaseURL string
	// PoolSize bounds the connections of the peer. Default: 5.
	PoolSize int
	// Workers is how many workers a Cluster has at first. Default: 2.
	Workers int
	Options Options
}

// Options are the adapter's own; zero leaves the adapter's default.
type Options struct {
	ChannelPrefix     string
	TableName         string
	PayloadThreshold  int
	HeartbeatInterval time.Duration
	HeartbeatTimeout  time.Duration
	CleanupInterval   time.Duration
}

func (c Config) json() ([]byte, error) {
	type options struct {
		ChannelPrefix     string `json:"channelPrefix,omitempty"`
		TableName         string `json:"tableName,omitempty"`
		PayloadThreshold  int    `json:"payloadThreshold,omitempty"`
		HeartbeatInterval int64  `json:"heartbeatInterval,omitempty"`
		HeartbeatTimeout  int64  `json:"heartbeatTimeout,omitempty"`
		CleanupInterval   int64  `json:"cleanupInterval,omitempty"`
	}
	o := c.Options
	return json.Marshal(struct {
		Adapter     string  `json:"adapter"`
		DatabaseURL string  `json:"databaseURL"`
		PoolSize    int     `json:"poolSize,omitempty"`
		Workers     int     `json:"workers,omitempty"`
		Options     options `json:"adapterOptions"`
	}{c.Adapter, c.DatabaseURL, c.PoolSize, c.Workers, options{
		o.ChannelPrefix, o.TableName, o.PayloadThreshold,
		o.HeartbeatInterval.Milliseconds(), o.HeartbeatTimeout.Milliseconds(), o.CleanupInterval.Milliseconds(),
	}})
}

// Peer is one Node.js process. It is a Node itself; in a Cluster that is its first worker.
type Peer struct {
	*Node
	// Errors are those that reached the adapter's errorHandler, the pool or nobody at all.
	Errors Inbox[Event]
	// Exits are the numbers of workers that ended.
	Exits Inbox[int]

	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr lockedBuffer
	ready  chan struct{} // closed by the ready event
	exited chan struct{} // closed once the process ended and all its lines were handled

	writing sync.Mutex // guards stdin

	mu      sync.Mutex // guards the rest
	lastID  int
	replies map[int]chan reply
	clients map[string]*Client
	emitted map[string]*Inbox[Event] // server-side events, by worker and namespace
}

// Start starts a peer and returns once it listens on its namespace "/". It skips the test where Node.js or its packages
// (environment variable BACKPLANE_TEST_NODE_MODULES) are missing. The peer ends with the test.
func Start(t testing.TB, c Config) *Peer {
	t.Helper()
	modules := os.Getenv("BACKPLANE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("BACKPLANE_TEST_NODE_MODULES, the path of a node_modules folder, is not set")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: ", err)
	}
	config, err := c.json()
	if err != nil {
		t.Fatal(err)
	}
	_, self, _, _ := runtime.Caller(0)
	p := &Peer{
		cmd:     exec.Command(node, filepath.Join(filepath.Dir(self), "node", "peer.js"), string(config)),
		ready:   make(chan struct{}),
		exited:  make(chan struct{}),
		replies: make(map[int]chan reply),
		clients: make(map[string]*Client),
		emitted: make(map[string]*Inbox[Event]),
	}
	p.Node = &Node{peer: p}
	p.cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	p.cmd.Stderr = &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal("start Node.js: ", err)
	}
	go p.read(stdout)
	t.Cleanup(func() { p.finish(t, c.Adapter) })

	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	select {
	case <-p.ready:
	case <-p.exited:
		t.Fatalf("the peer %s ended at once: %s", c.Adapter, p.stderr.String())
	case <-patience.C:
		t.Fatalf("the peer %s is not ready after 30 s: %s", c.Adapter, p.stderr.String())
	}
	return p
}

// finish ends the process, if it has not ended yet, and shows what it complained about if the test failed.
func (p *Peer) finish(t testing.TB, adapter string) {
	_ = p.stdin.Close() // the peer then ends
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		t.Errorf("the peer %s does not end when its stdin does", adapter)
		p.Kill()
	}
	if !t.Failed() {
		return
	}
	if text := p.stderr.String(); text != "" {
		t.Logf("stderr of the peer %s:\n%s", adapter, text)
	}
	for _, e := range p.Errors.Take() {
		t.Logf("error of the peer %s in %s: %s %s", adapter, e.Where, e.Code, e.Message)
	}
}

// Stop closes the server and the pool in good order and waits for the process to end.
func (p *Peer) Stop(ctx context.Context) error {
	if err := p.call(ctx, "close", nil, nil); err != nil {
		return err
	}
	_ = p.stdin.Close()
	return p.Exited(ctx)
}

// Exited waits for the process to end.
func (p *Peer) Exited(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Kill ends the process with SIGKILL: it says goodbye to nobody.
func (p *Peer) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Exit makes the process exit by itself, without closing anything.
func (p *Peer) Exit(ctx context.Context) error {
	if err := p.send(0, "exit", 0, nil); err != nil {
		return err
	}
	return p.Exited(ctx)
}

// Worker returns a worker of a Cluster; they are numbered from 1.
func (p *Peer) Worker(number int) *Node { return &Node{peer: p, worker: number} }

// Fork starts one more worker and waits until it is ready.
func (p *Peer) Fork(ctx context.Context, number int) error {
	return p.call(ctx, "fork", map[string]int{"worker": number}, nil)
}

// KillWorker ends a worker with SIGKILL. Exits tells when it has ended.
func (p *Peer) KillWorker(ctx context.Context, number int) error {
	return p.call(ctx, "killWorker", map[string]int{"worker": number}, nil)
}

// lockedBuffer is a bytes.Buffer that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
