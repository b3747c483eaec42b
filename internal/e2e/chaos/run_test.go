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

// TestChaos is a short run. make chaos makes longer ones.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	if os.Getenv(pgtest.EnvOwn) != "1" {
		t.Skip("needs to start and crash a PostgreSQL server: set " + pgtest.EnvOwn +
			"=1, or run the tests with make test")
	}
	const length = 22 * time.Second
	// its faults include crashes of the server, reused row numbers, paused and starved processes
	plan := chaos.NewPlan(255885, length)
	var log bytes.Buffer
	result, err := chaos.Run(t.Context(), chaos.Options{Plan: plan, Length: length, Rate: 30,
		Tolerance: 5 * time.Second, Modules: os.Getenv(nodejs.EnvModules), Log: &log})
	if errors.Is(err, pgtest.ErrNoBinaries) {
		t.Skip(err)
	}
	require.NoError(t, err)
	ok := result.Print(&log)
	t.Logf("%s\n%s", plan, log.String())
	require.True(t, ok, "there were violations, see above; make chaos CHAOS=22s SEED=%d repeats the run", plan.Seed)
	require.Greater(t, result.Verdict.Delivered, 500, "the run must follow more than 500 messages")
	require.Positive(t, result.Verdict.Gaps, "the faults must cause gaps")
}
