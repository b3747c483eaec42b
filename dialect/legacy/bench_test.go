package legacy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

// benchmarks calls run with messages of several kinds.
func benchmarks(b *testing.B, run func(b *testing.B, w dialect.Wire, env *codec.Envelope, p []byte)) {
	w := open(b, "socket.io")
	for name, list := range map[string][]any{
		"Small":   {map[string]any{"from": "alice", "text": "hello everybody", "id": 4711}},
		"Binary":  {make([]byte, 4<<10)},
		"Text5KB": {strings.Repeat("x", 5<<10)},
	} {
		env := &codec.Envelope{Type: codec.Broadcast, NSP: "/chat", UID: uid, Args: args(b, "message", list...),
			Opts: codec.Opts{Rooms: []string{"room:1"}}}
		p, err := w.Append(nil, env)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(p)))
			run(b, w, env, p)
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	benchmarks(b, func(b *testing.B, w dialect.Wire, env *codec.Envelope, p []byte) {
		for b.Loop() {
			p, _ = w.Append(p[:0], env)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	benchmarks(b, func(b *testing.B, w dialect.Wire, _ *codec.Envelope, p []byte) {
		for b.Loop() {
			if env, err := w.Parse("socketio", p); env == nil || err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSentBy(b *testing.B) {
	benchmarks(b, func(b *testing.B, w dialect.Wire, _ *codec.Envelope, p []byte) {
		for b.Loop() {
			if !w.(dialect.Peeker).SentBy(p, uid) {
				b.Fatal("SentBy returned false")
			}
		}
	})
}

// BenchmarkOtherCluster is what the messages of other clusters cost.
func BenchmarkOtherCluster(b *testing.B) {
	other := open(b, "other")
	benchmarks(b, func(b *testing.B, _ dialect.Wire, _ *codec.Envelope, p []byte) {
		for b.Loop() {
			if env, err := other.Parse("socketio", p); env != nil || err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPieces is a message of 64 KiB there and back.
func BenchmarkPieces(b *testing.B) {
	w := open(b, "socket.io")
	env := &codec.Envelope{Type: codec.Broadcast, NSP: "/", UID: uid, Args: args(b, "message", make([]byte, 64<<10))}
	b.ReportAllocs()
	for b.Loop() {
		p, ends, err := w.(dialect.Splitter).Split(nil, env, limit)
		if err != nil {
			b.Fatal(err)
		}
		start := 0
		for i, end := range ends {
			got, err := w.Parse("socketio", p[start:end])
			if err != nil || (got != nil) != (i == len(ends)-1) {
				b.Fatal(err)
			}
			start = end
		}
	}
}
