package emitter_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
)

var payload = strings.Repeat("x", 100)

// BenchmarkEmit compares the emitter with a node that publishes the same on the same bus, for one caller and for many
// at a time, which all wait for the bus. Another node receives.
func BenchmarkEmit(b *testing.B) {
	for _, k := range kinds {
		if k.name == "memoryWithLimits" {
			continue
		}
		w := k.open(b)
		w.audience(b) // a node that receives
		e := w.emitter(b)
		benchmarkEmit(b, k.name+"/emitter", func(ctx context.Context) error {
			return e.To("room").Emit(ctx, "event", payload)
		})
		ns := w.audience(b).ns
		benchmarkEmit(b, k.name+"/node", func(ctx context.Context) error {
			return ns.To("room").Emit(ctx, "event", payload)
		})
	}
}

func benchmarkEmit(b *testing.B, name string, emit func(ctx context.Context) error) {
	for _, callers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("%s/callers%d", name, callers), func(b *testing.B) {
			b.ReportAllocs()
			var group sync.WaitGroup
			for i := range callers {
				group.Go(func() {
					for n := i; n < b.N; n += callers {
						if err := emit(context.Background()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "emits/s")
		})
	}
}

// BenchmarkBatch sends 256 messages in each batch.
func BenchmarkBatch(b *testing.B) {
	eachBenchmark(b, func(b *testing.B, w world) {
		const size = 256
		e := w.emitter(b)
		for range b.N {
			require.NoError(b, fill(e, size).Send(b.Context()))
		}
		b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "emits/s")
	})
}

func fill(e *emitter.Emitter, size int) *emitter.Batch {
	batch := e.Batch()
	for range size {
		if err := batch.To("room").Emit(context.Background(), "event", payload); err != nil {
			panic(err)
		}
	}
	return batch
}

// BenchmarkTransaction emits a number of messages in each transaction, one by one or in a batch.
func BenchmarkTransaction(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("emits%d", size), func(b *testing.B) {
			benchmarkTransaction(b, size, func(e *emitter.Emitter) {
				for range size {
					require.NoError(b, e.To("room").Emit(b.Context(), "event", payload))
				}
			})
		})
	}
	b.Run("batch256", func(b *testing.B) {
		benchmarkTransaction(b, 256, func(e *emitter.Emitter) { require.NoError(b, fill(e, 256).Send(b.Context())) })
	})
}

func benchmarkTransaction(b *testing.B, size int, emit func(e *emitter.Emitter)) {
	eachBenchmark(b, func(b *testing.B, w world) {
		e := w.emitter(b)
		for range b.N {
			tx := w.begin(b)
			emit(e.With(tx.bus("")))
			require.NoError(b, tx.commit(b.Context()))
		}
		b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "emits/s")
	})
}

func eachBenchmark(b *testing.B, run func(b *testing.B, w world)) {
	for _, k := range kinds[2:] {
		w := k.open(b)
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, w)
		})
	}
}
