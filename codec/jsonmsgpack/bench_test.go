package jsonmsgpack_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// events returns the messages that the benchmarks use.
func events(b *testing.B) map[string]*codec.Envelope {
	b.Helper()
	records := make([]map[string]any, 128)
	for i := range records {
		records[i] = map[string]any{"id": i, "name": fmt.Sprintf("user %d", i), "score": float64(i) / 8,
			"tags": []string{"a", "b", "ä\n"}, "online": i%2 == 0,
			"bio": "the quick brown fox jumps over the lazy dog, twice"}
	}
	envelope := func(list ...any) *codec.Envelope {
		return &codec.Envelope{
			Type: codec.Broadcast, UID: "0123456789abcdef", NSP: "/chat", Args: args(b, "message", list...),
			Opts: codec.Opts{Rooms: []string{"room:1"}},
		}
	}
	return map[string]*codec.Envelope{
		"Small100B": envelope(map[string]any{"from": "alice", "text": "hello everybody", "at": int64(1704164645678),
			"id": 4711, "tags": []string{"x"}}),
		"JSON20KiB":   envelope(records),
		"Binary64KiB": envelope("upload", make([]byte, 64<<10)),
	}
}

func BenchmarkAppend(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, c codec.Codec, env *codec.Envelope, p []byte, f codec.Format) {
		for b.Loop() {
			p, _ = c.Append(p[:0], env, f)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, c codec.Codec, _ *codec.Envelope, p []byte, f codec.Format) {
		for b.Loop() {
			if _, err := c.Parse(p, f); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkForms runs a benchmark for each message, codec and form. p is the message in that form.
func benchmarkForms(b *testing.B, run func(*testing.B, codec.Codec, *codec.Envelope, []byte, codec.Format)) {
	for name, env := range events(b) {
		for codecName, c := range map[string]codec.Codec{"jsonmsgpack": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
			for _, f := range both {
				p, err := c.Append(nil, env, f)
				if err != nil {
					continue // the text form cannot carry bytes
				}
				b.Run(fmt.Sprintf("%s/%s/%v", codecName, name, f), func(b *testing.B) {
					b.ReportAllocs()
					b.SetBytes(int64(len(p)))
					run(b, c, env, p, f)
				})
			}
		}
	}
}

func BenchmarkSentBy(b *testing.B) {
	env := events(b)["JSON20KiB"]
	for codecName, c := range map[string]codec.Codec{"jsonmsgpack": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		for _, f := range both {
			p, err := c.Append(nil, env, f)
			require.NoError(b, err)
			for name, uid := range map[string]string{"Own": env.UID, "Other": "fedcba9876543210"} {
				b.Run(fmt.Sprintf("%s/%v/%s", codecName, f, name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if c.(codec.Peeker).SentBy(p, f, uid) != (uid == env.UID) {
							b.Fatal("SentBy returned the wrong result")
						}
					}
				})
			}
		}
	}
}
