package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

func TestEqualMessagesAreMadeDifferentIfTheBusNeedsIt(t *testing.T) {
	encode := func(w *wire.Wire) string {
		args, err := codec.NewArgs("tick", 1)
		require.NoError(t, err)
		p, toStore, err := w.Encode(nil,
			&codec.Envelope{Type: codec.Broadcast, UID: "0123456789abcdef", NSP: "/", Args: args})
		require.NoError(t, err)
		require.False(t, toStore)
		return string(p)
	}
	for _, distinct := range []bool{true, false} {
		w := newWire(t, wire.Config{Codec: jsonmsgpack.Codec{},
			Limits: transport.Limits{Text: true, Distinct: distinct}})
		seen := make(map[string]bool)
		for range 100 {
			p := encode(w)
			seen[p] = true
			env, err := w.Decode(channel, []byte(p))
			require.NoError(t, err, p)
			assert.Equal(t, "tick", env.Args.Event())
		}
		if distinct {
			assert.Len(t, seen, 100,
				"a bus with Limits.Distinct sends each of several equal messages in its own round trip")
		} else {
			assert.Len(t, seen, 1, "a bus that accepts equal messages gets no extra bytes")
		}
	}
}
