package interop_test

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// asyncSide is a side that can emit without waiting.
type asyncSide interface {
	EmitAsync(to interop.Target, event string, args ...any) error
}

// orderScenarios: our nodes send in order and deliver in the order received. Node.js nodes do neither: their messages
// race through the pool, and on receipt a small message overtakes an earlier attachment.
var orderScenarios = []scenario{
	{types: codec.Broadcast, name: "mixedInlineAndAttachedKeepTheirOrder", brief: true, run: func(f *fixture) {
		mixed(f, func(i int, arg any) { f.emit(f.from, interop.Target{}, "mixed", i, arg) })
	}},
	{types: codec.Broadcast, name: "mixedWithoutWaitingKeepTheirOrder", run: func(f *fixture) {
		async, ok := f.from.(asyncSide)
		if !ok {
			f.Skip("this side has no EmitAsync")
		}
		mixed(f, func(i int, arg any) { require.NoError(f, async.EmitAsync(interop.Target{}, "mixed", i, arg)) })
	}},
}

func mixed(f *fixture, emit func(i int, arg any)) {
	const n = 60
	large := []any{"small", strings.Repeat("large", 2000), []byte("binary")}
	c := f.join(f.to)
	var sent, onWire, received []int
	for i := range n {
		emit(i, large[i%len(large)])
		sent = append(sent, i)
	}
	for range n {
		e := f.next(c)
		require.Len(f, e.Args, 2, "arguments of %s", e.Event)
		i := int(e.Args[0].V.(float64))
		f.same(large[i%len(large)], e.Args[1].V)
		received = append(received, i)
	}
	for range n {
		onWire = append(onWire, wireNumber(f))
	}
	if f.from.kind().isGo() {
		require.Equal(f, sent, onWire, "the order on the wire must be the order of the calls")
	}
	if f.to.kind().isGo() {
		require.Equal(f, onWire, received, "the order of delivery must be the order on the wire")
	}
	slices.Sort(received)
	require.Equal(f, sent, received, "each message must arrive exactly once")
	f.fence(f.from, c)
}

// wireNumber returns the number in the next message on the wire.
func wireNumber(f *fixture) int {
	f.Helper()
	packet, _ := f.sent(f.from, 3).Data()["packet"].(map[string]any)
	args, _ := packet["data"].([]any)
	require.Len(f, args, 3)
	return int(args[1].(float64))
}
