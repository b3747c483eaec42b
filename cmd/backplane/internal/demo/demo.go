// Package demo implements the demo command. It runs several Socket.IO servers as one cluster in one process. Each
// server has a page that shows what the cluster does.
package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/serve"
	"github.com/backplane-go/backplane/socketio"
)

// Command is the demo command.
var Command = cli.Command{
	Name:    "demo",
	Summary: "run a cluster of Socket.IO servers with a chat",
	Help: `
Starts several Socket.IO servers as one cluster, on consecutive ports, and
prints a link to each. The page behind a link is a chat with rooms, pictures and
polls. It also shows who is connected to which node, and draws each message that
goes from node to node. It loads nothing from the internet.

While the demo runs, type the name of a node, such as 3001, and Enter to stop
that node. The pages show that it is gone. Type it again to start the node.

With --postgres, --redis or --nats the nodes are connected through that server.
All other nodes that use the same server and prefix belong to the cluster too,
for example the Node.js server in examples/mixed, which uses PostgreSQL.

With --nats embedded the demo runs a NATS server itself, on a port of 127.0.0.1
that it prints. Other commands can use it, such as backplane tail.`,
	Examples: `
backplane demo
backplane demo --addr 127.0.0.1:4000 --nodes 2
backplane demo --log --recover 2m
backplane demo --postgres "$DATABASE_URL"
backplane demo --redis redis://localhost:6379
backplane demo --nats embedded`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		d := &demo{}
		fs.StringVar(&d.addr, "addr", serve.DefaultAddr,
			"`HOST:PORT` of the first node; the other nodes use the next ports")
		fs.IntVar(&d.count, "nodes", 3, "run `N` nodes, from 1 to "+fmt.Sprint(maxNodes))
		fs.DurationVar(&d.recover, "recover", 0,
			"send a client the messages that it has missed, if it reconnects within `TIME`, "+
				"with --log to any node; 0s: never")
		d.flags = connect.BindNode(fs)
		return d.run
	},
}

const (
	// maxNodes keeps the number of database connections, two per node, below PostgreSQL's default limit of 100.
	maxNodes = 20
	// startTimeout limits how long the start may take, until all nodes have found each other.
	startTimeout = 10 * time.Second
	// stopTimeout limits how long it may take to stop a node.
	stopTimeout = 3 * time.Second
)

type demo struct {
	addr    string
	count   int
	recover time.Duration
	flags   *connect.Flags

	t      *cli.Terminal
	logger *slog.Logger
	server connect.Server
	log    *backplane.LogConfig // nil: there is none
	slots  []*slot
}

// slot has the address and the name of a node. They stay the same when the node is stopped and started again.
type slot struct {
	addr string
	name string
	node *serve.Node // nil: stopped
}

