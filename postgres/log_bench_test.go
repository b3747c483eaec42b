package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// BenchmarkAppend compares Append with Publish: one after the other, with the same messages, while one session listens.
// It reports both rates and their ratio. A message of 100 bytes is as large as a small event.
func BenchmarkAppend(b *testing.B) {
	for _, k := range kinds {
		for _, c := range []struct {
			name             string
			publishers, size int
			config           postgres.Config
		}{
			{"One64", 1, 64, postgres.Config{}}, {"One256", 1, 256, postgres.Config{}},
			{"Four64", 4, 64, postgres.Config{}}, {"Four256", 4, 256, postgres.Config{}},
			{"One64Async", 1, 64, postgres.Config{AsyncLog: true}},
			{"Four64Async", 4, 64, postgres.Config{AsyncLog: true}},
		} {
			b.Run(k.name+"/"+c.name, func(b *testing.B) {
				database := pgtest.Database(b)
				drivers := make([]logDriver, c.publishers)
				for i := range drivers {
					drivers[i] = newLog(b, k, database, c.config)
				}
				s := openLog(b, drivers[0], "socket.io#/")
				ctx, cancel := context.WithCancel(b.Context())
				received := make(chan struct{})
				go func() {
					defer close(received)
					for {
						if _, err := s.ReceiveRecord(ctx); err != nil {
							return
						}
					}
				}()
				records := make([]transport.Record, c.size)
				msgs := make([]transport.Message, c.size)
				for i := range records {
					text := fmt.Sprint(i, " ")
					msgs[i] = transport.Message{Channel: "socket.io#/",
						Payload: []byte(text + strings.Repeat("x", 100-len(text)))}
					records[i] = transport.Record{Message: msgs[i], Keep: true}
				}
				const calls = 20
				phase := func(call func(d logDriver, records []transport.Record) error) time.Duration {
					begin := time.Now()
					var group sync.WaitGroup
					for _, d := range drivers {
						group.Go(func() {
							own := append([]transport.Record(nil), records...)
							for range calls {
								if err := call(d, own); err != nil {
									b.Error(err)
								}
							}
						})
					}
					group.Wait()
					return time.Since(begin)
				}
				publish := func(d logDriver, _ []transport.Record) error { return d.Publish(ctx, msgs...) }
				keep := func(d logDriver, records []transport.Record) error { return d.Append(ctx, records) }
				phase(publish)
				phase(keep)
				var published, appended time.Duration
				n := 0
				for b.Loop() {
					published += phase(publish)
					appended += phase(keep)
					n += calls * c.publishers * c.size
				}
				b.ReportMetric(float64(n)/published.Seconds(), "published/s")
				b.ReportMetric(float64(n)/appended.Seconds(), "appended/s")
				b.ReportMetric(published.Seconds()/appended.Seconds(), "ratio")
				cancel()
				<-received
				require.NoError(b, drivers[0].TrimLog(within(b), transport.Retention{MaxBytes: 1 << 30}))
			})
		}
	}
}
