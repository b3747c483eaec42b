// Package demo is the demo of the backplane command: a cluster in one process that does what clusters are for.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// Command is the demo.
var Command = cli.Command{
	Name:    "demo",
	Summary: "run a small cluster in this process and watch it work",
	Help: `
Starts several nodes with two clients each. They send an event to a room, ask
all clients for an acknowledgement, list the clients of all nodes, ask each
other's servers, and send a large binary event. Every line shows who got what on
which node, and how long after it was sent.

Over PostgreSQL the nodes use channels of their own (backplane-demo-*), so that
no other cluster on the database hears them. The large event leaves a row in the
table, which the next node that uses the table removes.`,
	Examples: `
backplane demo
backplane demo --nodes 5
backplane demo --postgres "$DATABASE_URL" --driver pq`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		nodes := fs.Int("nodes", 3, "`N` nodes, from 2 to "+fmt.Sprint(maxNodes))
		flags := connect.Bind(fs)
		return func(ctx context.Context, t *cli.Terminal, _ []string) error { return run(ctx, t, *nodes, flags) }
	},
}

const (
	// maxNodes keeps the nodes' connections, two for each, below what a PostgreSQL server allows by default.
	maxNodes = 20
	// patience bounds each step, so that a cluster that loses messages is a failure and no wait.
	patience = 10 * time.Second
)

func run(ctx context.Context, t *cli.Terminal, nodes int, flags *connect.Flags) error {
	if nodes < 2 || nodes > maxNodes {
		return &cli.UsageError{Reason: fmt.Sprintf("--nodes is from 2 to %d, not %d", maxNodes, nodes)}
	}
	backend, err := flags.Open()
	if err != nil {
		return err
	}
	defer backend.Close()

	s := &show{page: page{t, len(strconv.Itoa(nodes))}, inbox: make(chan delivery, 16*maxNodes)}
	defer s.stop(ctx)
	fmt.Fprintf(t.Out, "%s: %d nodes in one process, over %s\n\n", t.Paint(cli.Bold, "backplane demo"), nodes, backend.Name)
	if err := s.start(ctx, nodes, backend); err != nil {
		return backend.Explain(err)
	}
	for _, scene := range []func(context.Context) error{
		s.broadcast, s.acknowledgements, s.fetchSockets, s.serverSideRequest, s.largeBinary,
	} {
		ctx, cancel := context.WithTimeout(ctx, patience)
		err := scene(ctx)
		cancel()
		if err != nil {
			return backend.Explain(err)
		}
	}
	return s.totals()
}

// show is a run of the demo.
type show struct {
	page
	nodes []*node
	inbox chan delivery // what all clients get
	begun time.Time
}

// start starts the nodes, one after the other, and waits until they know each other.
func (s *show) start(ctx context.Context, nodes int, backend *connect.Backend) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.begun = time.Now()
	prefix := "backplane-demo-" + randomHex()
	for i := range nodes {
		n, err := startNode(ctx, i+1, prefix, backend.Bus(), s.inbox)
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, n)
	}
	for _, n := range s.nodes {
		if err := n.ns.WaitForPeers(ctx, nodes-1); err != nil {
			return fmt.Errorf("node %d knows %d of its %d peers: %w", n.number, len(n.ns.Peers()), nodes-1, err)
		}
	}
	for _, n := range s.nodes {
		names := make([]string, 0, len(n.clients))
		for _, c := range n.clients {
			names = append(names, c.name)
		}
		fmt.Fprintf(s.Out, "  %s  uid %s  clients %s\n", s.node(n.number), n.ns.UID(), list(names))
	}
	fmt.Fprintf(s.Out, "  %s\n", s.Paint(cli.Green, "all know each other after "+millis(time.Since(s.begun))))
	return nil
}

// stop closes the nodes, also when the demo was interrupted.
func (s *show) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for _, n := range s.nodes {
		_ = n.cluster.Close(ctx) // the demo is over
	}
}

// totals says what the nodes have counted, and fails if anything was lost on the way.
func (s *show) totals() error {
	var sum backplane.Stats
	for _, n := range s.nodes {
		stats := n.cluster.Stats()
		sum.Published += stats.Published
		sum.Spilled += stats.Spilled
		sum.Received += stats.Received
		sum.ReceiveDropped += stats.ReceiveDropped
	}
	fmt.Fprintf(s.Out, "\n%s: %d messages published, %d received, %d dropped; %s stored; %s in all\n",
		s.Paint(cli.Bold, "Totals"), sum.Published, sum.Received, sum.ReceiveDropped, count(int(sum.Spilled), "attachment"),
		millis(time.Since(s.begun)))
	switch {
	case sum.ReceiveDropped > 0:
		return fmt.Errorf("%d messages were dropped on arrival", sum.ReceiveDropped)
	case len(s.inbox) > 0:
		return fmt.Errorf("%s got an event that was not for it", (<-s.inbox).client.name)
	}
	return nil
}

func randomHex() string {
	var b [4]byte
	rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}
