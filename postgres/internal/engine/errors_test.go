package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
)

// dueContext is a context whose deadline has passed, but whose timer has not run yet.
type dueContext struct{ context.Context }

func (dueContext) Deadline() (time.Time, bool) { return time.Now(), true }

// A connection has the same deadline as the context and may be the first to notice that it has passed.
func TestTimeoutOfAConnectionCountsAsTheDeadlineOfTheContext(t *testing.T) {
	timeout := errors.New("dial: i/o timeout")
	err := unreachable(dueContext{t.Context()}, timeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, postgres.ErrUnreachable)

	_, err = retry(dueContext{t.Context()}, nil, func() (int, error) { return 0, timeout })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, timeout)

	require.NotErrorIs(t, unreachable(t.Context(), timeout), context.DeadlineExceeded)
}
