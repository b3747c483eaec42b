package command

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/lag"
)

// tempNodeHelp is the part of the help that describes the temporary node.
const tempNodeHelp = `
To get answers, the command joins the cluster as a node without clients, and
leaves it at the end. (Node.js adapters before 0.4 count it for 10 s more.)
Before it sends, it waits for the other nodes to announce themselves: until no
new node has done so for --settle, or, with --nodes, until that many are known.`

// waitFlags are the flags about the wait for the other nodes.
type waitFlags struct {
	fs     *pflag.FlagSet
	settle time.Duration
	nodes  int
}

func bindWait(fs *pflag.FlagSet) *waitFlags {
	w := &waitFlags{fs: fs}
	fs.DurationVar(&w.settle, "settle", 500*time.Millisecond,
		"go on when no other node has announced itself for this `TIME`")
	fs.IntVar(&w.nodes, "nodes", 0, "go on when `N` other nodes are known; fail if there are fewer within --timeout")
	return w
}

// requires returns an error if one of the flags is set. They have no effect without the flag with this name.
func (w *waitFlags) requires(flag string) error {
	for _, name := range []string{"nodes", "settle"} {
		if w.fs.Changed(name) {
			return &cli.UsageError{Reason: "--" + name + " requires " + flag}
		}
	}
	return nil
}

func (w *waitFlags) check(flags *connect.Flags) error {
	switch {
	case flags.Counts() && w.fs.Changed("settle"):
		return flags.Needless("settle", "counts the nodes at once")
	case w.settle <= 0:
		return &cli.UsageError{Reason: "--settle must be more than 0"}
	case w.nodes < 0:
		return &cli.UsageError{Reason: "--nodes must not be negative"}
	}
	return nil
}

// tempNode is a node without clients that belongs to the cluster while a command runs.
type tempNode struct {
	*backplane.Namespace
	server  connect.Server
	cluster *backplane.Cluster
	timeout time.Duration
	counts  bool     // the dialect counts nodes, so that Peers is right at once
	wanted  int      // expected number of other nodes, 0: unknown
	peers   []string // the other nodes, when the command sends its request
}

// joinCluster starts a node in a namespace and waits for the other nodes.
func joinCluster(ctx context.Context, flags *connect.Flags, to *target, w *waitFlags) (*tempNode, error) {
	secret, err := flags.Secret()
	if err != nil {
		return nil, err
	}
	server, err := flags.OpenCluster()
	if err != nil {
		return nil, err
	}
	joined := make(chan struct{}, 1)
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: server.Driver(), Codec: flags.Codec(), Dialect: flags.Dialect(), ChannelPrefix: flags.Prefix,
		Secret: secret, Log: flags.JoinLog(ctx, server, to.nsp),
		RequestTimeout: flags.Timeout, PublishTimeout: flags.Timeout,
		Trace: backplane.Trace{PeerJoined: func(string, string) {
			select {
			case joined <- struct{}{}:
			default:
			}
		}},
	})
	if err != nil {
		defer server.Close()
		return nil, server.Explain(usage(err))
	}
	n := &tempNode{server: server, cluster: cluster, timeout: flags.Timeout, wanted: w.nodes, counts: flags.Counts()}
	if err := n.openNamespace(ctx, to.nsp, w, joined); err != nil {
		n.leave(ctx)
		return nil, server.Explain(usage(err))
	}
	return n, nil
}

// openNamespace opens the namespace and waits until the other nodes have announced themselves.
func (n *tempNode) openNamespace(ctx context.Context, nsp string, w *waitFlags, joined <-chan struct{}) error {
	opening, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	var err error
	if n.Namespace, err = n.cluster.Namespace(opening, nsp, registry); err != nil {
		return err
	}
	switch {
	case w.nodes > 0:
		waiting, cancel := context.WithTimeout(ctx, n.timeout)
		defer cancel()
		_ = n.WaitForPeers(waiting, w.nodes) // outcome reports missing nodes
	case !n.counts:
		lag.WaitUntilQuiet(ctx, w.settle, joined)
	}
	n.peers = n.Peers()
	return ctx.Err()
}

// leaveTimeout bounds the time in which a temporary node leaves the cluster.
const leaveTimeout = 3 * time.Second

// leave leaves the cluster and closes the connections.
func (n *tempNode) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_ = n.cluster.Close(ctx) // without a leave message the other nodes forget this one after their heartbeat timeout
	n.server.Close()
}
