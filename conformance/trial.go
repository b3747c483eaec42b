package conformance

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// defaultPatience is how long a check waits for what must happen, beside what the implementation was measured to take.
const defaultPatience = 10 * time.Second

// trial is one run of a suite: what its checks have in common.
type trial struct {
	suite  string
	soak   bool
	checks int
	// measure returns how long the implementation's slowest usual call takes, and releases what it has used.
	measure func(ctx context.Context, tb testing.TB) time.Duration

	first   atomic.Pointer[wrong] // what is wrong with the calls that were measured
	once    sync.Once             // sets latency
	latency time.Duration

	mu       sync.Mutex // guards what follows
	patience time.Duration
	results  []result
}

// result is what came of one check.
type result struct {
	check   string
	outcome string // "ok", "FAIL" or "skipped"
	reason  string // why it was skipped
	took    time.Duration
}

// newTrial returns a trial that waits for patience, or by default for as long as suits what was measured.
func newTrial(suite string, soak bool, patience time.Duration, measure func(ctx context.Context, tb testing.TB) time.Duration) *trial {
	return &trial{suite: suite, soak: soak, patience: patience, measure: measure}
}

// takes measures the implementation once. One that does not work takes no time: the checks say what is wrong with it.
func (tr *trial) takes(tb testing.TB) time.Duration {
	tr.once.Do(func() {
		if tr.measure == nil {
			return
		}
		limit := defaultPatience
		if tr.patience > 0 {
			limit = tr.patience
		}
		ctx, cancel := context.WithTimeout(tb.Context(), limit)
		defer cancel()
		took := make(chan time.Duration, 1)
		go func() {
			var d time.Duration
			own := &scope{TB: tb}
			defer func() {
				_ = recover()
				took <- d
			}()
			defer own.end()
			d = tr.measure(ctx, own)
		}()
		select {
		case tr.latency = <-took:
		case <-time.After(limit + limit/2):
		}
	})
	return tr.latency
}

// waits returns how long a check waits for what must happen.
func (tr *trial) waits(tb testing.TB) time.Duration {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.patience <= 0 {
		tr.patience = defaultPatience + 40*tr.takes(tb)
	}
	return tr.patience
}

// record keeps what came of a check. After one that failed by waiting, the others wait for less: the suite ends in time, also
// if everything hangs.
func (tr *trial) record(tb testing.TB, check string, p *probe) {
	r := result{check: check, outcome: "ok", took: time.Since(p.start)}
	switch {
	case tb.Failed():
		r.outcome = "FAIL"
	case tb.Skipped():
		r.outcome, r.reason = "skipped", p.skipped
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.results = append(tr.results, r)
	if least := time.Second + 20*tr.latency; tb.Failed() && r.took >= p.patience && tr.patience > least {
		tr.patience = max(tr.patience/2, least)
	}
}

// scope is a testing.TB whose cleanups are run when the scope ends.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for len(s.cleanups) > 0 {
		last := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		last()
	}
}
