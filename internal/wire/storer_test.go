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

// depot is a Storer and the outcomes of its messages.
type depot struct {
	t      *testing.T
	wire   *wire.Wire
	storer *wire.Storer
	group  sync.WaitGroup
	mu     sync.Mutex // guards done
	done   []*wire.Outgoing
	times  []time.Time
}

func newDepot(t *testing.T, store wire.Store) *depot {
	d := &depot{t: t, wire: wire.New(wire.Config{Codec: jsonmsgpack.Codec{}, Store: memory.NewStore(),
		Limits: (&postOffice{}).Limits()})}
	d.storer = wire.NewStorer(d.wire, store, time.Second, d.group.Go)
	t.Cleanup(d.group.Wait)
	return d
}

func (d *depot) add(n int) (err error) {
	for _, o := range outgoing(d.t, d.wire, slices.Repeat([]string{long}, n)...) {
		err = errors.Join(err, d.storer.Add(d.t.Context(), &bodyToStore{message: o, done: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.done, d.times = append(d.done, o), append(d.times, time.Now())
		}}))
	}
	return err
}

func (d *depot) came() []*wire.Outgoing {
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
		d := newDepot(t, store)
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
		assert.Len(t, d.came(), 1, "a message whose body was stored does not wait for another round trip")
		close(gate)
		synctest.Wait()
		for _, o := range d.came() {
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
				d := newDepot(t, store)
				start := time.Now()
				for range 8 { // one after the other, and many together
					require.NoError(t, d.add(1))
					synctest.Wait()
				}
				require.NoError(t, d.add(5000))
				time.Sleep(600 * time.Millisecond)
				require.NoError(t, d.add(5000))
				d.group.Wait()
				require.Len(t, d.came(), 10008)
				for i, o := range d.came() {
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
		d := newDepot(t, oneByOne{&gated{put: func(context.Context) error {
			time.Sleep(900 * time.Millisecond)
			return nil
		}}})
		require.NoError(t, d.add(100))
		d.group.Wait()
		for _, o := range d.came() {
			assert.NoError(t, o.Err, "each round trip has its own timeout, and all of them succeed")
		}
	})
}

func TestStuckStoreDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		d := newDepot(t, &gated{put: func(context.Context) error { <-gate; return nil }}) // it ignores its context
		start := time.Now()
		for range 3 {
			require.NoError(t, d.add(1))
			synctest.Wait()
		}
		time.Sleep(time.Second + wire.Grace)
		synctest.Wait()
		require.Len(t, d.came(), 3)
		assert.ErrorIs(t, d.came()[0].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, d.came()[1].Err, context.DeadlineExceeded)
		assert.ErrorIs(t, d.came()[2].Err, wire.ErrStoreStuck, "all round trips are stuck")
		assert.ErrorIs(t, d.add(1), wire.ErrStoreStuck)
		assert.Equal(t, time.Second+wire.Grace, time.Since(start))

		close(gate)
		synctest.Wait()
		require.Len(t, d.came(), 3, "Stored is called once for each message")
		require.NoError(t, d.add(1))
		synctest.Wait()
		assert.NoError(t, d.came()[3].Err, "the bus or the store works again")
	})
}

func TestUnwantedBodiesAreNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		store := &gated{put: func(context.Context) error { <-gate; return nil }}
		d := newDepot(t, store)
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

// If a store says what it was waiting for when its time was over, that is in the error.
func TestStorerReturnsTheStoresOwnErrorOnATimeout(t *testing.T) {
	for name, c := range map[string]struct {
		err  func(ctx context.Context) error
		want string
	}{
		"TheContextsError": {func(ctx context.Context) error { return ctx.Err() }, "context deadline exceeded"},
		"OneThatWrapsIt": {func(ctx context.Context) error {
			return fmt.Errorf("waiting for a connection: %w", ctx.Err())
		}, "waiting for a connection: context deadline exceeded"},
		"AnotherOne": {func(context.Context) error { return errors.New("canceled") },
			"context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDepot(t, &gated{put: func(ctx context.Context) error {
					<-ctx.Done()
					return c.err(ctx)
				}})
				require.NoError(t, d.add(1))
				d.group.Wait()
				err := d.came()[0].Err
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, ": "+c.want)
			})
		})
	}
}
