package chaos_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

func TestPlan(t *testing.T) {
	t.Run("SameSeedSamePlan", func(t *testing.T) {
		require.Equal(t, chaos.NewPlan(7, time.Minute).String(), chaos.NewPlan(7, time.Minute).String())
		require.NotEqual(t, chaos.NewPlan(7, time.Minute).String(), chaos.NewPlan(8, time.Minute).String())
	})
	t.Run("FaultsEndBeforeTheRun", func(t *testing.T) {
		for seed := range uint64(50) {
			for _, length := range []time.Duration{0, time.Second, 20 * time.Second, 3 * time.Minute} {
				for _, s := range chaos.NewPlan(seed, length).Steps {
					require.LessOrEqual(t, s.At+s.For, length, "seed %d: %v", seed, s)
				}
			}
		}
	})
	t.Run("NodeHasOneFaultAtATime", func(t *testing.T) {
		for seed := range uint64(50) {
			until := make(map[int]time.Duration)
			for _, s := range chaos.NewPlan(seed, 5*time.Minute).Steps {
				require.Greater(t, s.At, until[s.Node], "seed %d: %v", seed, s)
				until[s.Node] = s.At + s.For
			}
		}
	})
}
