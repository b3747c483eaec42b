package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

const (
	// interval is the time between two looks at the roster. A bridge whose connection in it has ended stops after this
	// time at the latest.
	interval = 250 * time.Millisecond
	// vacancy is how long nobody must have been in the roster before a bridge enters. The old active bridge has then
	// been inactive for at least vacancy minus interval. So a message does not cross twice, unless one of the two
	// bridges receives it later than the other by more than that.
	vacancy = 750 * time.Millisecond
	// patience limits each call of the roster.
	patience = 3 * time.Second
	// lease is how long a bridge remains active that cannot read the roster.
	lease = 5 * time.Second
)

// election decides which of the bridges with the same name is active: one that is in the roster, and that was alone
// there when it looked after it had entered. Of two that enter at the same time, at least one sees the other, so that
// they cannot both be alone.
//
//   - A bridge enters when nobody has been in the roster for some time (vacancy). A bridge whose connection in the
//     roster has ended notices that long before, and stops.
//   - If several enter at the same time, all but the one with the lowest id withdraw. That one waits until it has
//     seen twice that it is alone, and withdraws too if it does not get there: then one of the others is active.
//   - The active bridge stays active, whoever enters, as long as it sees itself in the roster. If it does not, it
//     stops, and enters again at once if nobody else has.
type election struct {
	roster transport.Roster
	name   string

	entry   transport.Entry // nil: not in the roster
	active  bool
	vacant  time.Time // since when every look has found nobody; zero: the last look has found somebody, or failed
	returns bool      // it was active until the last look, and nobody has followed
	behind  time.Time // since when it is in the roster and every look has found others too; zero: the last look has not
	seen    time.Time // when the last look began that found the own entry
}

// begin looks until it is decided whether this bridge is active.
func (e *election) begin(ctx context.Context, set func(bool)) error {
	for {
		if err := e.look(ctx); err != nil {
			_ = e.end(ctx) // the first error matters
			return err
		}
		decided := e.active || e.entry == nil && e.vacant.IsZero()
		if set(e.active); decided {
			return nil
		}
		if err := sleep(ctx, interval); err != nil {
			_ = e.end(ctx)
			return err
		}
	}
}

// run looks at the roster until ctx ends. It reports the first of several errors.
func (e *election) run(ctx context.Context, set func(bool), report func(error)) {
	failing := false
	for wait := interval; sleep(ctx, wait) == nil; {
		err := e.look(ctx)
		if ctx.Err() != nil {
			return
		}
		set(e.active)
		if wait = interval; e.returns {
			wait = 0
		}
		if err != nil && !failing {
			report(fmt.Errorf("bridge: roster: %w", err))
		}
		failing = err != nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look reads the roster, enters or withdraws, and sets active.
func (e *election) look(ctx context.Context) error {
	start := time.Now()
	ids, err := e.entries(ctx)
	if err != nil {
		e.active = e.active && time.Since(e.seen) < lease
		e.vacant, e.returns = time.Time{}, false
		return err
	}
	if e.entry == nil {
		if !e.mayEnter(start, len(ids) == 0) {
			return nil
		}
		if err := e.enter(ctx); err != nil {
			return err
		}
		start = time.Now()
		if ids, err = e.entries(ctx); err != nil {
			return err
		}
	}
	own := e.entry.Info().ID
	switch {
	case !slices.Contains(ids, own): // its connection has ended
		e.active, e.returns = false, e.active && len(ids) == 0
		return e.withdraw(ctx)
	case len(ids) == 1:
		e.active, e.behind = e.active || e.behind.IsZero(), time.Time{}
	case e.active:
	case own != slices.Min(ids), !e.behind.IsZero() && start.Sub(e.behind) >= vacancy:
		return e.withdraw(ctx)
	case e.behind.IsZero():
		e.behind = start
	}
	e.seen = start
	return nil
}

// mayEnter decides whether a bridge that is not in the roster enters. start is when the look began.
func (e *election) mayEnter(start time.Time, nobody bool) bool {
	enters := nobody && (e.returns || !e.vacant.IsZero() && start.Sub(e.vacant) >= vacancy)
	switch {
	case enters || !nobody:
		e.vacant = time.Time{}
	case e.vacant.IsZero():
		e.vacant = time.Now()
	}
	e.returns = false
	return enters
}

// entries returns the ids of the bridges of this name.
func (e *election) entries(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := e.roster.Entries(ctx, e.name)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, info := range all {
		if info.Name == e.name && info.Marked {
			ids = append(ids, info.ID)
		}
	}
	return ids, nil
}

func (e *election) enter(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.entry, err = e.roster.Enter(ctx, e.name)
	return err
}

// withdraw removes the bridge from the roster.
func (e *election) withdraw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	entry := e.entry
	e.entry, e.behind = nil, time.Time{}
	return entry.Close(ctx)
}

// end removes the bridge from the roster if it is there.
func (e *election) end(ctx context.Context) error {
	if e.entry == nil {
		return nil
	}
	return e.withdraw(ctx)
}
