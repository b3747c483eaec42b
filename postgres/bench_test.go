package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport"
)

// BenchmarkPublish measures publishing alone, while one session listens. A message of 262 bytes is as large as
// a small broadcast. Equal messages need a separate transaction each.
func BenchmarkPublish(b *testing.B) {
	for _, k := range kinds {
		for _, c := range []struct {
			name  string
			size  int
			equal bool
		}{{"Batch1", 1, false}, {"Batch16", 16, false}, {"Batch256", 256, false}, {"Equal16", 16, true}} {
			b.Run(k.name+"/"+c.name, func(b *testing.B) {
				d := newDriver(b, k, pgtest.Database(b))
				s := listen(b, d, "socket.io#/")
				ctx, cancel := context.WithCancel(b.Context())
				received := make(chan struct{})
				go func() {
					defer close(received)
					for {
						if _, err := s.Receive(ctx); err != nil {
							return
						}
					}
				}()
				msgs := make([]transport.Message, c.size)
				for i := range msgs {
					text := fmt.Sprint(i, " ")
					if c.equal {
						text = "0 "
					}
					msgs[i] = transport.Message{Channel: "socket.io#/",
						Payload: []byte(text + strings.Repeat("x", 262-len(text)))}
				}
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, d.Publish(ctx, msgs...))
				}
				b.ReportMetric(float64(b.N*c.size)/b.Elapsed().Seconds(), "msgs/s")
				cancel()
				<-received
			})
		}
	}
}

// BenchmarkReceive measures receiving alone, of messages that were published before.
func BenchmarkReceive(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			d := newDriver(b, k, pgtest.Database(b))
			s := listen(b, d, "socket.io#/")
			msgs := make([]transport.Message, 1000)
			for i := range msgs {
				text := fmt.Sprint(i, " ")
				msgs[i] = transport.Message{Channel: "socket.io#/",
					Payload: []byte(text + strings.Repeat("x", 262-len(text)))}
			}
			ctx := b.Context()
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%len(msgs) == 0 {
					b.StopTimer()
					require.NoError(b, d.Publish(ctx, msgs...))
					b.StartTimer()
				}
				_, err := s.Receive(ctx)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
