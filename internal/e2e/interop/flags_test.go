package interop_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func flagged(name string, target interop.Target, want map[string]any) scenario {
	return scenario{types: codec.Broadcast, name: name, run: func(f *fixture) {
		c := f.join(f.to)
		f.emit(f.from, target, "flagged")
		f.expect([]client{c}, "flagged")
		opts, _ := f.sent(f.from, 3).Data()["opts"].(map[string]any)
		flags, _ := opts["flags"].(map[string]any)
		if flags == nil {
			flags = map[string]any{}
		}
		require.Equal(f, want, flags, "flags of the message on the wire")
	}}
}

func ptr[T any](v T) *T { return &v }

var flagScenarios = []scenario{
	flagged("noFlags", interop.Target{}, map[string]any{}),
	flagged("volatile", interop.Target{Volatile: true}, map[string]any{"volatile": true}),
	flagged("compressFalse", interop.Target{Compress: ptr(false)}, map[string]any{"compress": false}),
	flagged("compressTrue", interop.Target{Compress: ptr(true)}, map[string]any{"compress": true}),
	flagged("timeoutInMilliseconds", interop.Target{}.Timeout(1500*time.Millisecond),
		map[string]any{"timeout": 1500.0}),
	flagged("allFlags", interop.Target{Volatile: true, Compress: ptr(true)}.Timeout(time.Second),
		map[string]any{"volatile": true, "compress": true, "timeout": 1000.0}),
}
