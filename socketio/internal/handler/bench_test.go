package handler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// BenchmarkCall calls handlers of common types and, for those that are called directly, equal handlers by
// reflection.
func BenchmarkCall(b *testing.B) {
	text := []any{"hello everybody, how are you today?"}
	type message struct{ Room, Text string }
	for _, c := range []struct {
		name string
		fn   any
		args []any
	}{
		{"Nothing", func() {}, nil},
		{"Nothing/Reflected", func() error { return nil }, nil},
		{"Value", func(codec.Value) {}, text},
		{"Value/Reflected", func(codec.Value) error { return nil }, text},
		{"String", func(string) {}, text},
		{"String/Reflected", func(string) error { return nil }, text},
		{"ValueAck", func(v codec.Value, ack func(codec.Value)) { ack(v) }, text},
		{"ValueAck/Reflected", func(v codec.Value, ack func(codec.Value)) error { ack(v); return nil }, text},
		{"StringAck", func(s string, ack func(string)) { ack(s) }, text},
		{"StringAck/Reflected", func(s string, ack func(string)) error { ack(s); return nil }, text},
		{"Struct", func(context.Context, message) {}, []any{message{"kitchen", "hello everybody"}}},
		{"StructAck", func(_ context.Context, m message, ack func(message)) { ack(m) },
			[]any{message{"kitchen", "hello everybody"}}},
		{"IntStringBool", func(int, string, bool) {}, []any{12, "hello", true}},
		{"Rest", func(...codec.Value) {}, []any{12, "hello", true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			h, err := handler.New(c.fn)
			require.NoError(b, err)
			a := args(b, c.args...)
			ack := func(...any) {}
			b.ReportAllocs()
			for b.Loop() {
				if err := h.Call(b.Context(), a, ack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
