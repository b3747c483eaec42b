package outage_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// journal records events and their times.
type journal[T any] struct {
	mu      sync.Mutex // guards the fields below
	entries []T
	times   []time.Time
	changed chan struct{} // closed when the next entry is added
}

func (j *journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.times = append(j.entries, v), append(j.times, time.Now())
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// mark returns the position of the next entry.
func (j *journal[T]) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// since returns the matching entries from mark on, and their times.
func (j *journal[T]) since(mark int, match func(T) bool) (found []T, times []time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := mark; i < len(j.entries); i++ {
		if match == nil || match(j.entries[i]) {
			found, times = append(found, j.entries[i]), append(times, j.times[i])
		}
	}
	return found, times
}

// wait waits for n matching entries from mark on and returns all that match.
func (j *journal[T]) wait(tb testing.TB, what string, mark, n int, match func(T) bool) ([]T, []time.Time) {
	tb.Helper()
	limit := time.After(patience)
	for {
		j.mu.Lock()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		found, times := j.since(mark, match)
		if len(found) >= n {
			return found, times
		}
		select {
		case <-changed:
		case <-limit:
			all, _ := j.since(mark, nil)
			require.FailNowf(tb, "timeout", "%s: %d of %d arrived, among %v", what, len(found), n, all)
		}
	}
}
