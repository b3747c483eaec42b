package command

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// memberHelp is what the help of a command says that becomes a node.
const memberHelp = `
To be answered it joins the cluster as a node without clients, for the time it
takes, and says goodbye (adapters before 0.4 do not understand that and count
it for 10 s more). Other nodes answer its announcement at once; one that does
not within --settle is not asked. With --nodes it waits until that many are
known instead.`

// memberFlags say how the other nodes are found.
type memberFlags struct {
	settle time.Duration
	nodes  int
}

func bindMember(fs *pflag.FlagSet) *memberFlags {
	m := new(memberFlags)
	fs.DurationVar(&m.settle, "settle", 500*time.Millisecond, "ask when for this `TIME` no other node has announced itself")
	fs.IntVar(&m.nodes, "nodes", 0, "ask as soon as `N` nodes are known, and fail if it is fewer within --timeout")
	return m
}

func (m *memberFlags) check() error {
	switch {
	case m.settle <= 0:
		return &cli.UsageError{Reason: "--settle must be more than 0"}
	case m.nodes < 0:
		return &cli.UsageError{Reason: "--nodes must not be negative"}
	}
	return nil
}

// member is a node of the cluster, without clients, for the time of a command.
type member struct {
	*backplane.Namespace
	server  *connect.Server
	cluster *backplane.Cluster
	timeout time.Duration
	wanted  int      // nodes that there should be
	peers   []string // that were known when it began to ask
}

// join makes a member of the namespace of to, and returns once it knows the other nodes.
func join(ctx context.Context, flags *connect.Flags, to *target, m *memberFlags) (*member, error) {
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
		Bus: server.Driver(), Codec: flags.Codec(), ChannelPrefix: flags.Prefix, Secret: secret,
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
	n := &member{server: server, cluster: cluster, timeout: flags.Timeout, wanted: m.nodes}
	if err := n.enter(ctx, to.nsp, m, joined); err != nil {
		n.leave(ctx)
		return nil, server.Explain(usage(err))
	}
	return n, nil
}

// enter opens the namespace and waits for the other nodes to answer.
func (n *member) enter(ctx context.Context, nsp string, m *memberFlags, joined <-chan struct{}) error {
	opening, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	var err error
	if n.Namespace, err = n.cluster.Namespace(opening, nsp, backplane.NewRegistry(backplane.RegistryConfig{})); err != nil {
		return err
	}
	if m.nodes > 0 {
		waiting, cancel := context.WithTimeout(ctx, n.timeout)
		defer cancel()
		_ = n.WaitForPeers(waiting, m.nodes) // who is missing is told with the result
	} else {
		settle(ctx, m.settle, joined)
	}
	n.peers = n.Peers()
	return ctx.Err()
}

// settle returns when nothing has happened for some time, or ctx ended.
func settle(ctx context.Context, quiet time.Duration, happens <-chan struct{}) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case <-happens:
			timer.Reset(quiet)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// leave says goodbye and closes the connections.
func (n *member) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_ = n.cluster.Close(ctx) // a node that gets no goodbye forgets this one by itself
	n.server.Close()
}
