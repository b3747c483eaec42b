package engineio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// fillSocket sends frames to a client that does not read, until its socket is full. It returns how many frames
// were sent.
func fillSocket(t testing.TB, c *session, f *wsframe.Frame) int {
	t.Helper()
	for n := 1; n < 10_000; n++ {
		require.True(t, c.Send(f, engineio.SendOptions{}), "after %d frames", n)
		// Count looks instead of measuring time, which may pass while the writer does not run.
		for looks := 0; c.Queued() > 0; looks++ {
			if looks == 100 {
				return n // the writer has had time to try
			}
			time.Sleep(time.Millisecond)
		}
	}
	t.Fatal("the socket does not become full")
	return 0
}

func TestSlowReader(t *testing.T) {
	const queue, large = 100, 100_000

	t.Run("FullQueueEndsTheSession", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueue: queue})
		_, slow := h.connect(t)
		fast, other := h.connect(t)
		f := text(strings.Repeat("x", large))
		fillSocket(t, slow, f)
		sent := 0
		for slow.Send(f, engineio.SendOptions{}) {
			sent++
			other.Send(f, engineio.SendOptions{})
			require.Len(t, fast.text(t), 1+large, "the other client must not be held up")
			require.LessOrEqual(t, sent, queue)
		}
		slow.ended(t, engineio.SendQueueFull)
		require.False(t, slow.Send(f, engineio.SendOptions{}))
		require.Equal(t, 0, slow.Queued(), "the queue must be dropped")
	})

	t.Run("QueueIsBoundedInBytes", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueueBytes: 5 * large})
		_, slow := h.connect(t)
		f := text(strings.Repeat("x", large))
		fillSocket(t, slow, f)
		sent := 0
		for slow.Send(f, engineio.SendOptions{}) {
			sent++
		}
		require.LessOrEqual(t, sent, 5)
		slow.ended(t, engineio.SendQueueFull)
	})

	t.Run("OneFrameMayBeLargerThanTheQueue", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueueBytes: 1000})
		s, c := h.connect(t)
		require.True(t, c.Send(text(strings.Repeat("x", large)), engineio.SendOptions{}))
		require.Len(t, s.text(t), 1+large)
	})

	t.Run("VolatileFramesAreDroppedWhenTheSocketIsFull", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueue: queue})
		s, c := h.connect(t)
		f := text(strings.Repeat("x", large))
		n := fillSocket(t, c, f)
		require.False(t, c.Send(text("dropped"), engineio.SendOptions{Volatile: true}))
		require.True(t, c.Send(text("kept"), engineio.SendOptions{}))
		for range n {
			require.Len(t, s.text(t), 1+large)
		}
		require.Equal(t, "4kept", s.text(t), "accepted frames must arrive completely and in their order")
		require.Eventually(t, func() bool { return c.Send(text("taken"), engineio.SendOptions{Volatile: true}) },
			patience, time.Millisecond)
		require.Equal(t, "4taken", s.text(t))
	})

	t.Run("CloseWaitsForAClientThatReadsLater", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		s, c := h.connect(t)
		f := text(strings.Repeat("x", large))
		n := fillSocket(t, c, f)
		c.Close(engineio.ForcedClose)
		c.ended(t, engineio.ForcedClose)
		for range n {
			require.Len(t, s.text(t), 1+large)
		}
		s.requireCloseFrame(t, ws.StatusNormalClosure)
	})

	t.Run("ClientThatReadsNothingTimesOut", func(t *testing.T) {
		h := serve(t, engineio.Config{PingInterval: 200 * time.Millisecond, PingTimeout: 200 * time.Millisecond,
			SendQueueBytes: 100 << 20})
		_, c := h.connect(t)
		f := text(strings.Repeat("x", 1_000_000))
		for range 10 {
			c.Send(f, engineio.SendOptions{})
		}
		c.ended(t, engineio.PingTimeout)
	})

	t.Run("PingsOfAClientThatReadsNothingAreBounded", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueue: queue})
		s, c := h.connect(t)
		fillSocket(t, c, text(strings.Repeat("x", large)))
		ping := masked(ws.NewPingFrame([]byte("x")))
		for range 2 * queue {
			if _, err := s.Write(ping); err != nil {
				break
			}
		}
		c.ended(t, engineio.SendQueueFull)
	})

	t.Run("QueueOfAPollingClientIsBounded", func(t *testing.T) {
		h := serve(t, engineio.Config{SendQueue: queue})
		p, c := h.poll(t)
		for i := range queue {
			require.True(t, c.Send(text("x"), engineio.SendOptions{}), "frame %d", i)
		}
		require.False(t, c.Send(text("x"), engineio.SendOptions{Volatile: true}))
		require.False(t, c.Send(text("x"), engineio.SendOptions{}))
		c.ended(t, engineio.SendQueueFull)
		require.Equal(t, 400, p.get(t).status)
	})
}
