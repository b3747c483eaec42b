package interop

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
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

// arg is what peer.js is given.
func (c Config) arg() any {
	type options struct {
		ChannelPrefix     string `json:"channelPrefix,omitempty"`
		TableName         string `json:"tableName,omitempty"`
		PayloadThreshold  int    `json:"payloadThreshold,omitempty"`
		HeartbeatInterval int64  `json:"heartbeatInterval,omitempty"`
		HeartbeatTimeout  int64  `json:"heartbeatTimeout,omitempty"`
		CleanupInterval   int64  `json:"cleanupInterval,omitempty"`
	}
	o := c.Options
	return struct {
		Adapter     string  `json:"adapter"`
		DatabaseURL string  `json:"databaseURL"`
		PoolSize    int     `json:"poolSize,omitempty"`
		Workers     int     `json:"workers,omitempty"`
		Options     options `json:"adapterOptions"`
	}{c.Adapter, c.DatabaseURL, c.PoolSize, c.Workers, options{
		o.ChannelPrefix, o.TableName, o.PayloadThreshold,
		o.HeartbeatInterval.Milliseconds(), o.HeartbeatTimeout.Milliseconds(), o.CleanupInterval.Milliseconds(),
	}}
}

// Peer is one Node.js process. It is a Node itself; in a Cluster that is its first worker.
type Peer struct {
	*Node
	// Errors are those that reached the adapter's errorHandler, the pool or nobody at all.
	Errors Inbox[Event]
	// Exits are the numbers of workers that ended.
	Exits Inbox[int]

	process *nodejs.Process

	mu      sync.Mutex // guards the rest
	clients map[string]*Client
	emitted map[string]*Inbox[Event] // server-side events, by worker and namespace
}

// Start starts a peer and returns once it listens on its namespace "/". It skips the test where Node.js or its packages
// are missing. The peer ends with the test.
func Start(t testing.TB, c Config) *Peer {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	p := &Peer{clients: make(map[string]*Client), emitted: make(map[string]*Inbox[Event])}
	p.Node = &Node{peer: p}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, e := range p.Errors.Take() {
			t.Logf("error of the peer %s in %s: %s %s", c.Adapter, e.Where, e.Code, e.Message)
		}
	})
	p.process = nodejs.Start(t, nodejs.Config{
		Name: "the peer " + c.Adapter, Script: filepath.Join(filepath.Dir(self), "node", "peer.js"), Arg: c.arg(), Event: p.event,
	})
	return p
}

// Stop closes the server and the pool in good order and waits for the process to end.
func (p *Peer) Stop(ctx context.Context) error {
	if err := p.call(ctx, "close", nil, nil); err != nil {
		return err
	}
	p.process.CloseInput()
	return p.Exited(ctx)
}

// Exited waits for the process to end.
func (p *Peer) Exited(ctx context.Context) error { return p.process.Exited(ctx) }

// Kill ends the process with SIGKILL: it says goodbye to nobody.
func (p *Peer) Kill() { p.process.Kill() }

// Exit makes the process exit by itself, without closing anything.
func (p *Peer) Exit(ctx context.Context) error {
	if err := p.process.Tell(nodejs.Command{Name: "exit"}); err != nil {
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

// call runs a command in the primary or only process and waits for its reply.
func (p *Peer) call(ctx context.Context, cmd string, in, out any) error {
	return p.process.Call(ctx, nodejs.Command{Name: cmd, In: in}, out)
}
