package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
)

// stream sends numbered messages in one namespace, one after the other.
type stream struct {
	node   int
	number int
	ns     *backplane.Namespace
	record *recorder
	random *rand.Rand
	seq    int
	burst  atomic.Int64 // small messages to send without waiting
	large  atomic.Int64 // messages too large for a notification to send without waiting
	limit  time.Duration
}

// sendUntil sends rate messages per second until ctx ends.
func (s *stream) sendUntil(ctx context.Context, rate int) {
	pause := time.Second / time.Duration(rate)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for n := s.burst.Swap(0); n > 0 && ctx.Err() == nil; n-- {
			s.queue(0, false)
		}
		for n := s.large.Swap(0); n > 0 && ctx.Err() == nil; n-- {
			s.queue(9000, n%2 == 0)
		}
		s.next()
	}
}

// next sends a message in a random way. Stream 0 uses all ways to send; the others mostly do not wait.
func (s *stream) next() {
	way := s.random.IntN(100)
	size, binary := s.body()
	switch {
	case s.number > 0 && way < 95, way < 30:
		s.queue(size, binary)
	case way < 65:
		ctx, cancel := context.WithCancel(context.Background())
		s.wait(ctx, "Emit", 0, size, binary)
		cancel()
	default:
		limit := 300*time.Millisecond + time.Duration(s.random.Int64N(int64(2*time.Second)))
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		s.wait(ctx, "Emit", limit, size, binary)
		cancel()
	}
}

// body returns the size and kind of the next message's body. Those of stream 0 may be too large for a notification, or
// binary.
func (s *stream) body() (size int, binary bool) {
	size = s.random.IntN(200)
	if s.number > 0 {
		return size, false
	}
	switch n := s.random.IntN(100); {
	case n < 8:
		return 8000 + s.random.IntN(50_000), false
	case n < 14:
		return s.random.IntN(100_000), true
	}
	return size, false
}

func (s *stream) args(size int, binary bool) []any {
	s.seq++
	var body any
	if body = text(s.node, s.number, s.seq, size); binary {
		body = []byte(body.(string))
	}
	return []any{s.node, s.number, s.seq, size, body}
}

// wait sends a message and waits for its outcome.
func (s *stream) wait(ctx context.Context, name string, limit time.Duration, size int, binary bool) bool {
	args := s.args(size, binary)
	e := Event{Kind: Sent, Name: name, Stream: s.number, Seq: s.seq, Begin: now(), Limit: limit.Microseconds()}
	if limit == 0 {
		e.Limit = s.limit.Microseconds()
	}
	err := s.ns.Emit(ctx, eventName, args...)
	e.At, e.Outcome = now(), outcome(err, OK)
	if err != nil {
		e.Text = err.Error()
	}
	s.record.note(e)
	return err == nil
}

// computing is the time limit of a call that does not wait. It is not 0, because the call's thread may be
// paused for a while without the process noticing.
const computing = 200 * time.Millisecond

// queue sends a message without waiting.
func (s *stream) queue(size int, binary bool) {
	args := s.args(size, binary)
	e := Event{Kind: Sent, Name: "EmitAsync", Stream: s.number, Seq: s.seq, Begin: now()}
	err := s.ns.EmitAsync(eventName, args...)
	e.At, e.Outcome = now(), outcome(err, Queued)
	if e.Outcome == Queued {
		e.Limit = computing.Microseconds()
	}
	if err != nil {
		e.Text = err.Error()
	}
	s.record.note(e)
}

// outcome returns what an error means for the message.
func outcome(err error, good Outcome) Outcome {
	switch {
	case err == nil:
		return good
	case errors.Is(err, backplane.ErrUnconfirmed):
		return Unknown
	default:
		return Refused
	}
}

// fence sends messages until one was certainly published, or ctx ends.
func (s *stream) fence(ctx context.Context) error {
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
		ok := s.wait(bounded, "Emit", 2*time.Second, 0, false)
		cancel()
		if ok {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("stream %d: no message was published", s.number)
}
