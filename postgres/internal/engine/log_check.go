package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

// receivedAt is a message of the log that a session has received. Its epoch is empty if there is none.
type receivedAt struct {
	channel string
	transport.Position
}

// noteReceived remembers the last message of a session for the next one.
func (l *eventLog) noteReceived(at receivedAt) {
	if at.Epoch == "" {
		return
	}
	l.mu.Lock()
	l.received = at
	l.mu.Unlock()
}

// checkLog begins a new epoch of the log if the server has lost the last message that the session before has received.
// Then an older copy of the server has taken its place. The caller holds callMu.
func (s *LogSession) checkLog(ctx context.Context) error {
	log := s.bus.log
	log.mu.Lock()
	at := log.received
	log.mu.Unlock()
	if at.Epoch == "" {
		return nil
	}
	// A role may have another isolation level, in which the second statement would not see what others have just
	// changed. Each statement is sent alone, because lib/pq expects that.
	for _, statement := range []string{
		"BEGIN ISOLATION LEVEL READ COMMITTED",
		fmt.Sprintf("%s(%s, %s, %d)", log.checkEpoch, quoteLiteral(at.channel), quoteLiteral(at.Epoch),
			at.Offset.Major),
		"COMMIT",
	} {
		refused, err := s.exec(ctx, statement)
		if err != nil && !refused {
			return err
		}
		// A refusal, such as that to wait for a locked table, makes COMMIT roll back. The log cannot be read either
		// then.
	}
	return nil
}

// errNotCurrent means that nothing can be read from the log before its new epoch has begun.
var errNotCurrent = errors.New("postgres: the log is about to begin a new epoch")

// readCurrent calls read, which reads from the log. If the log is not current, it begins a new epoch and reads again.
func readCurrent[T any](ctx context.Context, b *Bus, read func() (T, error)) (T, error) {
	got, err := retry(ctx, b.pool.IsBroken, read)
	for tries := 1; tries < 5 && errors.Is(err, errNotCurrent); tries++ {
		_, err = retry(ctx, b.pool.IsBroken, func() (struct{}, error) {
			return struct{}{}, b.pool.Exec(ctx, b.log.checkEpoch+"('', '', NULL)")
		})
		if err == nil || sqlState(err) == serializationFailure { // then somebody else has begun it
			got, err = retry(ctx, b.pool.IsBroken, read)
		}
	}
	return got, err
}
