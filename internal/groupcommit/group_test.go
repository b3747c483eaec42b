package groupcommit_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/groupcommit"
)

var (
	errFull   = errors.New("full")
	errClosed = errors.New("closed")
	errStuck  = errors.New("stuck")
)

// bus is a Publisher that records its batches. Publish waits between hold and release.
type bus struct {
	gate chan struct{} // nil or closed: Publish does not wait

	mu      sync.Mutex // guards all below
	batches [][]int
	settled []int
	stuck   [][]int // pairs: the batch, and the items queued behind it
	dropped []int   // what Take removes
}

func (b *bus) Take(batch []int) []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(batch, func(i int) bool { return slices.Contains(b.dropped, i) })
}

func (b *bus) Publish(batch []int, _ time.Time) {
	b.mu.Lock()
	b.batches = append(b.batches, slices.Clone(batch))
	gate := b.gate
	b.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (b *bus) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = make(chan struct{})
}

func (b *bus) release() { close(b.gate) }

func (b *bus) Settle(batch []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = append(b.settled, batch...)
}

func (b *bus) Stuck(batch, queued []int, _ time.Time) func() {
	batch = slices.Clone(batch)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stuck = append(b.stuck, batch, queued)
	}
}

// each runs a test with a Group whose goroutine ends when it is idle, and with one whose goroutine stays.
func each(t *testing.T, test func(t *testing.T, b *bus, g *groupcommit.Group[int])) {
	for name, stay := range map[string]bool{"EndsWhenIdle": false, "Stays": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{}
				g := groupcommit.New(groupcommit.Config[int]{
					Publisher: b, Capacity: groupcommit.Capacity{MaxItems: 3, MaxBytes: 100}, Limit: time.Second,
					Stay:  stay,
					Split: func(batch []int) int { return min(len(batch), 2) }, Spawn: func(f func()) { go f() },
					Full: errFull, Closed: errClosed, Stuck: errStuck,
				})
				test(t, b, g)
				g.Close()
				<-g.Done()
			})
		})
	}
}

func offer(t *testing.T, g *groupcommit.Group[int], items ...int) {
	t.Helper()
	for _, i := range items {
		space, err := g.Offer(i, 1, false)
		require.NoError(t, err, "Offer(%d)", i)
		require.Nil(t, space)
	}
}

func TestItemsQueuedDuringAPublishFormTheNextBatch(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.hold()
		offer(t, g, 1)
		synctest.Wait()
		offer(t, g, 2, 3, 4)
		b.release()
		synctest.Wait()
		assert.Equal(t, [][]int{{1}, {2, 3}, {4}}, b.batches, "a batch has at most as many items as Split says")
		assert.Equal(t, []int{1, 2, 3, 4}, b.settled)
		offer(t, g, 5)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3, 4, 5}, b.settled, "the goroutine starts or wakes again")
	})
}

func TestItemsThatWereWithdrawnAreNotPublished(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.dropped = []int{1, 3}
		b.hold()
		offer(t, g, 1, 2, 3)
		synctest.Wait()
		b.release()
		synctest.Wait()
		assert.Equal(t, [][]int{{2}}, b.batches)
	})
}

func TestAFullQueueRefusesOrWaits(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.hold()
		offer(t, g, 1)
		synctest.Wait()
		offer(t, g, 2, 3, 4)
		assert.True(t, g.Crowded())
		_, err := g.Offer(5, 1, false)
		require.ErrorIs(t, err, errFull)
		space, err := g.Offer(5, 1, true)
		require.NoError(t, err)
		require.NoError(t, g.Add(6, 1), "Add ignores the bound")
		b.release()
		<-space
		offer(t, g, 5)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3, 4, 6, 5}, b.settled)
	})
}

func TestAnItemMayBeLargerThanTheQueue(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.hold()
		offer(t, g, 1)
		synctest.Wait() // 1 is being published
		_, err := g.Offer(2, 1000, false)
		require.NoError(t, err)
		_, err = g.Offer(3, 1, false)
		require.ErrorIs(t, err, errFull)
		b.release()
		synctest.Wait()
		assert.Equal(t, []int{1, 2}, b.settled)
	})
}

func TestAStuckPublishFailsQueuedItemsAndRefusesMoreUntilItReturns(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.hold()
		offer(t, g, 1)
		synctest.Wait()
		offer(t, g, 2, 3)
		time.Sleep(time.Second) // of the bubble's clock
		synctest.Wait()
		assert.Equal(t, [][]int{{1}, {2, 3}}, b.stuck)
		_, err := g.Offer(4, 1, false)
		require.ErrorIs(t, err, errStuck)
		require.ErrorIs(t, g.Refusal(), errStuck)
		b.release()
		synctest.Wait()
		require.NoError(t, g.Refusal())
		offer(t, g, 5)
		synctest.Wait()
		assert.Equal(t, []int{1, 5}, b.settled)
	})
}

func TestClosePublishesQueuedItemsAndRefusesMore(t *testing.T) {
	each(t, func(t *testing.T, b *bus, g *groupcommit.Group[int]) {
		b.hold()
		offer(t, g, 1)
		synctest.Wait()
		offer(t, g, 2, 3, 4)
		space, err := g.Offer(5, 1, true)
		require.NoError(t, err)
		g.Close()
		<-space
		_, err = g.Offer(5, 1, true)
		require.ErrorIs(t, err, errClosed)
		require.ErrorIs(t, g.Add(5, 1), errClosed)
		select {
		case <-g.Done():
			t.Error("Done before everything was settled")
		default:
		}
		b.release()
		<-g.Done()
		assert.Equal(t, []int{1, 2, 3, 4}, b.settled)
	})
}

func TestOnlyOneSideSettlesATicket(t *testing.T) {
	var ticket groupcommit.Ticket
	assert.True(t, ticket.Queued())
	assert.True(t, ticket.Withdraw())
	assert.False(t, ticket.Take(), "it was withdrawn")
	assert.False(t, ticket.Settle())
	ticket.Reset()
	assert.True(t, ticket.Take())
	assert.False(t, ticket.Queued())
	assert.False(t, ticket.Withdraw(), "it was taken")
	assert.True(t, ticket.Abandon())
	assert.False(t, ticket.Settle(), "the caller has left")
	ticket.Reset()
	assert.True(t, ticket.Take())
	assert.True(t, ticket.Settle())
	assert.False(t, ticket.Abandon(), "the outcome was reported")
}
