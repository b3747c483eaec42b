package conformance

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// defaultPatience is how long a check waits for something that must happen, in addition to the measured
// latency.
const defaultPatience = 10 * time.Second

// suite is one run of a suite: what its checks share.
type suite struct {
	name       string
	soak       bool
	checkCount int
	// measure returns the duration of the implementation's slowest usual call, and releases what it has used.
	measure func(ctx context.Context, tb testing.TB) time.Duration

	measureProblem atomic.Pointer[problem] // what is wrong with the measured calls
	measureOnce    sync.Once               // sets latency
	latency        time.Duration

	mu       sync.Mutex // guards the following fields
	patience time.Duration
	results  []result
}

// result is the result of one check.
type result struct {
	check   string
	outcome string // "ok", "FAIL" or "skipped"
	reason  string // why it was skipped
	took    time.Duration
}

// newSuite returns a suite with the given patience. With 0, the patience follows from the measured latency.
func newSuite(name string, soak bool, patience time.Duration,
	measure func(ctx context.Context, tb testing.TB) time.Duration) *suite {
	return &suite{name: name, soak: soak, patience: patience, measure: measure}
}

// measureLatency measures the implementation once. The latency of an implementation that does not work is 0:
// the checks say what is wrong with it.
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

// currentPatience returns how long a check waits for something that must happen.
func (s *suite) currentPatience(tb testing.TB) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.patience <= 0 {
		s.patience = defaultPatience + 40*s.measureLatency(tb)
	}
	return s.patience
}

// addResult stores the result of a check. After a check that failed by waiting, the following checks wait less,
// so that the suite ends in time even if every call hangs.
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

// cleanupScope is a testing.TB whose cleanups run when the scope ends.
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
