package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/transport"
)

func TestCanceledReceiveLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		const total = 3000
		var publishing sync.WaitGroup
		defer publishing.Wait()
		publishing.Go(func() {
			for i := 0; i < total; {
				n := min(1+rand.IntN(20), total-i)
				payloads := make([]string, n)
				for j := range payloads {
					payloads[j] = fmt.Sprint(i + j)
				}
				if err := d.Publish(within(t), messages("a", payloads...)...); err != nil {
					t.Errorf("Publish: %v", err)
					return
				}
				i += n
			}
		})
		canceled, overall := 0, within(t)
		for i := 0; i < total; {
			ctx, cancel := context.WithTimeout(overall, time.Duration(rand.IntN(300))*time.Microsecond)
			m, err := s.Receive(ctx)
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded, "only the context may end Receive")
				require.NoError(t, overall.Err(), "after %d messages", i)
				canceled++
				if canceled%50 == 0 { // other calls must work in between, too
					require.NoError(t, s.Listen(overall, "b"))
					require.NoError(t, s.Unlisten(overall, "b"))
				}
				continue
			}
			require.Equal(t, fmt.Sprint(i), string(m.Payload))
			i++
		}
		t.Logf("%d calls of Receive were canceled", canceled)
		require.Positive(t, canceled)
	})
}

func TestReceiveReturnsWhenItsContextEnds(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := s.Receive(ctx)
		require.Equal(t, context.Canceled, err)
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err = s.Receive(ctx)
		require.Equal(t, context.Canceled, err)
		expect(t, d, s, "a")
	})
}

func TestListenAndUnlistenTakeEffectOnReturn(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "always", "always")
		for i := range 20 {
			require.NoError(t, d.Publish(within(t), messages("sometimes", "unreceived")...))
			require.NoError(t, s.Listen(within(t), "sometimes"))
			require.NoError(t, d.Publish(within(t), messages("sometimes", fmt.Sprint(i))...))
			expect(t, d, s, "sometimes", fmt.Sprint(i))
			require.NoError(t, s.Unlisten(within(t), "sometimes"))
			require.NoError(t, s.Unlisten(within(t), "never listened to"))
			require.NoError(t, d.Publish(within(t), messages("sometimes", "unreceived")...))
			expect(t, d, s, "always")
		}
	})
}

func TestListenWhileThousandsArrive(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		payloads := make([]string, 5000)
		for i := range payloads {
			payloads[i] = fmt.Sprint(i)
		}
		require.NoError(t, d.Publish(within(t), messages("a", payloads...)...))
		require.NoError(t, s.Listen(within(t), "b"),
			"the answer comes after 5000 notifications that are not received yet")
		expect(t, d, s, "a", payloads...)
	})
}

func TestClosedSessionReturnsErrClosed(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d := newDriver(t, k, pgtest.Database(t))
		s := listen(t, d, "a")
		require.NoError(t, d.Publish(within(t), messages("a", "unread")...))
		require.NoError(t, s.Close(within(t)))
		require.NoError(t, s.Close(within(t)), "a second Close does nothing")
		_, err := s.Receive(within(t))
		require.ErrorIs(t, err, transport.ErrClosed)
		require.ErrorIs(t, s.Listen(within(t), "a"), transport.ErrClosed)
		require.ErrorIs(t, s.Unlisten(within(t), "a"), transport.ErrClosed)
	})
}
