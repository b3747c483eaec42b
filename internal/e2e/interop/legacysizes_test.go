package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// legacySizeScenarios are broadcasts of sizes around the limits, and the order of small and large ones.
var legacySizeScenarios = []scenario{
	{types: codec.Broadcast, name: "1Byte", run: func(f *fixture) { legacySizes(f, 1, 1, 1) }},
	{types: codec.Broadcast, name: "4999To5001Bytes", run: func(f *fixture) { legacySizes(f, 4999, 5001, 1) }},
	{types: codec.Broadcast, name: "base64Of4990To5010Bytes", run: func(f *fixture) { legacySizes(f, 3680, 3720, 1) }},
	{types: codec.Broadcast, name: "7800To8100Bytes", run: func(f *fixture) { legacySizes(f, 5780, 6050, 1) }},
	{types: codec.Broadcast, name: "65536Bytes", run: func(f *fixture) { legacySizes(f, 65535, 65537, 1) }},
	{types: codec.Broadcast, name: "1MiB", run: func(f *fixture) { legacySizes(f, 1<<20, 1<<20, 1) }},
	{types: codec.Broadcast, name: "smallAndLargeKeepTheirOrder", run: legacyOrder},
}

// legacySizes sends events with texts of so many bytes, without waiting for their arrival. All must arrive in order,
// apart from those that the package cannot send.
func legacySizes(f *fixture, least, most, step int) {
	all := f.audience()
	var lost []int
	for n := least; n <= most; n += step {
		f.emit(f.from, interop.Target{}, "e", strings.Repeat("x", n))
		if !f.from.kind().isGo() && f.tooLong(n) {
			lost = append(lost, n)
		}
	}
	for i, c := range all {
		for n := least; n <= most; n += step {
			if i < 2 && len(lost) > 0 && n >= lost[0] && n <= lost[len(lost)-1] {
				continue
			}
			e := f.next(c)
			require.Equal(f, "e", e.Event)
			require.Equal(f, n, len(e.Args[0].V.(string)), "client %d", i)
		}
	}
	for range lost {
		e, err := f.from.kind().peer.Errors.Next(f.ctx)
		require.NoError(f, err)
		require.Equal(f, "payload string too long", strings.TrimPrefix(e.Message, "error: "))
	}
	f.fence(f.from, all...)
}

// tooLong reports whether the package cannot send an event "e" with a text of n bytes: it cuts payloads of more than
// 8,000 characters into pieces, but NOTIFY's limit of 7,999 bytes is that of the message around it.
func (f *fixture) tooLong(n int) bool {
	payload := (n + 46 + len(f.nsp) + 2) / 3 * 4
	return payload <= 8000 && payload+len(`["`+f.prefix+`#`+f.nsp+`#",""]`) > 7999
}

// legacyOrder: the messages of one sender keep their order. (Node.js's nodes keep it here because they have one
// connection.)
func legacyOrder(f *fixture) {
	const n = 60
	args := []any{"small", strings.Repeat("large", 5000), []byte("binary"), []byte(strings.Repeat("€", 3000)), nil}
	all := f.audience()
	for i := range n {
		f.emit(f.from, interop.Target{}, "mixed", i, args[i%len(args)])
	}
	for _, c := range all {
		for i := range n {
			f.expect([]client{c}, "mixed", i, args[i%len(args)])
		}
	}
}

// TestInteropLegacyInterleaved: several nodes send large messages at once, and Node.js's nodes over several
// connections, so that the pieces of different messages interleave. All arrive, and those of a Go node in order.
func TestInteropLegacyInterleaved(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	w := newLegacyWorld(t)
	pooled := func(c *interop.Config) { c.PoolSize = 5 }
	sides := opened(t, ctx, w.startLegacy(t, pooled), w.startLegacy(t, pooled), w.startGo(t, pgxDriver),
		w.startGo(t, pqDriver))
	var clients []client
	for _, s := range sides {
		c, err := s.connect(ctx, interop.ClientSpec{})
		require.NoError(t, err)
		clients = append(clients, c)
	}
	const n = 30
	text := func(sender, i int) string { return strings.Repeat(fmt.Sprintf("%d %d €", sender, i), 500*(i%7)+1) }
	sent := make(chan error)
	for sender, s := range sides {
		go func() {
			var err error
			for i := 0; i < n && err == nil; i++ {
				err = s.Emit(ctx, interop.Target{}, "large", sender, i, text(sender, i))
			}
			sent <- err
		}()
	}
	for range sides {
		require.NoError(t, <-sent)
	}
	for receiver, c := range clients {
		got := make([][]int, len(sides))
		for range n * len(sides) {
			e, err := c.Next(ctx)
			require.NoError(t, err)
			sender, i := int(e.Args[0].V.(float64)), int(e.Args[1].V.(float64))
			require.True(t, e.Args[2].V == text(sender, i), "message %d of node %d", i, sender)
			got[sender] = append(got[sender], i)
		}
		for sender, numbers := range got {
			seen := make(map[int]bool)
			for k, i := range numbers {
				seen[i] = true
				if sides[sender].kind().isGo() {
					assert.Equal(t, k, i, "the order of node %d at %d", sender, receiver)
				}
			}
			assert.Len(t, seen, n, "messages of node %d at %d", sender, receiver)
		}
	}
}
