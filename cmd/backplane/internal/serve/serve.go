// Package serve runs Socket.IO servers with the chat of package chat. It implements the serve command, and starts
// the nodes of the demo command.
//
// # Files
//
//   - serve.go: the serve command
//   - node.go: starts and stops a node
//   - log.go: the flags that say what is logged, and how
//   - metrics.go: the metrics of a node
//   - addr.go: the addresses that nodes listen on
//   - taken_unix.go, taken_other.go: recognize the error of a port that is in use
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/socketio"
)

// Command is the serve command.
var Command = cli.Command{
	Name:    "serve",
	Summary: "run one Socket.IO server with the demo's chat",
	Help: `
Runs one node of a cluster until it is interrupted: a Socket.IO server with the
chat of the demo and its page. Use it to try your own clients, proxies and
databases. With --postgres, --redis or --nats it joins all nodes that use the
same server and prefix, on this machine or others, Go or Node.js.

With --dialect legacy it joins servers of Socket.IO 2. They have no messages for
what the servers of the chat tell each other, so the page shows only the clients
of this node, and only they are asked questions. With --dialect classic it joins
servers with @socket.io/redis-adapter. Those do not say which server a client is
connected to. With --dialect sharded it joins those with createShardedAdapter,
and with --dialect streams those with @socket.io/redis-streams-adapter.

With --log the server keeps the messages, so that no node misses any,
and with --recover a client that reconnects to any node gets all that it has
missed, also if its node has crashed. All nodes of the cluster need --log. In
the streams dialect Node.js's servers have the same log, and recover the same
clients, but not those of a node that has crashed.

With --metrics it serves metrics for Prometheus. Choose an address that clients
cannot reach.

Pages from the server's own host may connect. Allow others with --origin. Anyone
who can reach the address can chat: do not expose it to the internet.

GET /healthz is answered with status 200 while the process lives. GET /readyz is
answered with 200 if the node should get clients, and otherwise with 503 and the
reasons, one per line: it does not hear the cluster, cannot keep up with it,
reads what it has missed from the log, or is being stopped.

The log is written to the standard error. Its messages are constant, and are
listed in docs/reference/logs.md.

Ctrl-C and SIGTERM stop it with exit status 0: it accepts no more clients, sends
the messages in its queues, disconnects the clients and leaves the cluster. That
takes up to 3 s, plus the time of --drain, over which the clients are spread
when they move to other nodes. A second signal stops it at once.`,
	Examples: `
backplane serve
backplane serve --addr :8080 --postgres "$DATABASE_URL"
backplane serve --log --recover 2m --postgres "$DATABASE_URL"
backplane serve --metrics 127.0.0.1:9464
backplane serve --redis redis://localhost:6379 --dialect classic
backplane serve --redis redis://localhost:6379 --dialect streams --log
backplane serve --nats nats://localhost:4222
backplane serve --drain 20s --log-format json --log-level info
backplane serve --dialect legacy --allow-eio3 --postgres "$DATABASE_URL"
backplane serve --origin https://app.example.com --sticky node --compress`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := &serve{}
		fs.StringVar(&s.addr, "addr", DefaultAddr, "listen on `HOST:PORT`; without HOST, on all addresses")
		fs.StringVar(&s.name, "name", "", "`NAME` of the node on the page (default: the port)")
		fs.StringVar(&s.url, "url", "", "`URL` of this node's page, for the links in the pages of other nodes")
		fs.StringVar(&s.server.Path, "path", DefaultPath, "`PATH` of Socket.IO requests")
		fs.StringArrayVar(&s.server.Origins, "origin", nil,
			"also accept pages of this `ORIGIN`, or * for all; repeat the flag for more")
		fs.StringArrayVar(&s.server.TrustedProxies, "trusted-proxy", nil,
			"trust the X-Forwarded-* and Forwarded headers of this `ADDRESS`: "+
				"an IP address, a CIDR range or \"unix\"; repeat the flag for more")
		fs.StringVar(&s.metrics, "metrics", "",
			"serve metrics for Prometheus at http://`HOST:PORT`/metrics, apart from the clients")
		fs.StringVar(&s.sticky, "sticky", "",
			"set a cookie `NAME`, with which a load balancer can keep a client on its node")
		fs.BoolVar(&s.server.Compress, "compress", false, "compress WebSocket messages of 1024 bytes and more")
		fs.BoolVar(&s.server.AllowEIO3, "allow-eio3", false, "also accept clients of version 2 of socket.io-client")
		fs.DurationVar(&s.recover, "recover", 0,
			"send a client the messages that it has missed, if it reconnects within `TIME`, "+
				"with --log on any node; 0s: never")
		fs.DurationVar(&s.server.PingInterval, "ping-interval", 25*time.Second, "send each client a ping every `TIME`")
		fs.DurationVar(&s.server.PingTimeout, "ping-timeout", 20*time.Second,
			"disconnect a client that does not answer a ping within `TIME`")
		fs.IntVar(&s.server.MaxPayload, "max-payload", 1_000_000, "largest message that a client may send, in `BYTES`")
		fs.IntVar(&s.server.MaxConnections, "max-clients", 0, "accept at most `N` clients (default: no limit)")
		fs.DurationVar(&s.server.DrainTime, "drain", 0,
			"when it is stopped, disconnect the clients spread evenly over `TIME`, so that they move to other nodes; "+
				"0s: all at once")
		s.log.bind(fs)
		s.flags = connect.BindServer(fs)
		return s.run
	},
}

