package codec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

func BenchmarkNewArgs(b *testing.B) {
	type message struct {
		From string   `json:"from"`
		Text string   `json:"text"`
		At   int64    `json:"at"`
		Tags []string `json:"tags"`
	}
	type flat struct {
		From string `json:"from"`
		Text string `json:"text"`
		At   int64  `json:"at"`
	}
	type nested struct {
		message
		Sent  time.Time      `json:"sent"`
		Meta  map[string]any `json:"meta"`
		Score []float64      `json:"score"`
		Reply *message       `json:"reply,omitempty"`
	}
	whole := nested{message{"alice", "hello everybody", 1704164645678, []string{"x"}}, time.Unix(1704164645, 0).UTC(),
		map[string]any{"a": 1, "b": "c"}, []float64{1, 2.5}, &message{}}
	raw, err := codec.RawJSON([]byte(`{"from":"alice","text":"hello everybody"}`))
	require.NoError(b, err)
	for name, list := range map[string][]any{
		"Scalars": {"hello", 1, true, nil},
		"Struct":  {message{"alice", "hello everybody", 1704164645678, []string{"x"}}},
		"Flat":    {flat{"alice", "hello everybody", 1704164645678}},
		"Map": {map[string]any{"from": "alice", "text": "hello everybody", "at": int64(1704164645678),
			"tags": []string{"x"}}},
		"Raw":     {raw},
		"Message": {json.RawMessage(`{"from":"alice","text":"hello everybody"}`)},
		"Struct1K": {message{"alice", strings.Repeat("hello everybody ", 60), 1704164645678,
			[]string{"x", "y"}}},
		"Nested":  {whole},
		"Structs": {slices.Repeat([]message{{"alice", "hello everybody", 1704164645678, []string{"x"}}}, 20)},
		"StructsWithBytes": {slices.Repeat([]message{{"alice", "hello everybody", 1704164645678, []string{"x"}}}, 20),
			make([]byte, 1024)},
		"WithBytes": {message{"alice", "hello", 1, nil}, make([]byte, 1024)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.NewArgs("message", list...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeArgs(b *testing.B) {
	a := mustArgs(b, "message", map[string]any{"from": "alice", "text": "hello everybody",
		"at": int64(1704164645678)}, 5)
	var m map[string]any
	var n int
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Decode(&m, &n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	a := mustArgs(b, "message", map[string]any{"from": "alice", "text": "hello everybody", "at": int64(1704164645678),
		"tags": []string{"x", "y"}}, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Value().Tree(); err != nil {
			b.Fatal(err)
		}
	}
}
