package core_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// A local part that does not return must not keep its own message, or those of others, from being published.
func TestBlockedLocalSocketsOfASenderDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		here, there := open(t, hub), open(t, hub)
		registry, blocked := crowd("alice")
		other, clients := crowd("bob")
		one, two := join(t, here, "/one", registry), join(t, here, "/two", nil)
		join(t, there, "/one", other)
		join(t, there, "/two", other)
		for range 3 { // one at a time
			require.NoError(t, one.Emit(t.Context(), "before"))
		}
		clients["bob"].got.wait(t, 3)

		blocked["alice"].hold = make(chan struct{})
		start := time.Now()
		emitted := make(chan error, 1)
		go func() { emitted <- one.Emit(t.Context(), "held up here") }()
		synctest.Wait() // alice's Send waits
		require.NoError(t, two.Emit(t.Context(), "elsewhere"), "the publisher does not wait for it")
		clients["bob"].got.wait(t, 5)
		assert.Zero(t, time.Since(start))

		close(blocked["alice"].hold)
		require.NoError(t, <-emitted)
		blocked["alice"].hold = make(chan struct{})
		for range 2 {
			require.NoError(t, two.Emit(t.Context(), "elsewhere"))
		}
		start = time.Now()
		go func() { emitted <- one.Emit(t.Context(), "held up here") }()
		clients["bob"].got.wait(t, 8)
		assert.Zero(t, time.Since(start))
		close(blocked["alice"].hold)
		require.NoError(t, <-emitted)
	})
}

// echo emits each event in another namespace and waits for the outcome, as a handler of an application may.
type echo struct {
	core.LocalSockets
	emit func() error
	errs chan error
}

func (e echo) Broadcast(*core.Packet, core.Selector) { e.errs <- e.emit() }

func TestLocalSocketsOfASenderMayEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		here, there := open(t, hub), open(t, hub)
		registry, slow := crowd("alice")
		slow["alice"].hold = make(chan struct{})
		two := join(t, here, "/two", registry)
		errs := make(chan error, 100)
		one := join(t, here, "/one", echo{LocalSockets: core.NewRegistry(core.RegistryConfig{}), emit: func() error {
			return two.Emit(t.Context(), "echo")
		}, errs: errs})
		seen, clients := crowd("bob")
		join(t, there, "/two", seen)

		go func() {
			time.Sleep(time.Second)
			close(slow["alice"].hold)
		}()
		require.NoError(t, two.Emit(t.Context(), "slow"))
		for range 20 {
			require.NoError(t, one.Emit(t.Context(), "go"))
			require.NoError(t, <-errs)
		}
		clients["bob"].got.wait(t, 21)
	})
}