func (d *demo) run(ctx context.Context, t *cli.Terminal, _ []string) (err error) {
	if d.count < 1 || d.count > maxNodes {
		return &cli.UsageError{Reason: fmt.Sprintf("--nodes must be from 1 to %d, not %d", maxNodes, d.count)}
	}
	if d.recover < 0 {
		return &cli.UsageError{Reason: "--recover must not be negative"}
	}
	addrs, err := serve.Addrs(d.addr, d.count)
	if err != nil {
		return err
	}
	if d.server, err = d.flags.Open(); err != nil {
		return err
	}
	defer d.server.Close()
	if d.log, err = d.flags.Log(d.server, d.recover); err != nil {
		return err
	}
	d.t = t
	d.logger = slog.New(slog.NewTextHandler(t.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	defer d.stopAll(ctx)
	if err := d.startAll(ctx, addrs); err != nil {
		return d.server.Explain(err)
	}
	d.printLinks()
	return d.readNames(ctx)
}

// startAll starts the nodes, and waits until they know each other.
func (d *demo) startAll(ctx context.Context, addrs []string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, addr := range addrs {
		s := &slot{addr: addr}
		if err := d.start(ctx, s); err != nil {
			return err
		}
		d.slots = append(d.slots, s)
	}
	for _, s := range d.slots {
		if err := s.node.WaitForPeers(ctx, d.count-1); err != nil {
			return fmt.Errorf("node %s does not find its %d peers: %w", s.name, d.count-1, err)
		}
	}
	return nil
}

// start starts the node of a slot.
func (d *demo) start(ctx context.Context, s *slot) error {
	listener, err := serve.Listen(ctx, s.addr)
	if err != nil {
		return err
	}
	addr := listener.Addr().String()
	node, err := serve.Start(ctx, listener, serve.Options{
		Bus: d.server.Driver(), BusName: d.server.Engine(), Prefix: d.flags.Prefix, Log: d.log,
		Recover: d.recover, Server: socketio.Config{Path: serve.DefaultPath}, Logger: d.logger,
	})
	if err != nil {
		return err
	}
	s.addr, s.name, s.node = addr, node.Name, node
	return nil
}

func (d *demo) printLinks() {
	out, first, last := d.t.Out, d.slots[0].node, d.slots[len(d.slots)-1]
	fmt.Fprintf(out, "%s: %s, over %s\n\n", d.t.Paint(cli.Bold, "backplane demo"), servers(d.count), d.server.Name())
	for _, s := range d.slots {
		fmt.Fprintf(out, "  node %s  %s\n", s.name, d.t.Paint(cli.Cyan, s.node.URL))
	}
	hints := fmt.Sprintf(tryThis, first.Name, last.name, strings.TrimSuffix(first.URL, "/"))
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(hints))
}

func servers(n int) string {
	if n == 1 {
		return "one Socket.IO server"
	}
	return fmt.Sprintf("%d Socket.IO servers in one cluster", n)
}

const tryThis = `
Open two of them side by side and try this:
  - say something on %[1]s: it reaches the clients of all nodes
  - make a room, ask everybody a question, drop a picture on the chat
  - type %[2]s and Enter here to stop that node, and again to start it
  - connect any Socket.IO client and emit "chat message" with {"text":"hello"}:
      io("%[3]s").emit("chat message", { text: "hello" })

Ctrl-C stops the demo.`

// readNames stops or starts the node whose name is typed, until the demo is interrupted or a node fails.
func (d *demo) readNames(ctx context.Context) error {
	lines := make(chan string)
	go readLines(ctx, d.t.In, lines) // may outlive this function, because a read from a terminal cannot be interrupted
	failed := make(chan error, 1)
	for _, s := range d.slots {
		go reportFailure(ctx, s.node, failed)
	}
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(d.t.Out)
			return nil
		case err := <-failed:
			return err
		case line := <-lines:
			if name := strings.TrimSpace(line); name != "" {
				d.toggle(ctx, name, failed)
			}
		}
	}
}

func readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return
		}
	}
}

// reportFailure waits until the node fails or ctx ends.
func reportFailure(ctx context.Context, node *serve.Node, failed chan<- error) {
	select {
	case err := <-node.Failed():
		select {
		case failed <- fmt.Errorf("node %s: %w", node.Name, err):
		default: // the failure of another node is reported already
		}
	case <-ctx.Done():
	}
}

// toggle stops a node, or starts it again.
func (d *demo) toggle(ctx context.Context, name string, failed chan<- error) {
	var names []string
	for _, s := range d.slots {
		names = append(names, s.name)
		if s.name != name {
			continue
		}
		if s.node != nil {
			d.stop(ctx, s)
			d.t.Note("node %s has stopped", name)
			return
		}
		starting, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		if err := d.start(starting, s); err != nil {
			d.t.Note("node %s: %v", name, d.server.Explain(err))
			return
		}
		go reportFailure(ctx, s.node, failed)
		d.t.Note("node %s is back", name)
		return
	}
	d.t.Note("there is no node %q: type %s", name, strings.Join(names, " or "))
}

// stop stops the node of a slot.
func (d *demo) stop(ctx context.Context, s *slot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := s.node.Stop(ctx)
	s.node = nil
	// An expired deadline is not a failure: the remaining clients were disconnected.
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		d.logger.Warn("stopping a node", "node", s.name, "error", err)
	}
}

func (d *demo) stopAll(ctx context.Context) {
	var group sync.WaitGroup
	for _, s := range d.slots {
		if s.node != nil {
			group.Go(func() { d.stop(ctx, s) })
		}
	}
	group.Wait()
}
