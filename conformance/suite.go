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

// suite is one run of a suite: what its checks have in common.
type suite struct {
	name       string
	soak       bool
	checkCount int
	// measure returns how long the implementation's slowest usual call takes, and releases what it has used.
	measure func(ctx context.Context, tb testing.TB) time.Duration

	measureProblem atomic.Pointer[problem] // what is wrong with the calls that were measured
	measureOnce    sync.Once               // sets latency
	latency        time.Duration

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

// newSuite returns a trial that waits for patience, or by default for as long as suits what was measured.
func newSuite(name string, soak bool, patience time.Duration, measure func(ctx context.Context, tb testing.TB) time.Duration) *suite {
	return &suite{name: name, soak: soak, patience: patience, measure: measure}
}

// measureLatency measures the implementation once. One that does not work takes no time: the checks say what is wrong with it.
func (s *suite) measureLatency(tb testing.TB) time.Duration {
	s.measureOnce.Do(func() {
		if s.measure == nil {
			return
		}
		limit := defaultPatience
		if s.patience > 0 {
			limit = s.patience
		}
		ctx, cancel := context.WithTimeout(tb.Context(), limit)
		defer cancel()
		took := make(chan time.Duration, 1)
		go func() {
			var d time.Duration
			own := &cleanupScope{TB: tb}
			defer func() {
				_ = recover()
				took <- d
			}()
			defer own.runCleanups()
			d = s.measure(ctx, own)
		}()
		select {
		case s.latency = <-took:
		case <-time.After(limit + limit/2):
		}
	})
	return s.latency
}

// currentPatience returns how long a check waits for what must happen.
func (s *suite) currentPatience(tb testing.TB) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.patience <= 0 {
		s.patience = defaultPatience + 40*s.measureLatency(tb)
	}
	return s.patience
}

// addResult keeps what came of a check. After one that failed by waiting, the others wait for less: the suite ends in time, also
// if everything hangs.
func (s *suite) addResult(tb testing.TB, check string, c *checker) {
	r := result{check: check, outcome: "ok", took: time.Since(c.start)}
	switch {
	case tb.Failed():
		r.outcome = "FAIL"
	case tb.Skipped():
		r.outcome, r.reason = "skipped", c.skipReason
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, r)
	if least := time.Second + 20*s.latency; tb.Failed() && r.took >= c.patience && s.patience > least {
		s.patience = max(s.patience/2, least)
	}
}

// cleanupScope is a testing.TB whose cleanups are run when the scope ends.
type cleanupScope struct {
	testing.TB
	cleanups []func()
}

func (s *cleanupScope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *cleanupScope) runCleanups() {
	for len(s.cleanups) > 0 {
		last := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		last()
	}
}
