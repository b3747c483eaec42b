package engineio_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestDrainIsEven(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		over time.Duration
	}{
		"Few":  {4, 10 * time.Second},
		"Many": {100_000, 10 * time.Second}, // more than one in each step
		"Now":  {1000, 0},
		"None": {0, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				next := 0
				engineio.Pace(t.Context(), c.n, c.over, nil, func(i int) bool {
					require.Equal(t, next, i)
					next++
					even := time.Duration(float64(c.over) * float64(i) / float64(c.n))
					late := time.Since(began) - even
					require.GreaterOrEqual(t, late, -time.Microsecond, "call %d", i)
					require.LessOrEqual(t, late, max(engineio.MinStep, time.Microsecond), "call %d", i)
					return true
				})
				require.Equal(t, c.n, next)
				require.LessOrEqual(t, time.Since(began), c.over)
			})
		})
	}
}

func TestDrainStops(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		stop chan struct{}
		last int // the call that returns false
	}{
		"WithItsContext":        {canceled, nil, -1},
		"WhenTheServerCloses":   {t.Context(), closed, -1},
		"WhenNoSessionsAreLeft": {t.Context(), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			engineio.Pace(c.ctx, 1000, time.Hour, c.stop, func(i int) bool {
				calls++
				return i != c.last
			})
			require.Equal(t, 1, calls)
		})
	}
}

// The clients get what is queued and a close message, one after the other. Meanwhile new ones are refused.
func TestDrainEndsTheSessions(t *testing.T) {
	h := serve(t, engineio.Config{ShutdownTimeout: patience})
	s, c := h.connect(t)
	c.Send(text("x"), engineio.SendOptions{})
	p, polling := h.poll(t)
	drained := async(func() error {
		h.Drain(t.Context(), 50*time.Millisecond, nil)
		return nil
	})
	require.Equal(t, "4x", s.text(t))
	s.requireCloseFrame(t, ws.StatusGoingAway)
	require.Equal(t, "1", p.get(t).body)
	for _, c := range []*session{c, polling} {
		c.ended(t, engineio.ServerShutdown)
	}
	require.NoError(t, receive(t, drained, "Drain"))
	answer := h.request(t, "GET", "transport=polling", "")
	require.Equal(t, 503, answer.status)
	require.Contains(t, answer.body, `"reason":"the server is shutting down"`)
	_, status, _ := h.tryDial(t, "")
	require.Equal(t, 503, status)
	require.NoError(t, s.Close())
	require.NoError(t, h.Shutdown(t.Context()))
}
