package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/transport"
)

// open opens the cluster. It retries until the server can be reached.
func (n *node) open(orders <-chan Order) error {
	for {
		err := n.tryOpen()
		if err == nil {
			uids := make(map[string]string)
			for _, ns := range n.spaces {
				uids[ns.Name()] = ns.UID()
			}
			n.record.note(Event{Kind: Opened, UIDs: uids})
			return nil
		}
		n.record.note(Event{Kind: Remarked, Text: "open: " + err.Error()})
		if n.cluster != nil {
			_ = timed(n.record, "Close", closeLimit, n.cluster.Close) // the cluster is abandoned
			n.cluster = nil
		}
		for _, closing := range n.closers {
			closing()
		}
		n.closers, n.spaces, n.streams = nil, nil, nil
		select {
		case o := <-orders:
			if o.Do == DoClose {
				return errors.New("got the command to close before it could open")
			}
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Time limits of opening, closing and Emit.
const (
	openLimit  = 10 * time.Second
	closeLimit = 8 * time.Second
	// emitLimit is how long Emit may take without a deadline: one and a half publish timeouts for a store that does not
	// answer, one for the batch before it, and one for its own batch.
	emitLimit = publishTimeout * 7 / 2
)

func (n *node) tryOpen() (err error) {
	config := backplane.Config{
		UID:               fmt.Sprintf("%016x", rand.Uint64()),
		HeartbeatInterval: n.config.Heartbeat, HeartbeatTimeout: heartbeatTimeout, PublishTimeout: publishTimeout,
		MaxBackoff: time.Second, PublishQueue: 3000, ReceiveQueue: 3000,
		CleanupInterval: 10 * time.Second, AttachmentAge: time.Minute,
		ErrorHandler: n.report,
		Trace: backplane.Trace{
			SessionLost: func(err error) { n.record.note(Event{Kind: Deaf, Text: err.Error()}) },
			PeerLeft: func(_, uid string, expired bool) {
				n.peers.leave(uid)
				n.record.note(Event{Kind: Remarked, Text: fmt.Sprintf("peer %s left, expired: %v", uid, expired)})
			},
		},
	}
	if n.config.Secret != "" {
		config.Secret, config.Codec = []byte(n.config.Secret), cbor.Codec{}
	}
	if config.Bus, err = n.bus(); err != nil {
		return err
	}
	err = timed(n.record, "Open", openLimit, func(ctx context.Context) (err error) {
		n.cluster, err = backplane.Open(ctx, config)
		return err
	})
	if err != nil {
		return err
	}
	for number, name := range namespaces {
		registry := backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: func(_ backplane.Args,
			reply func(backplane.Value)) {
			if v, err := codec.NewValue(config.UID); err == nil && reply != nil {
				reply(v)
			}
		}})
		registry.Add(&client{uid: config.UID, record: n.record, slow: &n.slow})
		var ns *backplane.Namespace
		err := timed(n.record, "Namespace", openLimit, func(ctx context.Context) (err error) {
			ns, err = n.cluster.Namespace(ctx, name, registry)
			return err
		})
		if err != nil {
			return err
		}
		n.spaces = append(n.spaces, ns)
		n.streams = append(n.streams, &stream{node: n.config.Number, number: number, ns: ns, record: n.record,
			limit:  emitLimit,
			random: rand.New(rand.NewPCG(n.config.Seed, uint64(number)))})
	}
	return nil
}

// bus returns a bus on a new pool.
func (n *node) bus() (transport.Bus, error) {
	bus, closePool, err := worker.OpenBus(n.config.Driver, n.config.URL)
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, closePool)
	return bus, nil
}

// report records an error that ErrorHandler received.
func (n *node) report(err error) {
	e := Event{At: now(), Text: err.Error()}
	var gap *backplane.GapError
	var drop *backplane.DropError
	var op *backplane.OpError
	switch {
	case errors.As(err, &gap):
		e.Kind, e.Since, e.At = Gap, gap.Since.UnixMicro(), gap.Since.Add(gap.Deaf).UnixMicro()
	case errors.As(err, &drop):
		e.Kind, e.Name, e.UID = Drop, string(drop.Reason), drop.UID
	case errors.As(err, &op) && (op.Op == "publish" || op.Op == "store attachment"):
		e.Kind, e.Stream = Failed, slices.IndexFunc(namespaces,
			func(name string) bool { return strings.HasSuffix(op.Channel, "#"+name) })
	default:
		e.Kind = Remarked
	}
	n.record.note(e)
}
