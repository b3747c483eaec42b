package logged

import (
	"context"
	"math"
	"sync"
	"time"
)

// inject injects the faults of the plan and returns when all are over.
func (r *run) inject(ctx context.Context) {
	var steps sync.WaitGroup
	defer steps.Wait()
	for _, s := range r.options.Plan.Steps {
		if wait(ctx, time.Until(r.began.Add(s.At))) != nil {
			return
		}
		turn := r.turn(s)
		if !turn.TryLock() {
			r.log("skipped, because the previous fault of the node or the server is not over yet: %v", s)
			continue
		}
		r.log("%v", s)
		r.mu.Lock()
		r.faults[s.What.name]++
		r.mu.Unlock()
		steps.Go(func() {
			defer turn.Unlock()
			if (s.What.server || s.Place >= 0) && !s.What.passing {
				done := r.trouble(Trouble{Name: s.What.name, Place: s.Place, Crash: s.What.crash,
					Epoch: s.What.epoch})
				defer func() { done(s.What.after) }()
			}
			if err := s.What.do(ctx, r, s); err != nil {
				r.log("%s: %v", s.What.name, err)
			}
		})
	}
	_ = wait(ctx, time.Until(r.began.Add(r.options.Length)))
}

// turn returns what a fault holds while it lasts: a node and the server have one at a time.
func (r *run) turn(s Step) *sync.Mutex {
	switch {
	case s.Place >= 0:
		return &r.members[s.Place].fault
	case s.What.server:
		return &r.fault
	}
	return new(sync.Mutex)
}

// trouble records that a fault begins. The returned func records that it is over, and for how long it is felt then.
func (r *run) trouble(t Trouble) (over func(after time.Duration)) {
	t.From, t.To = now(), math.MaxInt64
	r.mu.Lock()
	defer r.mu.Unlock()
	index := len(r.history.Trouble)
	r.history.Trouble = append(r.history.Trouble, t)
	return func(after time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.history.Trouble[index].To = now() + after.Microseconds()
	}
}

// wait waits for d. It returns an error if ctx ends first; the fault then ends early.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
