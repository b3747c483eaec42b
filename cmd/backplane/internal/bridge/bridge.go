// Package bridge has the bridge command, which passes broadcasts on between two clusters.
//
// # Files
//
//   - bridge.go: the command
//   - report.go: what it prints
package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/transport"
)

// Command is the bridge command.
var Command = cli.Command{
	Name:    "bridge",
	Summary: "pass broadcasts on between two clusters",
	Help: `
Joins two clusters, until it is interrupted: it is a node without clients in
both and passes broadcasts on, in both directions. So a system can move from one
to the other while it runs.

The other cluster is that of the flags that begin with --other, on any server
and in any dialect: see docs/explanation/choosing.md. Without them it is one of
Socket.IO 2 with socket.io-adapter-postgres: see
docs/howto/migrate-from-socketio-2.md.

It passes on events for all clients or for rooms. It does not pass on events
that ask for acknowledgements, requests, changes of rooms and server-side
events. The table for large payloads must exist; the cluster's nodes create it.

Several bridges may run if one of the clusters is on PostgreSQL. One of those
with the same clusters and namespaces is active, and the others stand by. When
it ends, one of them takes over about a second later. What is sent meanwhile is
not passed on. Without PostgreSQL, run one bridge: two would pass everything on
twice.

Ctrl-C and SIGTERM stop it with exit status 0: it sends what is in its queues
and leaves both clusters. That takes up to 3 s.`,
	Examples: `
backplane bridge --postgres "$DATABASE_URL"
backplane bridge --nsp / --nsp /chat --legacy-prefix myapp
backplane bridge --legacy-postgres postgres://app@old.example.com/app
backplane bridge --redis redis://old.example.com --other-nats nats://localhost`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		c := new(command)
		fs.StringArrayVar(&c.namespaces, "nsp", []string{"/"},
			"`NAMESPACE`, with or without the slash at its beginning (default /); repeat the flag for more")
		fs.DurationVar(&c.interval, "report", time.Minute,
			"print how many events were passed on every `TIME`; 0s: only at the end")
		c.flags = connect.BindBridge(fs)
		return c.run
	},
}

// stopTimeout limits how long it may take to stop.
const stopTimeout = 3 * time.Second

type command struct {
	namespaces []string
	interval   time.Duration
	flags      *connect.BridgeFlags
}

func (c *command) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	if c.interval < 0 {
		return &cli.UsageError{Reason: "--report must not be negative"}
	}
	other, own, err := c.flags.OpenBoth()
	if err != nil {
		return err
	}
	defer own.Close()
	if other.Server != own.Server {
		defer other.Close()
	}
	if err := c.checkNamespaces(other, own); err != nil {
		return err
	}
	r := newReporter(t, other.Name)
	defer r.close()
	cluster, roster, err := openCluster(ctx, own, r)
	if err != nil {
		return own.Explain(usage(err))
	}
	defer closeCluster(ctx, cluster)
	otherCluster, otherRoster, err := openCluster(ctx, other, r)
	if err != nil {
		return other.Explain(usage(err))
	}
	defer closeCluster(ctx, otherCluster)
	if roster == nil {
		roster = otherRoster
	}
	b, err := bridge.Open(ctx, bridge.Config{
		A: otherCluster, B: cluster, Namespaces: c.namespaces, Roster: roster, Name: c.name(other, own),
		ErrorHandler: r.warn("the bridge"), ActiveHandler: r.active,
	})
	if err != nil {
		return own.Explain(usage(err))
	}
	fmt.Fprintf(t.Out, "%s: %s\n\n", t.Paint(cli.Bold, "backplane bridge"),
		cli.Printable(strings.Join(c.namespaces, ", ")))
	width := max(len(other.Name), len(own.Name))
	for _, end := range []connect.End{other, own} {
		fmt.Fprintf(t.Out, "  %-*s  %s, over %s\n", width, end.Name, cli.Printable(end.Prefix), end.Server.Name())
	}
	fmt.Fprint(t.Out, "\nCtrl-C stops the bridge.\n")
	if roster == nil {
		t.Note("neither server can tell bridges of each other: run only this one")
	}
	r.follow(ctx, b.Stats, c.interval)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err = b.Close(ending)
	r.counts(b.Stats())
	return err
}

// checkNamespaces completes, sorts and validates the names of the namespaces.
func (c *command) checkNamespaces(ends ...connect.End) error {
	for i, nsp := range c.namespaces {
		c.namespaces[i] = "/" + strings.TrimPrefix(nsp, "/")
		for _, end := range ends {
			if _, err := end.Channels(c.namespaces[i]); err != nil {
				return usage(err)
			}
		}
	}
	slices.Sort(c.namespaces)
	c.namespaces = slices.Compact(c.namespaces)
	return nil
}

// openCluster joins a cluster. The roster is nil if its bus has none.
func openCluster(
	ctx context.Context, end connect.End, r *reporter,
) (*backplane.Cluster, transport.Roster, error) {
	secret, err := end.Secret()
	if err != nil {
		return nil, nil, err
	}
	bus := end.Driver()
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: bus, Codec: end.Codec(), Dialect: end.Dialect(), ChannelPrefix: end.Prefix, Secret: secret,
		PublishTimeout: end.Timeout, ErrorHandler: r.warn(end.Name),
	})
	roster, _ := bus.(transport.Roster)
	return cluster, roster, err
}

// name returns what the bridges between the same clusters have in common.
func (c *command) name(other, own connect.End) string {
	parts := append([]string{other.Prefix, own.Prefix}, c.namespaces...)
	if !other.Legacy() {
		parts = append(parts, other.Server.Name(), own.Server.Name())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return bridge.DefaultName + "-" + hex.EncodeToString(sum[:8])
}

// closeCluster closes a cluster whose namespaces are closed.
func closeCluster(ctx context.Context, c *backplane.Cluster) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	_ = c.Close(ctx) // there is nothing left to send
}

// usage turns the errors that flags have caused into usage errors.
func usage(err error) error {
	var name *backplane.NameError
	if errors.As(err, &name) {
		return &cli.UsageError{Reason: strings.TrimPrefix(name.Error(), "backplane: ")}
	}
	return err
}
