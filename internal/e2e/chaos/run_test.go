package chaos_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestChaos is a short run. make chaos is the long one.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	if os.Getenv(pgtest.EnvOwn) != "1" {
		t.Skip("needs a PostgreSQL of its own to crash: set " + pgtest.EnvOwn + "=1, or run the tests with make test")
	}
	const length = 22 * time.Second
	plan := chaos.NewPlan(255885, length) // it has the server crash, rows given again, processes stopped and starved
	var log bytes.Buffer
	result, err := chaos.Run(t.Context(), chaos.Options{Plan: plan, Length: length, Rate: 30, Modules: os.Getenv(nodejs.EnvModules), Log: &log})
	if errors.Is(err, pgtest.ErrNoBinaries) {
		t.Skip(err)
	}
	require.NoError(t, err)
	ok := result.Print(&log)
	t.Logf("%s\n%s", plan, log.String())
	require.True(t, ok, "something happened that must not: see above; make chaos CHAOS=22s SEED=%d tries it again", plan.Seed)
	require.Greater(t, result.Verdict.Delivered, 500, "messages were followed")
	require.Positive(t, result.Verdict.Gaps, "the faults did their work")
}
