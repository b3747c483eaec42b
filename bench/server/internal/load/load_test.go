package load_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/bench/server/internal/load"
)

// run executes a command and returns its three replies.
func run(t testing.TB, f *fake, c load.Command) (begin, end, done load.Reply) {
	c.Addrs = []string{f.start(t)}
	line, err := json.Marshal(c)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, load.Run(bytes.NewReader(line), &out))
	replies := json.NewDecoder(&out)
	for _, r := range []*load.Reply{&begin, &end, &done} {
		if err := replies.Decode(r); err != nil {
			t.Fatalf("want three replies from a run: %v", err)
		}
		if r.Error != "" {
			t.Fatal(r.Error)
		}
	}
	require.Equal(t, []string{load.Begin, load.End, load.Done}, []string{begin.Phase, end.Phase, done.Phase})
	return begin, end, done
}

func TestLoad(t *testing.T) {
	fanout := load.Command{Do: "fanout", Clients: 20, InFlight: 5, Size: 300, Warm: 0.05, Measure: 0.1}
	for name, c := range map[string]load.Command{
		"Fanout": fanout,
		"Centrifuge": {Do: "fanout", Dialect: "centrifuge", Clients: 20, InFlight: 5, Size: 100, Warm: 0.05,
			Measure: 0.1},
		"Paced":   {Do: "paced", Clients: 20, Rate: 100, Size: 100, Warm: 0.05, Measure: 0.2},
		"Acks":    {Do: "ack", Clients: 20, Size: 100, Warm: 0.05, Measure: 0.1},
		"Connect": {Do: "connect", Clients: 50, InFlight: 8, Warm: 5, Measure: 10},
		"Polling": {Do: "connect", Clients: 50, InFlight: 8, Warm: 5, Measure: 10, Polling: true},
	} {
		t.Run(name+"CountsDeliveries", func(t *testing.T) {
			_, end, done := run(t, new(fake), c)
			for end.Count == 0 && c.Measure < 60 { // a busy machine may do nothing for that long
				c.Measure *= 4
				_, end, done = run(t, new(fake), c)
			}
			require.Positive(t, end.Count)
			require.Positive(t, end.Seconds)
			require.Positive(t, end.CPU)
			require.Zero(t, done.Missing+done.Doubled)
			if name == "Paced" {
				require.Positive(t, end.P99)
			}
			if c.Do == "connect" {
				require.Equal(t, 45, end.Count)
			}
		})
	}
	// Both change the frames with the tenth broadcast to client 3.
	tenth := func(change func(frame string) string) *fake {
		return &fake{tamper: func(i int, frames string) string {
			at := strings.Index(frames, `{"i":10,`)
			if i != 3 || at < 0 {
				return frames
			}
			start := strings.LastIndex(frames[:at], "\x81")
			end := start + 4 + 300
			return frames[:start] + change(frames[start:end]) + frames[end:]
		}}
	}
	t.Run("MissingMessagesAreCounted", func(t *testing.T) {
		_, _, done := run(t, tenth(func(string) string { return "" }), fanout)
		require.Equal(t, 1, done.Missing)
		require.Zero(t, done.Doubled)
	})
	t.Run("DoubledMessagesAreCounted", func(t *testing.T) {
		_, _, done := run(t, tenth(func(frame string) string { return frame + frame }), fanout)
		require.Equal(t, 1, done.Doubled)
		require.Zero(t, done.Missing)
	})
	t.Run("ChangedMessageIsAnError", func(t *testing.T) {
		f := tenth(func(frame string) string { return strings.Replace(frame, "quick", "slick", 1) })
		c := fanout
		c.Addrs = []string{f.start(t)}
		line, err := json.Marshal(c)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, load.Run(bytes.NewReader(line), &out))
		require.Contains(t, out.String(), "unexpected message")
	})
}

// BenchmarkCeiling measures how much the load generator can receive from a server that only writes.
func BenchmarkCeiling(b *testing.B) {
	for _, clients := range []int{500, 2000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			for b.Loop() {
				_, end, _ := run(b, new(fake), load.Command{Do: "fanout", Clients: clients, InFlight: 20, Size: 100,
					Warm: 0.2, Measure: 1})
				b.ReportMetric(float64(end.Count)/end.Seconds, "deliveries/s")
				b.ReportMetric(1e9*end.CPU/float64(end.Count), "ns-CPU/delivery")
			}
		})
	}
}
