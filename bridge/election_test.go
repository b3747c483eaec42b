package bridge_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// roster is a roster whose entries the test can end, and whose calls it can make fail.
type roster struct {
	transport.Roster
	mu      sync.Mutex // guards all below
	entries []transport.Entry
	failure error  // of all calls
	refusal error  // of Enter
	entered func() // called after Enter
}

func (r *roster) Enter(ctx context.Context, name string) (transport.Entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.failure, r.refusal); err != nil {
		return nil, err
	}
	e, err := r.Roster.Enter(ctx, name)
	r.entries = append(r.entries, e)
	if r.entered != nil {
		r.entered()
	}
	return e, err
}

func (r *roster) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	if err := r.failing(); err != nil {
		return nil, err
	}
	return r.Roster.Entries(ctx, prefix)
}

func (r *roster) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

func (r *roster) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
}

// refuse makes Enter fail.
func (r *roster) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = err
}

// cut ends all connections in the roster.
func (r *roster) cut(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		require.NoError(t, e.Close(t.Context()))
	}
}

func with(r transport.Roster) func(*bridge.Config) {
	return func(c *bridge.Config) { c.Roster = r }
}

// activeOnes returns which bridges are active.
func activeOnes(bridges []*bridge.Bridge) (active []int) {
	for i, b := range bridges {
		if b.Stats().Active {
			active = append(active, i)
		}
	}
	return active
}

func TestOneOfSeveralBridgesIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		hub := memory.NewHub()
		first := connect(t, a, b, with(hub))
		require.True(t, first.Stats().Active, "Open returns when that is decided")
		second := connect(t, a, b, with(hub))
		require.False(t, second.Stats().Active)
		require.NoError(t, a.Emit(t.Context(), "hi"))
		synctest.Wait()
		require.NoError(t, b.Emit(t.Context(), "hello"))
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`, `["hello"]`}, a.alice.got.all())
		assert.Equal(t, []string{`["hi"]`, `["hello"]`}, b.alice.got.all())
		time.Sleep(time.Minute)
		assert.True(t, first.Stats().Active)
		assert.False(t, second.Stats().Active)
	})
}

func TestBridgesOfOtherNamesDoNotMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		hub := memory.NewHub()
		_, err := hub.EnterForeign(t.Context(), bridge.DefaultName)
		require.NoError(t, err)
		longer := connect(t, a, b, with(hub), func(c *bridge.Config) { c.Name = bridge.DefaultName + "-2" })
		br := connect(t, a, b, with(hub))
		assert.True(t, longer.Stats().Active)
		assert.True(t, br.Stats().Active)
	})
}

func TestOneOfManyBridgesThatStartAtTheSameTimeIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		hub := memory.NewHub()
		bridges := make([]*bridge.Bridge, 20)
		var group sync.WaitGroup
		for i := range bridges {
			config := bridge.Config{A: a.join(t), B: b.join(t), Roster: hub}
			group.Go(func() {
				br, err := bridge.Open(t.Context(), config)
				if assert.NoError(t, err) {
					bridges[i] = br
				}
			})
		}
		group.Wait()
		t.Cleanup(func() {
			for _, br := range bridges {
				require.NoError(t, br.Close(after(t)))
			}
		})
		for range 20 {
			require.LessOrEqual(t, len(activeOnes(bridges)), 1)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		require.Len(t, activeOnes(bridges), 1)
		require.NoError(t, a.Emit(t.Context(), "hi"))
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`}, b.alice.got.all())
		entries, err := hub.Entries(t.Context(), bridge.DefaultName)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "the others hold no connection")
	})
}

// A bridge enters at the same time as another one, which did not see it and is active. It has the lower id.
func TestBridgeThatEntersLateDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		r := &roster{Roster: memory.NewHub()}
		var other transport.Entry
		r.entered = func() {
			var err error
			other, err = r.Roster.Enter(t.Context(), bridge.DefaultName)
			require.NoError(t, err)
			r.entered = nil
		}
		br := connect(t, a, b, with(r))
		assert.False(t, br.Stats().Active)
		entries, err := r.Entries(t.Context(), bridge.DefaultName)
		require.NoError(t, err)
		assert.Equal(t, []transport.EntryInfo{other.Info()}, entries, "it holds no connection")
		require.NoError(t, other.Close(t.Context()))
		time.Sleep(1100 * time.Millisecond)
		assert.True(t, br.Stats().Active)
	})
}

func TestBridgeThatCannotReadTheRosterStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		r := &roster{Roster: memory.NewHub()}
		var errs record[error]
		br := connect(t, a, b, with(r), func(c *bridge.Config) { c.ErrorHandler = errs.add })
		broken := errors.New("broken")
		r.fail(broken)
		time.Sleep(4 * time.Second)
		assert.True(t, br.Stats().Active, "for a while it goes on")
		time.Sleep(2 * time.Second)
		assert.False(t, br.Stats().Active)
		require.Len(t, errs.all(), 1, "the first of the errors")
		assert.ErrorIs(t, errs.all()[0], broken)
		r.fail(nil)
		time.Sleep(time.Second)
		assert.True(t, br.Stats().Active, "its connection is still there")
		r.fail(broken)
		time.Sleep(time.Second)
		assert.Len(t, errs.all(), 2)
		r.fail(nil)
	})
}

func TestOpenFailsWithoutTheRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSides(t)
		broken := errors.New("broken")
		r := &roster{Roster: memory.NewHub(), failure: broken}
		config := bridge.Config{A: a.join(t), B: b.join(t), Roster: r}
		_, err := bridge.Open(t.Context(), config)
		require.ErrorIs(t, err, broken)
		r.fail(nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = bridge.Open(ctx, config)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		br, err := bridge.Open(t.Context(), config)
		require.NoError(t, err)
		require.NoError(t, br.Close(t.Context()))
	})
}
