package outage_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// journal collects what happens, and when.
type journal[T any] struct {
	mu      sync.Mutex // guards all below
	entries []T
	times   []time.Time
	changed chan struct{} // closed with the next entry
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

// mark is the place from which on later entries are.
func (j *journal[T]) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries)
}

// since returns the entries from mark on that match, and their times.
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

// wait returns the entries from mark on that match, once there are n.
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
			require.FailNowf(tb, "waited in vain", "%s: %d of %d came, among %v", what, len(found), n, all)
		}
	}
}
