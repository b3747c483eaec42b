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

// The adapters and emitter that a Peer can use.
const (
	Adapter05 = "0.5"     // @socket.io/postgres-adapter 0.5
	Adapter04 = "0.4"     // @socket.io/postgres-adapter 0.4
	Adapter03 = "0.3"     // @socket.io/postgres-adapter 0.3
	Cluster   = "cluster" // workers with @socket.io/cluster-adapter, and a primary with setupPrimary of adapter 0.5
	Emitter   = "emitter" // @socket.io/postgres-emitter: sends only
	Legacy    = "legacy"  // socket.io-adapter-postgres 1.2.1 with Socket.IO 2

	Redis8       = "redis-8"       // @socket.io/redis-adapter 8
	Redis7       = "redis-7"       // @socket.io/redis-adapter 7
	RedisEmitter = "redis-emitter" // @socket.io/redis-emitter 5: sends only

	RedisStreams = "redis-streams-0.3" // @socket.io/redis-streams-adapter 0.3
)

// Config describes a peer.
type Config struct {
	Adapter     string
	DatabaseURL string
	// PoolSize limits the connections of the peer. Default: 5.
	PoolSize int
	// Workers is the number of workers that a Cluster starts with. Default: 2.
	Workers int
	// Options are for the adapters on PostgreSQL except Legacy.
	Options Options
	// Legacy are the options of a Legacy peer.
	Legacy LegacyOptions
	// Redis are the options of a peer on Redis.
	Redis RedisOptions
	// Recovery is maxDisconnectionDuration of connectionStateRecovery. 0: there is no recovery.
	Recovery time.Duration
}

// Options are the options of the adapter. Zero means the adapter's default.
type Options struct {
	ChannelPrefix     string
	TableName         string
	PayloadThreshold  int
	HeartbeatInterval time.Duration
	HeartbeatTimeout  time.Duration
	CleanupInterval   time.Duration
}

// arg is the argument of peer.js.
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
		Legacy      any     `json:"legacy"`
		Redis       any     `json:"redis"`
		Recovery    int64   `json:"recovery,omitempty"`
	}{c.Adapter, c.DatabaseURL, c.PoolSize, c.Workers, options{
		o.ChannelPrefix, o.TableName, o.PayloadThreshold,
		o.HeartbeatInterval.Milliseconds(), o.HeartbeatTimeout.Milliseconds(), o.CleanupInterval.Milliseconds(),
	}, c.Legacy.arg(), c.Redis.arg(), c.Recovery.Milliseconds()}
}

// Peer is a Node.js process. It is also a Node: itself or, in a Cluster, the first worker.
type Peer struct {
	*Node
	// Errors are the errors of the adapter's errorHandler, of the pool, and unhandled ones.
	Errors Inbox[Event]
	// Exits are the numbers of the workers that have ended.
	Exits Inbox[int]

	process *nodejs.Process

	mu      sync.Mutex // guards the fields below
	clients map[string]*Client
	emitted map[string]*Inbox[Event] // server-side events, by worker and namespace
}

// Start starts a peer and waits until it listens on its namespace "/". It skips the test if Node.js or the packages are
// missing. The peer ends with the test.
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
		Name: "the peer " + c.Adapter, Script: filepath.Join(filepath.Dir(self), "node", "peer.js"), Arg: c.arg(),
		Event: p.event,
	})
	return p
}

// Stop closes the server and the pool and waits until the process has ended.
func (p *Peer) Stop(ctx context.Context) error {
	if err := p.call(ctx, "close", nil, nil); err != nil {
		return err
	}
	p.process.CloseInput()
	return p.Exited(ctx)
}

// URL returns the address of its Socket.IO server, for official clients.
func (p *Peer) URL(ctx context.Context) (url string, err error) {
	err = p.call(ctx, "url", nil, &url)
	return url, err
}

// Exited waits until the process has ended.
func (p *Peer) Exited(ctx context.Context) error { return p.process.Exited(ctx) }

// Kill ends the process with SIGKILL: it sends no leave message.
func (p *Peer) Kill() { p.process.Kill() }

// Suspend makes the process hang until Resume is called.
func (p *Peer) Suspend() error { return p.process.Suspend() }

// Resume lets a suspended process go on.
func (p *Peer) Resume() error { return p.process.Resume() }

// Exit makes the process call process.exit without closing anything.
func (p *Peer) Exit(ctx context.Context) error {
	if err := p.process.Tell(nodejs.Command{Name: "exit"}); err != nil {
		return err
	}
	return p.Exited(ctx)
}

// Worker returns a worker of a Cluster, numbered from 1.
func (p *Peer) Worker(number int) *Node { return &Node{peer: p, worker: number} }

// Fork starts another worker and waits until it is ready.
func (p *Peer) Fork(ctx context.Context, number int) error {
	return p.call(ctx, "fork", map[string]int{"worker": number}, nil)
}

// KillWorker ends a worker with SIGKILL. Exits gets its number when it has ended.
func (p *Peer) KillWorker(ctx context.Context, number int) error {
	return p.call(ctx, "killWorker", map[string]int{"worker": number}, nil)
}

// call runs a command in the primary or the only process and waits for its reply.
func (p *Peer) call(ctx context.Context, cmd string, in, out any) error {
	return p.process.Call(ctx, nodejs.Command{Name: cmd, In: in}, out)
}
