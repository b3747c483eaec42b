package pgxdriver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport"
)

// Contexts also end in the middle of TLS records.
func TestCanceledReceiveOverTLSLosesNothing(t *testing.T) {
	database := pgtest.Encrypted(t, pgtest.Database(t))
	pool, err := pgxpool.New(within(t), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	d := New(pool)
	t.Cleanup(func() { require.NoError(t, d.Close(within(t))) })
	s, err := d.Open(within(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(within(t))) })
	require.NoError(t, s.Listen(within(t), "a"))

	const total = 5000
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() {
		for i := 0; i < total; {
			msgs := make([]transport.Message, min(1+rand.IntN(100), total-i))
			for j := range msgs {
				msgs[j] = transport.Message{Channel: "a", Payload: fmt.Appendf(nil, "%d %0*d", i+j, rand.IntN(1000), 0)}
			}
			if err := d.Publish(within(t), msgs...); err != nil {
				t.Errorf("Publish: %v", err)
				return
			}
			i += len(msgs)
		}
	})
	overall := within(t)
	canceled := 0
	for i := 0; i < total; {
		ctx, cancel := context.WithTimeout(overall, time.Duration(rand.IntN(300))*time.Microsecond)
		m, err := s.Receive(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, overall.Err(), "after %d messages", i)
			if canceled++; canceled%50 == 0 {
				require.NoError(t, s.Listen(overall, "b"))
			}
			continue
		}
		var n int
		_, err = fmt.Sscan(string(m.Payload), &n)
		require.NoError(t, err)
		require.Equal(t, i, n)
		i++
	}
	require.Positive(t, canceled)
}
