// Package serve runs Socket.IO servers with the chat of package chat: one, as a trial of what goes into production, and the
// nodes of the demo.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/socketio"
)

// Command serves one node.
var Command = cli.Command{
	Name:    "serve",
	Summary: "run one Socket.IO server with the demo's chat",
	Help: `
Runs one node of a cluster for as long as it is not interrupted: a Socket.IO
server, and the page of the demo in front of it. It is for trials with your own
clients, proxies and databases. With --postgres it joins whatever uses the same
database and prefix: other nodes, on this machine or others, Go or Node.js.

Pages of the server's own host may connect; name others with --origin. Anybody
who reaches the address may chat: do not leave it open to the world.

Ctrl-C or SIGTERM ends it, with status 0: no client is let in any more, those
there are get what is queued for them and are disconnected, and the other nodes
are told. It takes at most 3 s; a second signal ends it at once.`,
	Examples: `
backplane serve
backplane serve --addr :8080 --postgres "$DATABASE_URL"
backplane serve --origin https://app.example.com --sticky node --compress`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := &serve{}
		fs.StringVar(&s.addr, "addr", DefaultAddr, "listen on `HOST:PORT`; without HOST on all addresses")
		fs.StringVar(&s.name, "name", "", "`NAME` of the node in the page's strip (default: the port)")
		fs.StringVar(&s.url, "url", "", "`URL` where browsers find this node, for links from other nodes' pages")
		fs.StringVar(&s.server.Path, "path", DefaultPath, "`PATH` of Socket.IO's requests")
		fs.StringArrayVar(&s.server.Origins, "origin", nil, "pages of this `ORIGIN` may connect too, * for any; repeat it for more")
		fs.StringArrayVar(&s.server.TrustedProxies, "trusted-proxy", nil, "believe the X-Forwarded-* and Forwarded headers of this `ADDRESS`, CIDR or \"unix\"; repeat it for more")
		fs.StringVar(&s.sticky, "sticky", "", "give clients a cookie `NAME`, for a load balancer that keeps them on their node")
		fs.BoolVar(&s.server.Compress, "compress", false, "compress WebSocket messages from 1024 bytes on")
		fs.DurationVar(&s.recover, "recover", 0, "a client that was away for no longer than `TIME` gets what it has missed")
		fs.DurationVar(&s.server.PingInterval, "ping-interval", 25*time.Second, "ask clients for a sign of life every `TIME`")
		fs.DurationVar(&s.server.PingTimeout, "ping-timeout", 20*time.Second, "give them up after `TIME` without one")
		fs.IntVar(&s.server.MaxPayload, "max-payload", 1_000_000, "refuse larger messages of clients, in `BYTES`")
		fs.IntVar(&s.server.MaxConnections, "max-clients", 0, "refuse more than `N` clients (default: no limit)")
		fs.BoolVar(&s.verbose, "verbose", false, "log what clients and the cluster do, not only what goes wrong")
		s.flags = connect.BindNode(fs)
		return s.run
	},
}

// Defaults of the flags.
const (
	DefaultAddr = "127.0.0.1:3000"
	DefaultPath = "/socket.io/"
)

const (
	// patience bounds the start.
	patience = 10 * time.Second
	// goodbye bounds how long the end may take.
	goodbye = 3 * time.Second
)

type serve struct {
	addr, name, url string
	sticky          string
	recover         time.Duration
	verbose         bool
	server          socketio.Config
	flags           *connect.Flags
}

func (s *serve) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if err := s.check(); err != nil {
		return err
	}
	backend, err := s.flags.Open()
	if err != nil {
		return err
	}
	defer backend.Close()
	listener, err := Listen(ctx, s.addr)
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if s.verbose {
		level = slog.LevelDebug
	}
	starting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	node, err := Start(starting, listener, Options{Bus: backend.Bus(), BusName: backend.Short, Prefix: s.flags.Prefix, Name: s.name, URL: s.url,
		Server: s.server, Logger: slog.New(slog.NewTextHandler(t.Err, &slog.HandlerOptions{Level: level}))})
	if err != nil {
		return backend.Explain(err)
	}
	fmt.Fprintf(t.Out, "%s: node %s, over %s\n\n  %s\n\nCtrl-C ends it.\n", t.Paint(cli.Bold, "backplane serve"),
		node.Name, backend.Name, t.Paint(cli.Cyan, node.URL))
	select {
	case <-ctx.Done():
	case err = <-node.Failed():
	}
	fmt.Fprintln(t.Out)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if stopping := node.Stop(ending); err == nil && !errors.Is(stopping, context.DeadlineExceeded) {
		err = stopping // clients that did not go in time were told to, and are gone
	}
	return err
}

// check completes what the flags say.
func (s *serve) check() error {
	path := "/" + strings.Trim(s.server.Path, "/") + "/"
	if path == "//" || strings.ContainsAny(path, "{}?# ") {
		return &cli.UsageError{Reason: "--path is a path such as " + DefaultPath + ", and the page is at /"}
	}
	s.server.Path = path
	for flag, config := range map[string]socketio.Config{
		"--origin": {Origins: s.server.Origins}, "--trusted-proxy": {TrustedProxies: s.server.TrustedProxies},
	} {
		io, err := socketio.NewServer(config) // it checks them
		if err != nil {
			_, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "socketio: "), ": ") // without the field of Config
			return &cli.UsageError{Reason: flag + ": " + what}
		}
		_ = io.Close(context.Background()) // it has served nobody
	}
	if s.server.MaxPayload <= 0 || s.server.PingInterval <= 0 || s.server.PingTimeout <= 0 || s.server.MaxConnections < 0 || s.recover < 0 {
		return &cli.UsageError{Reason: "times and limits must not be negative, nor 0 but for --max-clients and --recover"}
	}
	if s.sticky != "" {
		s.server.Cookie = &http.Cookie{Name: s.sticky, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	}
	if s.recover > 0 {
		s.server.Recovery = &socketio.Recovery{MaxDisconnection: s.recover}
	}
	return CheckAddr(s.addr)
}
