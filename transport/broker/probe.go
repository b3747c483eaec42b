package broker

import (
	"context"
	"errors"
	"time"
)

// ErrSilent is the final error of a session whose broker has not answered the last probes.
var ErrSilent = errors.New("broker: the connection is open, but the broker does not answer any more")

// maxUnanswered is how many probes in a row may remain without an answer.
const maxUnanswered = 10

// Alive reports that the broker has answered a probe.
func (s *Session) Alive() { s.unanswered.Store(0) }

// sendProbes calls Config.Probe in each interval until ctx ends.
func (s *Session) sendProbes(ctx context.Context) {
	defer close(s.probed)
	ticker := time.NewTicker(s.config.ProbeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if s.unanswered.Add(1) > maxUnanswered {
			s.End(ErrSilent)
			return
		}
		if err := s.config.Probe(ctx); err != nil {
			s.End(err)
			return
		}
	}
}
