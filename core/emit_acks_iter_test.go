package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestAcksYieldsEachAnswerAsItArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := spy{Registry: core.NewRegistry(core.RegistryConfig{})}
		local.ack = func(_ context.Context, asked func(int), answer func(codec.Value)) {
			asked(3)
			answer(value("at once"))
			time.AfterFunc(time.Second, func() { answer(value("after a second")) })
			time.AfterFunc(3*time.Second, func() { answer(value("after three")) })
		}
		s := newStage(t, local, "b")
		go func() {
			id := s.p.next(s.ns.UID(), codec.Broadcast).RequestID
			time.Sleep(2 * time.Second)
			s.answer("Acks", "b", id)
		}()
		start := time.Now()
		var got []string
		var when []time.Duration
		for v, err := range s.ns.Acks(t.Context(), "a") {
			require.NoError(t, err)
			var text string
			require.NoError(t, v.Decode(&text))
			got, when = append(got, text), append(when, time.Since(start))
		}
		assert.Equal(t, []string{"at once", "after a second", "b", "after three"}, got)
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, when)
	})
}

func TestAcksIterationCanStopEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		local := spy{Registry: core.NewRegistry(core.RegistryConfig{})}
		local.ack = func(ctx context.Context, asked func(int), answer func(codec.Value)) {
			asked(2)
			answer(value(1))
			go func() {
				<-ctx.Done()
				answer(value(2)) // ignored
				close(ended)
			}()
		}
		s := newStage(t, local)
		start := time.Now()
		for _, err := range s.ns.Acks(t.Context(), "a") {
			require.NoError(t, err)
			break
		}
		<-ended
		assert.Zero(t, time.Since(start), "the call does not wait for the others, and the request is freed")
	})
}

func TestAcksYieldsAnEncodingError(t *testing.T) {
	s := join(t, open(t, memory.NewHub()), "/", nil)
	n := 0
	for _, err := range s.Acks(t.Context(), "a", func() {}) {
		assert.Error(t, err)
		n++
	}
	assert.Equal(t, 1, n, "there is nothing but the error")
}
