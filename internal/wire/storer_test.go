package wire_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage/memory"
)

// gated is a store whose round trips wait until they are released.
type gated struct {
	put  func(ctx context.Context) error
	mu   sync.Mutex // guards all below
	each []int      // bodies of each round trip
}

func (g *gated) Put(ctx context.Context, body []byte) (string, error) {
	ids, err := g.PutAll(ctx, [][]byte{body})
	return ids[0], err
}

func (g *gated) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	g.mu.Lock()
	g.each = append(g.each, len(bodies))
	g.mu.Unlock()
	return slices.Repeat([]string{"1"}, len(bodies)), g.put(ctx)
}

func (g *gated) trips() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.each)
}

// oneByOne is a store without PutAll.
type oneByOne struct{ wire.Store }

// testStorer is a Storer that records the outcomes of its messages.
type testStorer struct {
	t      *testing.T
	wire   *wire.Wire
	storer *wire.Storer
	group  sync.WaitGroup
	mu     sync.Mutex // guards done
	done   []*wire.Outgoing
	times  []time.Time
}

func newTestStorer(t *testing.T, store wire.Store) *testStorer {
	d := &testStorer{t: t, wire: newWire(t, wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(),
		Limits: (&channelBus{}).Limits()})}
	d.storer = wire.NewStorer(d.wire, store, time.Second, d.group.Go)
	t.Cleanup(d.group.Wait)
	return d
}

func (d *testStorer) add(n int) (err error) {
	for _, o := range outgoing(d.t, d.wire, slices.Repeat([]string{long}, n)...) {
		err = errors.Join(err, d.storer.Add(d.t.Context(), &bodyToStore{message: o, done: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.done, d.times = append(d.done, o), append(d.times, time.Now())
		}}))
	}
	return err
}

func (d *testStorer) outcomes() []*wire.Outgoing {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

// hangs waits until its context ends.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWaitingBodiesShareRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		store := &gated{put: func(context.Context) error { <-gate; return nil }}
		d := newTestStorer(t, store)
		require.NoError(t, d.add(1))
		synctest.Wait()
		require.NoError(t, d.add(1))
		synctest.Wait()
		require.NoError(t, d.add(100))
		synctest.Wait()
		assert.Equal(t, []int{1, 1}, store.trips(), "two round trips at a time")
		gate <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 1, 100}, store.trips())
		assert.Len(t, d.outcomes(), 1, "a message whose body was stored does not wait for another round trip")
		close(gate)
		synctest.Wait()
		for _, o := range d.outcomes() {
			assert.NoError(t, o.Err)
			assert.False(t, o.NeedsStore(), "it can be sent")
		}
	})
}

func TestStoreThatDoesNotAnswerCostsOneTimeout(t *testing.T) {
	for name, store := range map[string]wire.Store{"Batch": &gated{put: hangs},
		"OneByOne": oneByOne{&gated{put: hangs}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newTestStorer(t, store)
				start := time.Now()
				for range 8 { // some one by one, then many together
					require.NoError(t, d.add(1))
					synctest.Wait()
				}
				require.NoError(t, d.add(5000))
				time.Sleep(600 * time.Millisecond)
				require.NoError(t, d.add(5000))
				d.group.Wait()
				require.Len(t, d.outcomes(), 10008)
				for i, o := range d.outcomes() {
					require.ErrorIs(t, o.Err, context.DeadlineExceeded)
					require.NotErrorIs(t, o.Err, fault.ErrUnconfirmed, "its reference was not sent")
					// when the others are given up, these have waited for less than half of the timeout
					late := time.Duration(i/5008) * time.Second
					require.Equal(t, time.Second+late, d.times[i].Sub(start), "message %d", i)
				}
			})
		})
	}
}

func TestSlowStoreIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestStorer(t, oneByOne{&gated{put: func(context.Context) error {
			time.Sleep(900 * time.Millisecond)
			return nil
		}}})
		require.NoError(t, d.add(100))
		d.group.Wait()
		for _, o := range d.outcomes() {
			assert.NoError(t, o.Err, "each round trip has its own timeout, and all of them succeed")
		}
	})
}

func TestStuckStoreDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		d := newTestStorer(t, &gated{put: func(context.Context) error { <-gate; return nil }}) // it ignores its context
		start := time.Now()
		for range 3 {
			require.NoError(t, d.add(1))
			synctest.Wait()
		}
		time.Sleep(time.Second + wire.Grace)
		synctest.Wait()
		require.Len(t, d.outcomes(), 3)
		assert.ErrorIs(t, d.outcomes()[0].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, d.outcomes()[1].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, d.outcomes()[2].Err, wire.ErrStoreStuck, "all round trips are stuck")
		assert.ErrorIs(t, d.add(1), wire.ErrStoreStuck)
		assert.Equal(t, time.Second+wire.Grace, time.Since(start))

		close(gate)
		synctest.Wait()
		require.Len(t, d.outcomes(), 3, "Stored is called once for each message")
		require.NoError(t, d.add(1))
		synctest.Wait()
		assert.NoError(t, d.outcomes()[3].Err, "the store works again")
	})
}

func TestUnwantedBodiesAreNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		store := &gated{put: func(context.Context) error { <-gate; return nil }}
		d := newTestStorer(t, store)
		for range 2 {
			require.NoError(t, d.add(1))
			synctest.Wait()
		}
		called := false
		left := &bodyToStore{message: outgoing(t, d.wire, long)[0], done: func() { called = true }}
		require.NoError(t, d.storer.Add(t.Context(), left))
		left.left = true
		close(gate)
		synctest.Wait()
		assert.True(t, called)
		assert.Equal(t, []int{1, 1}, store.trips())
	})
}

// If the store wraps the context's error on a timeout, the result has the store's text.
func TestStorerReturnsTheStoresOwnErrorOnATimeout(t *testing.T) {
	for name, c := range map[string]struct {
		err  func(ctx context.Context) error
		want string
	}{
		"ContextError": {func(ctx context.Context) error { return ctx.Err() }, "context deadline exceeded"},
		"WrappedContextError": {func(ctx context.Context) error {
			return fmt.Errorf("waiting for a connection: %w", ctx.Err())
		}, "waiting for a connection: context deadline exceeded"},
		"OtherError": {func(context.Context) error { return errors.New("canceled") },
			"context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newTestStorer(t, &gated{put: func(ctx context.Context) error {
					<-ctx.Done()
					return c.err(ctx)
				}})
				require.NoError(t, d.add(1))
				d.group.Wait()
				err := d.outcomes()[0].Err
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, ": "+c.want)
			})
		})
	}
}
