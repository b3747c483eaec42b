package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
)

// due is a context whose deadline has passed, but whose timer has not run yet.
type due struct{ context.Context }

func (due) Deadline() (time.Time, bool) { return time.Now(), true }

// A connection has the deadline of the context too, and may notice first that it has passed.
func TestDeadlineThatAConnectionNoticesFirstIsThatOfTheContext(t *testing.T) {
	timeout := errors.New("dial: i/o timeout")
	err := unreachable(due{t.Context()}, timeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, postgres.ErrUnreachable)

	err = repeatable(due{t.Context()}, nil, func() error { return timeout })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, timeout)

	require.NotErrorIs(t, unreachable(t.Context(), timeout), context.DeadlineExceeded)
}
