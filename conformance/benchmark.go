package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/transport"
)

// BenchmarkBus measures how many messages per second travel from one bus to a session of another bus, in
// batches of 1, 16 and 256, and the latency of a single message. One iteration is one received message.
//
// A payload of 262 bytes is the size of a small broadcast. The large payloads have the largest size that the
// bus allows, but at most 64 KiB. At most 1,024 messages (or two batches) are in flight at a time, as in a
// cluster.
func BenchmarkBus(b *testing.B, h Harness) {
	if h.NewBus == nil {
		b.Fatal("conformance: Harness.NewBus is required, but nil")
	}
	large := 64 << 10
	if max := h.NewBus(b).Limits().Payload; max > 0 {
		large = min(large, max)
	}
	for _, bc := range []struct {
		name          string
		payload, size int
	}{
		{"Batch1", 262, 1},
		{"Batch16", 262, 16},
		{"Batch256", 262, 256},
		{"Large/Batch1", large, 1},
		{"Large/Batch16", large, 16},
	} {
		b.Run(bc.name, func(b *testing.B) { benchmarkThroughput(b, h, bc.payload, bc.size) })
	}
	b.Run("Latency", func(b *testing.B) { benchmarkLatency(b, h) })
}

func benchmarkThroughput(b *testing.B, h Harness, payload, size int) {
	c := newBusChecker(newChecker(b, h.newSuite(false), "package transport, Delivery",
		"A benchmark result means nothing if messages are lost."), h)
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a")
	batch := make([]transport.Message, size)
	for i := range batch {
		text := fmt.Sprint(i, " ")
		batch[i] = c.message("a", text+strings.Repeat("x", payload-len(text)))
	}

	batches := max(2, 1024/size)
	room := make(chan struct{}, batches) // one element per batch in flight
	ctx, cancel := context.WithCancel(b.Context())
	published := c.runAlongside(func() error {
		defer cancel() // ends Receive if Publish fails
		for {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			if err := one.Publish(ctx, batch...); err != nil {
				return err
			}
		}
	})

	b.SetBytes(int64(payload))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := s.Receive(ctx); err != nil {
			c.fail("Publish and Receive", "no error", "the error %q", err)
		}
		if n++; n%size == 0 {
			<-room
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msgs/s")
	cancel()
	published()
}

func benchmarkLatency(b *testing.B, h Harness) {
	c := newBusChecker(newChecker(b, h.newSuite(false), "package transport, Delivery",
		"A benchmark result means nothing if messages are lost."), h)
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a")
	m := c.message("a", strings.Repeat("x", 262))
	b.ReportAllocs()
	for b.Loop() {
		if err := one.Publish(b.Context(), m); err != nil {
			c.fail("Publish", "no error", "the error %q", err)
		}
		if _, err := s.Receive(b.Context()); err != nil {
			c.fail("Publish, then Receive", "the message", "the error %q", err)
		}
	}
}
