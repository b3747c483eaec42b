package bridge_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// gated is a bus whose Publish waits while the gate is closed.
type gated struct {
	*memory.Hub
	gate atomic.Pointer[chan struct{}]
}

func (g *gated) Publish(ctx context.Context, msgs ...transport.Message) error {
	if gate := g.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Hub.Publish(ctx, msgs...)
}

func TestFullQueueLosesAndDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gated{Hub: memory.NewHub()}
		a, b := newSide(t, memory.NewHub()), newSide(t, slow)
		var lost record[error]
		br := connect(t, a, b, func(c *bridge.Config) {
			c.B = b.join(t, func(c *backplane.Config) { c.PublishQueue = 10 })
			c.ErrorHandler = lost.add
		})
		gate := make(chan struct{})
		slow.gate.Store(&gate)
		const sent = 50
		for i := range sent {
			require.NoError(t, a.Emit(t.Context(), "n", i))
		}
		synctest.Wait()
		stats := br.Stats().AToB
		assert.EqualValues(t, sent, stats.Passed+stats.Lost, "nothing waits for the slow bus")
		require.NotZero(t, stats.Lost)
		require.Len(t, lost.all(), int(stats.Lost))
		var err *bridge.LostError
		require.ErrorAs(t, lost.all()[0], &err)
		assert.Equal(t, bridge.LostError{Namespace: "/", From: "A", Event: "n", Err: err.Err}, *err)
		assert.ErrorIs(t, err, backplane.ErrQueueFull)
		close(gate)
		synctest.Wait()
		assert.Len(t, b.alice.got.all(), int(stats.Passed), "what was queued arrives")
		require.NoError(t, a.Emit(t.Context(), "again"))
		synctest.Wait()
		assert.Contains(t, b.alice.got.all(), `["again"]`)
	})
}

func TestWhatTheOtherClusterCannotCarryIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSide(t, memory.NewHub())
		b := newSide(t, memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}}))
		var lost record[error]
		br := connect(t, a, b, func(c *bridge.Config) { c.ErrorHandler = lost.add })
		require.NoError(t, a.Emit(t.Context(), "large", strings.Repeat("x", 2000)))
		require.NoError(t, a.Emit(t.Context(), "small"))
		synctest.Wait()
		require.Len(t, lost.all(), 1)
		assert.ErrorAs(t, lost.all()[0], new(*backplane.TooLargeError))
		assert.Contains(t, lost.all()[0].Error(), `"large" in "/" of cluster A`)
		assert.Equal(t, bridge.Direction{Passed: 1, Lost: 1}, br.Stats().AToB)
		assert.Equal(t, []string{`["small"]`}, b.alice.got.all())
	})
}

func TestErrorsOfTheOtherBusGoToItsCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		a, b := newSide(t, memory.NewHub()), newSide(t, hub)
		var reported record[error]
		connect(t, a, b, func(c *bridge.Config) {
			c.B = b.join(t, func(c *backplane.Config) { c.ErrorHandler = reported.add })
		})
		broken := errors.New("broken")
		hub.Fail(broken)
		require.NoError(t, a.Emit(t.Context(), "hi"))
		synctest.Wait()
		var publish *backplane.OpError
		for _, err := range reported.all() {
			if errors.As(err, &publish) && publish.Op == "publish" {
				break
			}
		}
		require.NotNil(t, publish)
		assert.ErrorIs(t, publish, broken)
		hub.Heal()
	})
}

func TestOpenLeavesNothingBehindWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		clusterA, clusterB := a.join(t), b.join(t)
		taken, err := clusterB.Namespace(t.Context(), "/taken", backplane.NewRegistry(backplane.RegistryConfig{}))
		require.NoError(t, err)
		config := bridge.Config{A: clusterA, B: clusterB, Namespaces: []string{"/", "/taken"}}
		_, err = bridge.Open(t.Context(), config)
		assert.ErrorIs(t, err, backplane.ErrNamespaceExists)
		require.NoError(t, taken.Close(t.Context()))
		br, err := bridge.Open(t.Context(), config)
		require.NoError(t, err, "the namespaces were closed again")
		require.NoError(t, br.Close(t.Context()))
	})
}

func TestConfigIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		clusterA, clusterB := a.join(t), b.join(t)
		for field, config := range map[string]bridge.Config{
			"A": {B: clusterB}, "B": {A: clusterA},
			"Name": {A: clusterA, B: clusterB, Name: "umläute"},
		} {
			_, err := bridge.Open(t.Context(), config)
			var wrong *backplane.ConfigError
			require.ErrorAs(t, err, &wrong, field)
			assert.Equal(t, field, wrong.Field)
		}
		for _, config := range []bridge.Config{
			{A: clusterA, B: clusterA},
			{A: clusterA, B: clusterB, Name: strings.Repeat("x", 49)},
		} {
			_, err := bridge.Open(t.Context(), config)
			assert.ErrorAs(t, err, new(*backplane.ConfigError))
		}
	})
}

func TestCloseSendsWhatIsQueuedAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gated{Hub: memory.NewHub()}
		a, b := newSide(t, memory.NewHub()), newSide(t, slow)
		var active record[bool]
		br := connect(t, a, b, func(c *bridge.Config) { c.ActiveHandler = active.add })
		gate := make(chan struct{})
		slow.gate.Store(&gate)
		require.NoError(t, a.Emit(t.Context(), "before"))
		synctest.Wait()
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- br.Close(t.Context()) }()
		}
		synctest.Wait()
		require.Empty(t, closed, "Close waits for the bus")
		close(gate)
		require.NoError(t, <-closed)
		require.NoError(t, <-closed)
		require.NoError(t, a.Emit(t.Context(), "after"))
		synctest.Wait()
		assert.Equal(t, []string{`["before"]`}, b.alice.got.all())
		assert.Equal(t, []bool{true, false}, active.all())
		assert.False(t, br.Stats().Active)
		assert.Equal(t, 1, a.ServerCount(), "the bridge has left the cluster")
	})
}

func TestCloseReturnsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &gated{Hub: memory.NewHub()}
		a, b := newSide(t, memory.NewHub()), newSide(t, slow)
		br := connect(t, a, b)
		gate := make(chan struct{})
		slow.gate.Store(&gate)
		ctx, cancel := context.WithCancel(t.Context())
		closed := make(chan error)
		go func() { closed <- br.Close(ctx) }()
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-closed, context.Canceled)
		close(gate)
		synctest.Wait()
	})
}
