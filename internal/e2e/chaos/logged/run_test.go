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

// modules returns the folder with the clients' package. It skips the test if it must not make a run.
func modules(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	modules := os.Getenv(nodejs.EnvModules)
	if modules == "" {
		t.Skip("needs Node.js and socket.io-client: set " + nodejs.EnvModules + ", or run the tests with make test")
	}
	return modules
}

// TestLoggedChaos makes short runs, one minute together. make chaos LOG=1 makes longer ones.
func TestLoggedChaos(t *testing.T) {
	modules := modules(t)
	if os.Getenv(pgtest.EnvOwn) != "1" {
		t.Skip("needs to start and crash a PostgreSQL server: set " + pgtest.EnvOwn +
			"=1, or run the tests with make test")
	}
	const length = 30 * time.Second
	recovered := 0
	for _, seed := range []uint64{4, 32} {
		plan := logged.Postgres.NewPlan(seed, length)
		result := inject(t, logged.Options{Plan: plan, Length: length, Rate: 400, Clients: 12, Away: 20 * time.Second,
			Modules: modules})
		require.Greater(t, result.Verdict.Acknowledged, 3000, "the run must follow more than 3000 events")
		require.Greater(t, result.Verdict.Received, result.Verdict.Acknowledged, "a room has several clients")
		recovered += result.Verdict.Recovered
		require.Positive(t, result.Verdict.Gaps, "the faults must cause gaps")
	}
	require.Greater(t, recovered, 10, "the faults must make clients come back, who are recovered")
}

// inject makes a run, in which no promise may be broken.
func inject(t *testing.T, o logged.Options) *logged.Result {
	t.Helper()
	var log bytes.Buffer
	o.Log = &log
	result, err := logged.Run(t.Context(), o)
	if errors.Is(err, pgtest.ErrNoBinaries) {
		t.Skip(err)
	}
	require.NoError(t, err)
	ok := result.Print(&log)
	t.Logf("%s\n%s", o.Plan, log.String())
	require.True(t, ok, "there were violations, see above; make chaos LOG=1 ENGINE=%s CHAOS=%v SEED=%d repeats the "+
		"faults", o.Plan.Engine.Name, o.Length, o.Plan.Seed)
	return result
}

// TestPlan checks that a plan depends only on its arguments, and that it has a fault every second.
func TestPlan(t *testing.T) {
	for _, engine := range logged.Engines {
		plan := engine.NewPlan(7, 10*time.Minute)
		require.Equal(t, plan.String(), engine.NewPlan(7, 10*time.Minute).String())
		require.NotEqual(t, plan.String(), engine.NewPlan(8, 10*time.Minute).String())
		require.Greater(t, len(plan.Steps), 500)
		for _, kind := range engine.Kinds() {
			require.Greater(t, strings.Count(plan.String(), "  "+kind+" "), 10, kind)
		}
		only := engine.NewPlan(7, time.Minute, "restart")
		require.NotEmpty(t, only.Steps)
		require.Equal(t, len(only.Steps), strings.Count(only.String(), " restart "))
	}
}
