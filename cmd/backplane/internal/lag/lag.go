// Package lag asks the nodes of a cluster how far they have come in its log.
package lag

import (
	"context"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// Node is a node of a namespace.
type Node struct {
	UID string
	NSP string
	// At is the position of the message that the node has passed on last. It is zero if the node has no log.
	At backplane.Position
}

// closeTimeout bounds the time in which the command leaves the cluster.
const closeTimeout = 3 * time.Second

// Ask joins namespaces as a node without clients, and asks the other nodes until no new one has been seen for the time
// of settle. It returns them by namespace and uid.
func Ask(ctx context.Context, flags *connect.Flags, settle time.Duration, namespaces []string) ([]Node, error) {
	secret, err := flags.Secret()
	if err != nil {
		return nil, err
	}
	server, err := flags.OpenCluster()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	joined := make(chan struct{}, 1)
	cluster, err := backplane.Open(ctx, backplane.Config{
		Bus: server.Driver(), Codec: flags.Codec(), Dialect: flags.Dialect(), ChannelPrefix: flags.Prefix,
		Secret: secret, PublishTimeout: flags.Timeout, Log: connect.NeverTrims(),
		Trace: backplane.Trace{PeerJoined: func(string, string) {
			select {
			case joined <- struct{}{}:
			default:
			}
		}},
	})
	if err != nil {
		return nil, server.Explain(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = cluster.Close(closing) // without a leave message the other nodes forget this one by themselves
	}()
	open := make([]*backplane.Namespace, len(namespaces))
	for i, nsp := range namespaces {
		opening, cancel := context.WithTimeout(ctx, flags.Timeout)
		open[i], err = cluster.Namespace(opening, nsp, backplane.NewRegistry(backplane.RegistryConfig{}))
		cancel()
		if err != nil {
			return nil, server.Explain(err)
		}
	}
	WaitUntilQuiet(ctx, settle, joined)
	return nodesOf(open), ctx.Err()
}

// nodesOf returns the other nodes of namespaces.
func nodesOf(namespaces []*backplane.Namespace) (all []Node) {
	for _, ns := range namespaces {
		positions := ns.PeerPositions()
		for _, uid := range slices.Sorted(slices.Values(ns.Peers())) {
			all = append(all, Node{UID: uid, NSP: ns.Name(), At: positions[uid]})
		}
	}
	return all
}

// WaitUntilQuiet returns when there was no event for a time, or ctx has ended.
func WaitUntilQuiet(ctx context.Context, quiet time.Duration, events <-chan struct{}) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case <-events:
			timer.Reset(quiet)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
