// Package demo is the demo of the backplane command: Socket.IO servers in one process and one cluster, each with a page that
// shows what a cluster does.
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

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/serve"
	"github.com/backplane-go/backplane/socketio"
)

// Command is the demo.
var Command = cli.Command{
	Name:    "demo",
	Summary: "run a cluster of Socket.IO servers, and chat on it",
	Help: `
Starts several Socket.IO servers in one cluster, on ports one after the other,
and prints a link to each. Behind it is a chat: rooms, who is typing, who is on
which node, a question to everybody, pictures; and a strip that shows what goes
from node to node. The page needs nothing else, not even the internet.

While it runs, type the name of a node, such as 3001, and Enter: the node stops,
and the pages show it. Once more, and it is back.

With --postgres the cluster goes over that database. Whatever else uses the same
database and prefix is in it too, such as the Node.js server in examples/mixed.`,
	Examples: `
backplane demo
backplane demo --addr 127.0.0.1:4000 --nodes 2
backplane demo --postgres "$DATABASE_URL"`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		d := &demo{}
		fs.StringVar(&d.addr, "addr", serve.DefaultAddr, "`HOST:PORT` of the first node; the others have the next ports")
		fs.IntVar(&d.count, "nodes", 3, "`N` nodes, from 1 to "+fmt.Sprint(maxNodes))
		d.flags = connect.BindNode(fs)
		return d.run
	},
}

const (
	// maxNodes keeps the nodes' connections, two for each, below what a PostgreSQL server allows by default.
	maxNodes = 20
	// patience bounds the start, so that a cluster that does not come together is a failure and no wait.
	patience = 10 * time.Second
	// goodbye bounds how long the end may take.
	goodbye = 3 * time.Second
)

type demo struct {
	addr  string
	count int
	flags *connect.Flags

	t       *cli.Terminal
	logger  *slog.Logger
	backend *connect.Backend
	places  []*place
}

// place is where a node is, or was.
type place struct {
	addr string
	name string
	node *serve.Node // nil: stopped
}

func (d *demo) run(ctx context.Context, t *cli.Terminal, _ []string) (err error) {
	if d.count < 1 || d.count > maxNodes {
		return &cli.UsageError{Reason: fmt.Sprintf("--nodes is from 1 to %d, not %d", maxNodes, d.count)}
	}
	addrs, err := serve.Addrs(d.addr, d.count)
	if err != nil {
		return err
	}
	if d.backend, err = d.flags.Open(); err != nil {
		return err
	}
	defer d.backend.Close()
	d.t, d.logger = t, slog.New(slog.NewTextHandler(t.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	defer d.stopAll(ctx)
	if err := d.startAll(ctx, addrs); err != nil {
		return d.backend.Explain(err)
	}
	d.welcome()
	return d.obey(ctx)
}

// startAll starts the nodes, and waits until they know each other.
func (d *demo) startAll(ctx context.Context, addrs []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, addr := range addrs {
		p := &place{addr: addr}
		if err := d.start(ctx, p); err != nil {
			return err
		}
		d.places = append(d.places, p)
	}
	for _, p := range d.places {
		if err := p.node.WaitForPeers(ctx, d.count-1); err != nil {
			return fmt.Errorf("node %s does not know its %d peers: %w", p.name, d.count-1, err)
		}
	}
	return nil
}

// start starts the node of a place.
func (d *demo) start(ctx context.Context, p *place) error {
	listener, err := serve.Listen(ctx, p.addr)
	if err != nil {
		return err
	}
	addr := listener.Addr().String()
	node, err := serve.Start(ctx, listener, serve.Options{Bus: d.backend.Bus(), BusName: d.backend.Short, Prefix: d.flags.Prefix,
		Server: socketio.Config{Path: serve.DefaultPath}, Logger: d.logger})
	if err != nil {
		return err
	}
	p.addr, p.name, p.node = addr, node.Name, node
	return nil
}

func (d *demo) welcome() {
	out, first := d.t.Out, d.places[0].node
	fmt.Fprintf(out, "%s: %s, over %s\n\n", d.t.Paint(cli.Bold, "backplane demo"), servers(d.count), d.backend.Name)
	for _, p := range d.places {
		fmt.Fprintf(out, "  node %s  %s\n", p.name, d.t.Paint(cli.Cyan, p.node.URL))
	}
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(fmt.Sprintf(tryThis, first.Name, d.places[len(d.places)-1].name, strings.TrimSuffix(first.URL, "/"))))
}

func servers(n int) string {
	if n == 1 {
		return "one Socket.IO server"
	}
	return fmt.Sprintf("%d Socket.IO servers in one cluster", n)
}

const tryThis = `
Open two of them side by side, and try this:
  - say something on %[1]s: it reaches the clients of all nodes
  - make a room, ask everybody a question, drop a picture on the chat
  - type %[2]s and Enter here: that node stops; once more, and it is back
  - connect any Socket.IO client, and emit "chat message" with {"text":"hello"}:
      io("%[3]s").emit("chat message", { text: "hello" })

Ctrl-C ends it.`

// obey does what is typed, until the demo is interrupted or a node fails.
func (d *demo) obey(ctx context.Context) error {
	lines := make(chan string)
	go read(ctx, d.t.In, lines) // ends with the process at the latest: nothing else ends a read from a terminal
	failed := make(chan error, 1)
	for _, p := range d.places {
		go watch(ctx, p.node, failed)
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

func read(ctx context.Context, in io.Reader, lines chan<- string) {
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return
		}
	}
}

func watch(ctx context.Context, node *serve.Node, failed chan<- error) {
	select {
	case err := <-node.Failed():
		select {
		case failed <- fmt.Errorf("node %s: %w", node.Name, err):
		default: // one is enough
		}
	case <-ctx.Done():
	}
}

// toggle stops a node, or starts it again.
func (d *demo) toggle(ctx context.Context, name string, failed chan<- error) {
	var names []string
	for _, p := range d.places {
		names = append(names, p.name)
		if p.name != name {
			continue
		}
		if p.node != nil {
			d.stop(ctx, p)
			d.t.Note("node %s has stopped", name)
			return
		}
		starting, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := d.start(starting, p); err != nil {
			d.t.Note("node %s: %v", name, d.backend.Explain(err))
			return
		}
		go watch(ctx, p.node, failed)
		d.t.Note("node %s is back", name)
		return
	}
	d.t.Note("there is no node %q: type %s", name, strings.Join(names, " or "))
}

// stop stops the node of a place.
func (d *demo) stop(ctx context.Context, p *place) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	err := p.node.Stop(ctx)
	p.node = nil
	if err != nil && !errors.Is(err, context.DeadlineExceeded) { // who did not go in time was told to, and is gone
		d.logger.Warn("stopping a node", "node", p.name, "error", err)
	}
}

func (d *demo) stopAll(ctx context.Context) {
	var group sync.WaitGroup
	for _, p := range d.places {
		if p.node != nil {
			group.Go(func() { d.stop(ctx, p) })
		}
	}
	group.Wait()
}