// Defaults of the flags.
const (
	DefaultAddr = "127.0.0.1:3000"
	DefaultPath = "/socket.io/"
)

const (
	// startTimeout limits how long the start of a node may take.
	startTimeout = 10 * time.Second
	// stopTimeout limits how long it may take to stop a node.
	stopTimeout = 3 * time.Second
)

type serve struct {
	addr, name, url string
	sticky, metrics string
	recover         time.Duration
	log             logFlags
	server          socketio.Config
	flags           *connect.Flags
}

func (s *serve) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if err := s.check(); err != nil {
		return err
	}
	server, err := s.flags.Open()
	if err != nil {
		return err
	}
	defer server.Close()
	if err := s.flags.CheckRecover(s.recover); err != nil {
		return err
	}
	kept, err := s.flags.Log(server, s.recover)
	if err != nil {
		return err
	}
	listener, err := Listen(ctx, s.addr)
	if err != nil {
		return err
	}
	metrics, err := s.listenForMetrics(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	node, err := Start(starting, listener, Options{
		Bus: server.Driver(), BusName: server.Engine(), Prefix: s.flags.Prefix, Dialect: s.flags.Dialect(),
		Apart: s.flags.Legacy(), Unnamed: s.flags.Counts(), Log: kept, Recover: s.recover, Name: s.name, URL: s.url,
		Server: s.server, Metrics: metrics,
		Logger: s.log.logger(t.Err),
	})
	if err != nil {
		return server.Explain(err)
	}
	if s.flags.Legacy() && !s.server.AllowEIO3 {
		t.Note("backplane serve: warning: clients of Socket.IO 2 cannot connect: accept them with --allow-eio3")
	}
	links := t.Paint(cli.Cyan, node.URL)
	if metrics != nil {
		links += "\n  " + t.Paint(cli.Cyan, "http://"+metrics.Addr().String()+"/metrics")
	}
	fmt.Fprintf(t.Out, "%s: node %s, over %s\n\n  %s\n\nCtrl-C stops the server.\n",
		t.Paint(cli.Bold, "backplane serve"), node.Name, server.Name(), links)
	select {
	case <-ctx.Done():
	case err = <-node.Failed():
	}
	fmt.Fprintln(t.Out)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.server.DrainTime+stopTimeout)
	defer cancel()
	if s.server.DrainTime > 0 && err == nil {
		drain(ending, node)
	}
	if stopping := node.Stop(ending); err == nil && !errors.Is(stopping, context.DeadlineExceeded) {
		err = stopping // a deadline is no failure: the remaining clients were disconnected
	}
	return err
}

// drain lets the clients move to other nodes, and leaves time for Stop.
func drain(ctx context.Context, node *Node) {
	end, _ := ctx.Deadline()
	draining, cancel := context.WithDeadline(ctx, end.Add(-leaveTime))
	defer cancel()
	_ = node.Drain(draining) // Stop returns the error, if it matters
}

// listenForMetrics returns the listener of --metrics, nil without it.
func (s *serve) listenForMetrics(ctx context.Context) (net.Listener, error) {
	if s.metrics == "" {
		return nil, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.metrics)
	if isTaken(err) {
		return nil, fmt.Errorf("%s is in use: choose another address with --metrics", s.metrics)
	}
	return listener, err
}

// check validates the flags and completes the configuration.
func (s *serve) check() error {
	if err := s.log.check(); err != nil {
		return err
	}
	path := "/" + strings.Trim(s.server.Path, "/") + "/"
	if path == "//" || strings.ContainsAny(path, "{}?# ") {
		return &cli.UsageError{Reason: "--path must be a path such as " + DefaultPath + "; the page is at /"}
	}
	s.server.Path = path
	if _, _, err := net.SplitHostPort(s.metrics); s.metrics != "" && err != nil {
		return &cli.UsageError{Reason: "--metrics must be HOST:PORT, such as 127.0.0.1:9464, not " +
			strconv.Quote(s.metrics)}
	}
	for flag, config := range map[string]socketio.Config{
		"--origin": {Origins: s.server.Origins}, "--trusted-proxy": {TrustedProxies: s.server.TrustedProxies},
	} {
		io, err := socketio.NewServer(config) // validates the option
		if err != nil {
			// Without the name of the field of Config.
			_, reason, _ := strings.Cut(strings.TrimPrefix(err.Error(), "socketio: "), ": ")
			return &cli.UsageError{Reason: flag + ": " + reason}
		}
		_ = io.Close(context.Background()) // it has no clients
	}
	if s.server.MaxPayload <= 0 || s.server.PingInterval <= 0 || s.server.PingTimeout <= 0 {
		return &cli.UsageError{Reason: "--max-payload, --ping-interval and --ping-timeout must be more than 0"}
	}
	if s.server.MaxConnections < 0 || s.recover < 0 {
		return &cli.UsageError{Reason: "--max-clients and --recover must not be negative"}
	}
	if s.server.DrainTime < 0 {
		return &cli.UsageError{Reason: "--drain must not be negative"}
	}
	if s.sticky != "" {
		s.server.Cookie = &http.Cookie{Name: s.sticky, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	}
	return CheckAddr(s.addr)
}
