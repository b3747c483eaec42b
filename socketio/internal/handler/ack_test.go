package handler_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// Package handler must pass on every call of an acknowledgement. Its caller makes sure that only the first one
// counts.
func TestAcknowledgementsArePassedOn(t *testing.T) {
	for _, fn := range []any{
		func(ack func()) { ack(); ack() },
		func(ack func(...any)) { ack(); ack(1) },
		func(_ string, ack func(string)) { ack("a"); ack("b") },
		func(_ codec.Value, ack func(any)) { ack("a"); ack("b") },
		func(_ string, ack func(int, point)) { ack(1, point{}); ack(2, point{}) },
	} {
		h, err := handler.New(fn)
		require.NoError(t, err)
		for range 2 {
			calls := 0
			require.NoError(t, h.Call(t.Context(), args(t, "a"), func(...any) { calls++ }))
			assert.Equal(t, 2, calls, "%T: both calls must be passed on", fn)
		}
	}
}

func TestAcknowledgementsFromManyGoroutinesLater(t *testing.T) {
	for name, shape := range map[string]func(keep func(func())) any{
		"Direct": func(keep func(func())) any {
			return func(_ string, ack func(string)) {
				keep(func() { ack("a") })
			}
		},
		"Reflected": func(keep func(func())) any {
			return func(_ int, ack func(point)) {
				keep(func() { ack(point{}) })
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var later func()
			h, err := handler.New(shape(func(f func()) { later = f }))
			require.NoError(t, err)
			var mu sync.Mutex
			calls := 0
			argument := map[string]any{"Direct": "a", "Reflected": 1}[name]
			require.NoError(t, h.Call(t.Context(), args(t, argument), func(...any) {
				mu.Lock()
				defer mu.Unlock()
				calls++
			}))
			assert.Zero(t, calls, "the handler must return before it acknowledges")
			var group sync.WaitGroup
			for range 8 {
				group.Go(later)
			}
			group.Wait()
			assert.Equal(t, 8, calls)
		})
	}
}

func TestHandlersMayRunAtTheSameTime(t *testing.T) {
	var mu sync.Mutex
	sum := 0
	h, err := handler.New(func(n int, p point, ack func(int)) {
		mu.Lock()
		sum += n
		mu.Unlock()
		ack(p.X)
	})
	require.NoError(t, err)
	a := args(t, 1, point{X: 2})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if err := h.Call(t.Context(), a, func(...any) {}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	assert.Equal(t, 1600, sum)
}
