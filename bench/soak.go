package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// soakRate is the number of messages that the soak test sends per second.
const soakRate = 50_000

// soak sends soakRate messages per second from one node to another and returns an error if the heap grows: if its
// median in the last third of the time is more than a quarter above that in the first third.
func soak(ctx context.Context, w io.Writer, url string, during time.Duration) error {
	srv, err := openServer(ctx, url)
	if err != nil {
		return err
	}
	defer srv.drop(context.WithoutCancel(ctx))
	if url, err = srv.database(ctx, "soak"); err != nil {
		return err
	}
	sink := &tally{Registry: backplane.NewRegistry(backplane.RegistryConfig{})}
	sender, err := soakNode(ctx, url, backplane.NewRegistry(backplane.RegistryConfig{}))
	if err != nil {
		return err
	}
	defer sender.close(context.WithoutCancel(ctx))
	receiver, err := soakNode(ctx, url, sink)
	if err != nil {
		return err
	}
	defer receiver.close(context.WithoutCancel(ctx))
	if err := sender.ns.WaitForPeers(ctx, 1); err != nil {
		return err
	}
	var sent, refused int64
	var heaps []outcome // MiB, in P50
	start, next := time.Now(), during/20
	for time.Since(start) < during && ctx.Err() == nil {
		for due := int64(time.Since(start).Seconds() * soakRate); sent < due; sent++ {
			if sender.ns.EmitAsync("m", jsonArgument(100, 0, uint32(sent))) != nil {
				refused++
			}
		}
		if elapsed := time.Since(start); elapsed >= next {
			next += during / 20
			h := float64(heap()) / (1 << 20)
			heaps = append(heaps, outcome{P50: h})
			fmt.Fprintf(w, "%6.0f s  %9d sent  %9d received  %6d refused  heap %5.1f MiB\n", elapsed.Seconds(), sent,
				sink.n.Load(), refused, h)
		}
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for last := int64(-1); last != sink.n.Load(); time.Sleep(time.Second) {
		last = sink.n.Load()
	}
	third := len(heaps) / 3
	first, last := figures.Median(heaps[:third], p50), figures.Median(heaps[len(heaps)-third:], p50)
	fmt.Fprintf(w, "%.0f messages/s for %v: %d sent, %d refused, %d received; heap %.1f MiB in the first third, "+
		"%.1f in the last\n",
		float64(sent)/during.Seconds(), during, sent, refused, sink.n.Load(), first, last)
	if got := sink.n.Load(); got != sent-refused {
		return fmt.Errorf("%d messages are missing", sent-refused-got)
	}
	if last > first*1.25 {
		return fmt.Errorf("the heap grows: its median in the last third is more than a quarter above that in the " +
			"first third")
	}
	return nil
}

func soakNode(ctx context.Context, url string, local backplane.LocalSockets) (clusterNode, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return clusterNode{}, err
	}
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
	if err != nil {
		return clusterNode{}, err
	}
	ns, err := cluster.Namespace(ctx, "/", local)
	return clusterNode{cluster: cluster, ns: ns}, err
}

// tally is a Local that counts broadcasts.
type tally struct {
	*backplane.Registry
	n atomic.Int64
}

func (t *tally) Broadcast(*backplane.Packet, backplane.Selector) { t.n.Add(1) }
