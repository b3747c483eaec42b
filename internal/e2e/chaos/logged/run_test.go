package logged_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos/logged"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestLoggedChaos makes short runs, one minute together. make chaos LOG=1 makes longer ones.
func TestLoggedChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	if os.Getenv(pgtest.EnvOwn) != "1" {
		t.Skip("needs to start and crash a PostgreSQL server: set " + pgtest.EnvOwn +
			"=1, or run the tests with make test")
	}
	modules := os.Getenv(nodejs.EnvModules)
	if modules == "" {
		t.Skip("needs Node.js and socket.io-client: set " + nodejs.EnvModules + ", or run the tests with make test")
	}
	const length = 30 * time.Second
	recovered := 0
	for _, seed := range []uint64{4, 32} {
		plan := logged.Postgres.NewPlan(seed, length)
		var log bytes.Buffer
		result, err := logged.Run(t.Context(), logged.Options{Plan: plan, Length: length, Rate: 400, Clients: 12,
			Away: 20 * time.Second, Modules: modules, Log: &log})
		if errors.Is(err, pgtest.ErrNoBinaries) {
			t.Skip(err)
		}
		require.NoError(t, err)
		ok := result.Print(&log)
		t.Logf("%s\n%s", plan, log.String())
		require.True(t, ok, "there were violations, see above; make chaos LOG=1 CHAOS=30s SEED=%d repeats the faults",
			seed)
		require.Greater(t, result.Verdict.Acknowledged, 3000, "the run must follow more than 3000 events")
		require.Greater(t, result.Verdict.Received, result.Verdict.Acknowledged, "a room has several clients")
		recovered += result.Verdict.Recovered
		require.Positive(t, result.Verdict.Gaps, "the faults must cause gaps")
	}
	require.Greater(t, recovered, 10, "the faults must make clients come back, who are recovered")
}

// TestPlan checks that a plan depends only on its arguments, and that it has a fault every second.
func TestPlan(t *testing.T) {
	plan := logged.Postgres.NewPlan(7, 10*time.Minute)
	require.Equal(t, plan.String(), logged.Postgres.NewPlan(7, 10*time.Minute).String())
	require.NotEqual(t, plan.String(), logged.Postgres.NewPlan(8, 10*time.Minute).String())
	require.Greater(t, len(plan.Steps), 500)
	for _, kind := range logged.Postgres.Kinds() {
		require.Greater(t, strings.Count(plan.String(), "  "+kind+" "), 10, kind)
	}
	only := logged.Postgres.NewPlan(7, time.Minute, "restart")
	require.NotEmpty(t, only.Steps)
	require.Equal(t, len(only.Steps), strings.Count(only.String(), " restart "))
}
