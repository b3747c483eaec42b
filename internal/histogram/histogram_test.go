package histogram_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/histogram"
)

func TestBoundsAreInclusive(t *testing.T) {
	h := histogram.Sizes()
	for _, n := range []int64{0, 1, 2, 3, 4, 4096, 4097} {
		h.Observe(n)
	}
	s := h.Snapshot()
	require.Equal(t, []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}, s.Bounds)
	require.Equal(t, []uint64{2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, s.Counts)
	require.EqualValues(t, 7, s.Count())
	require.EqualValues(t, 8203, s.Sum)
}

func TestDurationsAreInSeconds(t *testing.T) {
	h := histogram.Durations()
	h.Observe(int64(time.Second))
	h.Observe(int64(time.Minute))
	s := h.Snapshot()
	require.InDelta(t, 61, s.Sum, 1e-9)
	require.EqualValues(t, 1, s.Counts[len(s.Counts)-1], "the last bucket has no bound")
	for i, bound := range s.Bounds {
		want := uint64(0)
		if bound == 1 {
			want = 1
		}
		require.Equal(t, want, s.Counts[i], "the bucket up to %v s", bound)
	}
}

func TestConcurrentObservationsAreAllCounted(t *testing.T) {
	h := histogram.Sizes()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				h.Observe(3)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 8000, h.Snapshot().Count())
	require.EqualValues(t, 24000, h.Snapshot().Sum)
}

func BenchmarkObserve(b *testing.B) {
	b.ReportAllocs()
	h := histogram.Durations()
	for b.Loop() {
		h.Observe(int64(3 * time.Millisecond))
	}
}
