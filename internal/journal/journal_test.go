package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// records is a slog.Handler that keeps the records from a level on.
type records struct {
	level slog.Level
	harm  func()

	mu  sync.Mutex // guards all
	all []record
}

type record struct {
	level   slog.Level
	message string
	attrs   map[string]any
	at      time.Time
}

func (r *records) Enabled(_ context.Context, l slog.Level) bool { return l >= r.level }
func (r *records) WithAttrs([]slog.Attr) slog.Handler           { return r }
func (r *records) WithGroup(string) slog.Handler                { return r }

func (r *records) Handle(_ context.Context, from slog.Record) error {
	to := record{from.Level, from.Message, make(map[string]any), time.Now()}
	from.Attrs(func(a slog.Attr) bool {
		to.attrs[a.Key] = a.Value.Any()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, to)
	if r.harm != nil {
		r.harm()
	}
	return nil
}

// take returns the records since the last call.
func (r *records) take() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

var (
	plain   = journal.Event{Level: slog.LevelInfo, Message: "plain", Keys: []string{"n", "text"}}
	limited = journal.Event{Level: slog.LevelWarn, Message: "limited", Keys: []string{"n"}, Burst: 1}
	burst   = journal.Event{Level: slog.LevelWarn, Message: "burst", Keys: []string{"n"}, Burst: 5}
)

func TestAttributesHaveTheKeysOfTheEvent(t *testing.T) {
	var out records
	j := journal.New(slog.New(&out))
	defer j.Close()
	j.Log(&plain, slog.IntValue(7), journal.Text(strings.Repeat("x", 1000)))
	all := out.take()
	require.Len(t, all, 1)
	require.Equal(t, slog.LevelInfo, all[0].level)
	require.Equal(t, "plain", all[0].message)
	require.Equal(t, map[string]any{"n": int64(7), "text": strings.Repeat("x", 256) + "… (1000 bytes)"}, all[0].attrs)
	require.Less(t, len(journal.Error(errors.New(strings.Repeat("x", 10_000))).String()), 1100)
	require.Empty(t, journal.Error(nil).String())
}

// The records and what they say was suppressed add up to all occurrences, at most one each Interval.
func TestLimitedEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out records
		j := journal.New(slog.New(&out))
		began := time.Now()
		for n := range 10_000 { // for ten seconds
			j.Log(&limited, slog.IntValue(n))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * journal.Interval)
		synctest.Wait()
		all := out.take()
		require.Equal(t, began, all[0].at, "the first record is written at once")
		require.NotContains(t, all[0].attrs, journal.Suppressed)
		sum := int64(0)
		for i, r := range all {
			if i > 0 {
				require.GreaterOrEqual(t, r.at.Sub(all[i-1].at), journal.Interval)
			}
			suppressed, _ := r.attrs[journal.Suppressed].(int64)
			sum += 1 + suppressed
			require.Equal(t, sum-1, r.attrs["n"], "a record has the attributes of the latest occurrence")
		}
		require.EqualValues(t, 10_000, sum)
		require.InDelta(t, 11, len(all), 1)
		j.Log(&limited, slog.IntValue(0))
		require.Len(t, out.take(), 1, "the first one after a pause is written at once, too")
		j.Close()
	})
}

func TestBurstIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out records
		j := journal.New(slog.New(&out))
		for n := range 7 {
			j.Log(&burst, slog.IntValue(n))
		}
		require.Len(t, out.take(), 5)
		time.Sleep(journal.Interval)
		synctest.Wait()
		all := out.take()
		require.Len(t, all, 1)
		require.Equal(t, map[string]any{"n": int64(6), journal.Suppressed: int64(1)}, all[0].attrs)
		j.Close()
	})
}

func TestKindsAreLimitedApart(t *testing.T) {
	var out records
	j := journal.New(slog.New(&out))
	for range 2 {
		for i, kind := range []string{"a", "b", "c"} {
			j.LogKind(&limited, kind, slog.IntValue(i))
		}
	}
	require.Len(t, out.take(), 3)
	j.Close()
	require.Len(t, out.take(), 3, "Close writes what was suppressed")
	j.Log(&limited, slog.IntValue(0))
	j.Log(&limited, slog.IntValue(0))
	require.Len(t, out.take(), 2, "nothing can be written later, so nothing is suppressed")
	j.Close()
}

func TestNothingIsWrittenBelowTheLevel(t *testing.T) {
	out := &records{level: slog.LevelWarn}
	j := journal.New(slog.New(out))
	defer j.Close()
	require.False(t, j.Off())
	require.False(t, j.Writes(&plain))
	require.True(t, j.Writes(&limited))
	j.Log(&plain, slog.IntValue(1), journal.Text("x"))
	require.Empty(t, out.take())
	for _, off := range []*journal.Journal{journal.New(nil), journal.New(slog.New(slog.DiscardHandler))} {
		require.True(t, off.Off())
		require.False(t, off.Writes(&limited))
		require.Zero(t, testing.AllocsPerRun(100, func() { off.Log(&plain) }))
	}
}

// A handler that panics, or that logs itself, harms nobody.
func TestHandlerMayDoAnything(t *testing.T) {
	out := &records{harm: func() { panic("harm") }}
	j := journal.New(slog.New(out))
	j.Log(&plain, slog.IntValue(1), journal.Text("x"))
	j.Log(&limited, slog.IntValue(1))
	j.Log(&limited, slog.IntValue(2))
	j.Close()
	require.Len(t, out.take(), 3)
}

func TestStandardLoggerWritesTheEvent(t *testing.T) {
	out := &records{level: slog.LevelDebug}
	j := journal.New(slog.New(out))
	defer j.Close()
	j.Standard(&journal.HTTPError).Printf("http: %d", 5)
	all := out.take()
	require.Len(t, all, 1)
	require.Equal(t, journal.HTTPError.Message, all[0].message)
	require.Equal(t, map[string]any{"error": "http: 5"}, all[0].attrs)
}

// All goroutines together write what one would.
func TestLogIsSafeForConcurrentUse(t *testing.T) {
	var out records
	j := journal.New(slog.New(&out))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n := range 1000 {
				j.Log(&limited, slog.IntValue(n))
			}
		})
	}
	group.Wait()
	j.Close()
	sum := int64(0)
	for _, r := range out.take() {
		suppressed, _ := r.attrs[journal.Suppressed].(int64)
		sum += 1 + suppressed
	}
	require.EqualValues(t, 8000, sum)
}

func BenchmarkLogSuppressed(b *testing.B) {
	b.ReportAllocs()
	j := journal.New(slog.New(&records{}))
	defer j.Close()
	for b.Loop() {
		j.Log(&limited, slog.IntValue(1))
	}
}
