package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
)

// texts decodes a parameter of a batch like the server.
func texts(tb testing.TB, b Batch, p []byte) []string {
	tb.Helper()
	if b.Items == 1 {
		return []string{string(p)}
	}
	word := func() int {
		n := binary.BigEndian.Uint32(p)
		p = p[4:]
		return int(n)
	}
	require.Equal(tb, []int{1, 0, 25, b.Items, 1}, []int{word(), word(), word(), word(), word()})
	items := make([]string, b.Items)
	for i := range items {
		n := word()
		items[i], p = string(p[:n]), p[n:]
	}
	require.Empty(tb, p)
	return items
}

func TestRoundsKeepAllMessagesInOrderAndEqualOnesApart(t *testing.T) {
	for range 20 {
		msgs := make([]transport.Message, rand.IntN(5000))
		for i := range msgs {
			payload := fmt.Sprint(rand.IntN(1 + rand.IntN(3000)))
			msgs[i] = transport.Message{
				Channel: fmt.Sprint("c", rand.IntN(3)),
				Payload: []byte(payload + strings.Repeat("x", rand.IntN(1+rand.IntN(2000)))),
			}
		}
		b := newBatcher()
		done := 0
		for done < len(msgs) {
			batches, n := b.round(msgs[done:])
			require.NotEmpty(t, batches)
			require.LessOrEqual(t, len(batches), maxRound)
			sum := 0
			for _, batch := range batches {
				channels, payloads := texts(t, batch, batch.Channels), texts(t, batch, batch.Payloads)
				require.LessOrEqual(t, batch.Items, maxBatchItems)
				if batch.Items > 1 {
					require.LessOrEqual(t, len(batch.Payloads), maxBatchBytes+maxBatchItems*8)
				}
				seen := make(map[[2]string]bool)
				for i := range channels {
					require.Equal(t, msgs[done+sum],
						transport.Message{Channel: channels[i], Payload: []byte(payloads[i])})
					pair := [2]string{channels[i], payloads[i]}
					require.False(t, seen[pair], "PostgreSQL would merge equal messages")
					seen[pair] = true
					sum++
				}
			}
			require.Equal(t, n, sum)
			done += n
		}
	}
}

func TestDistinctMessagesShareAStatement(t *testing.T) {
	msgs := make([]transport.Message, 256)
	for i := range msgs {
		msgs[i] = transport.Message{Channel: "c", Payload: []byte(fmt.Sprint(i))}
	}
	batches, n := newBatcher().round(msgs)
	require.Len(t, batches, 1)
	require.Equal(t, 256, n)
}
