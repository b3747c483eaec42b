package logged

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane"
)

// eventName is the event that is followed. Its arguments are the name of the stream and the number.
const eventName = "ev"

// stream sends numbered events, one after the other.
type stream struct {
	name   string
	target backplane.Target
	record *recorder
	seq    int
}

// sendUntil sends rate events per second until ctx ends.
func (s *stream) sendUntil(ctx context.Context, rate float64) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.send()
		case <-ctx.Done():
			return
		}
	}
}

// send sends an event and waits for its outcome.
func (s *stream) send() {
	s.seq++
	e := Event{Kind: Sent, Stream: s.name, Seq: s.seq, Begin: now()}
	ctx, cancel := context.WithTimeout(context.Background(), 2*publishTimeout)
	defer cancel()
	err := s.target.Emit(ctx, eventName, s.name, s.seq)
	e.At = now()
	e.Outcome, e.Text = outcomeOf(err)
	s.record.note(e)
}

func outcomeOf(err error) (Outcome, string) {
	switch {
	case err == nil:
		return OK, ""
	case errors.Is(err, backplane.ErrUnconfirmed):
		return Unknown, err.Error()
	default:
		return Refused, err.Error()
	}
}
