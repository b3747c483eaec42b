package engineio

import (
	"context"
	"time"
)

// Drain refuses new sessions and ends the others with ServerShutdown, one after the other, spread evenly over a time.
// Their clients get what is queued, and a close message. Drain returns when it has ended all of them, when ctx ends, or
// when stop is closed. Call Shutdown after it.
func (s *Server) Drain(ctx context.Context, over time.Duration, stop <-chan struct{}) {
	sessions := s.refuseMore()
	pace(ctx, len(sessions), over, stop, func(i int) (more bool) {
		sessions[i].end(ServerShutdown, nil, closeMessage(ServerShutdown))
		return s.Len() > 0
	})
}

// minStep is the shortest time between two steps of pace. A step may make many calls.
const minStep = 10 * time.Millisecond

// pace calls f for 0 to n-1, spread evenly over a time. It stops when f returns false, when ctx ends, or when stop is
// closed.
func pace(ctx context.Context, n int, over time.Duration, stop <-chan struct{}, f func(i int) (more bool)) {
	if n == 0 {
		return
	}
	began := time.Now()
	ticker := time.NewTicker(max(over/time.Duration(n), minStep))
	defer ticker.Stop()
	for i := 0; ; {
		due := n
		if elapsed := time.Since(began); elapsed < over {
			due = min(n, 1+int(float64(n)*float64(elapsed)/float64(over)))
		}
		for ; i < due; i++ {
			if !f(i) {
				return
			}
		}
		if i == n {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		case <-stop:
			return
		}
	}
}
