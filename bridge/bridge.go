package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
)

// Bridge passes broadcasts on between two clusters. It is safe for concurrent use. Make one with Open.
type Bridge struct {
	config     Config
	toB        direction
	toA        direction
	forwarders []*forwarder
	active     atomic.Bool
	election   *election // nil without a roster

	stop    context.CancelFunc // ends the goroutine of election
	group   sync.WaitGroup     // the goroutine of election
	closing atomic.Bool
	closed  chan struct{} // closed when Close has finished
}

// Stats are counters since the bridge was opened.
type Stats struct {
	// Active reports whether the bridge passes on. It does not while another one does: see Config.Roster.
	Active bool
	// AToB counts what came from cluster A, and BToA what came from cluster B.
	AToB, BToA Direction
}

// Direction counts the broadcasts that the active bridge has received from one of the clusters.
type Direction struct {
	// Passed counts those that were queued for the other cluster. If its bus then does not accept one, the Stats of
	// that cluster count it (PublishErrors).
	Passed uint64
	// Lost counts those that the other cluster did not accept. There was a LostError for each.
	Lost uint64
	// Withheld counts those that asked for acknowledgements, and are not passed on for that.
	Withheld uint64
}

// Open opens the namespaces in both clusters and begins to pass broadcasts on. With Config.Roster it returns when it is
// decided whether this bridge is the active one, which takes about a second if there is no other. It returns a
// *backplane.ConfigError if config cannot work, the errors of Cluster.Namespace, such as backplane.ErrNamespaceExists,
// and those of the Roster. ctx bounds Open and not the bridge. Close the bridge at the end, before the clusters.
func Open(ctx context.Context, config Config) (*Bridge, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	b := &Bridge{config: config, toB: direction{from: "A"}, toA: direction{from: "B"}, stop: func() {},
		closed: make(chan struct{})}
	for _, name := range config.Namespaces {
		if err := b.join(ctx, name); err != nil {
			return nil, errors.Join(err, b.leave(context.WithoutCancel(ctx)))
		}
	}
	if config.Roster == nil {
		b.setActive(true)
		return b, nil
	}
	b.election = &election{roster: config.Roster, name: config.Name}
	if err := b.election.begin(ctx, b.setActive); err != nil {
		return nil, errors.Join(fmt.Errorf("bridge: roster: %w", err), b.leave(context.WithoutCancel(ctx)))
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.group.Go(func() { b.election.run(running, b.setActive, b.report) })
	return b, nil
}

// join opens a namespace in both clusters.
func (b *Bridge) join(ctx context.Context, name string) error {
	fromA := &forwarder{Registry: backplane.NewRegistry(backplane.RegistryConfig{}), bridge: b, name: name, way: &b.toB}
	fromB := &forwarder{Registry: backplane.NewRegistry(backplane.RegistryConfig{}), bridge: b, name: name, way: &b.toA}
	// A bridge passes on what is for any room, so it is no RoomSockets, although its registry is: a dialect whose rooms
	// have channels of their own is refused.
	type local struct{ backplane.LocalSockets }
	var err error
	if fromA.own, err = b.config.A.Namespace(ctx, name, local{fromA}); err != nil {
		return fmt.Errorf("bridge: cluster A: %w", err)
	}
	b.forwarders = append(b.forwarders, fromA)
	if fromB.own, err = b.config.B.Namespace(ctx, name, local{fromB}); err != nil {
		return fmt.Errorf("bridge: cluster B: %w", err)
	}
	b.forwarders = append(b.forwarders, fromB)
	fromA.to, fromB.to = fromB.own, fromA.own
	for _, l := range []*forwarder{fromA, fromB} {
		l.own.OnCustomRequest(func(_ backplane.Value, answer func(any)) { answer(nil) })
	}
	return nil
}

// leave closes the namespaces, all at the same time. What is queued in them is sent first.
func (b *Bridge) leave(ctx context.Context) error {
	errs := make([]error, len(b.forwarders))
	var group sync.WaitGroup
	for i, l := range b.forwarders {
		group.Go(func() { errs[i] = l.own.Close(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// setActive is never called by two goroutines at the same time.
func (b *Bridge) setActive(active bool) {
	if b.active.Swap(active) != active {
		guard.Do(func() { b.config.ActiveHandler(active) }, b.report)
	}
}

func (b *Bridge) report(err error) {
	guard.Report(b.config.ErrorHandler, err)
}

// Stats returns the counters of this moment.
func (b *Bridge) Stats() Stats {
	return Stats{Active: b.active.Load(), AToB: b.toB.counts(), BToA: b.toA.counts()}
}

func (d *direction) counts() Direction {
	return Direction{Passed: d.passed.Load(), Lost: d.lost.Load(), Withheld: d.withheld.Load()}
}

// Close passes nothing on any more, sends what is queued for the clusters in the bridge's namespaces, leaves them, and
// lets another bridge take over. It does not close the clusters. It returns an error if a leave message could not be
// published, and ctx's error if ctx ends before everything is done; the rest continues in the background. A second call
// waits for the first to finish.
func (b *Bridge) Close(ctx context.Context) error {
	if !b.closing.CompareAndSwap(false, true) {
		select {
		case <-b.closed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(b.closed)
	b.stop()
	b.group.Wait()
	b.setActive(false)
	err := b.leave(ctx)
	if b.election != nil {
		err = errors.Join(err, b.election.end(ctx))
	}
	return err
}
