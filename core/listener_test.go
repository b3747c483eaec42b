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

// LocalSockets that does not return delays only its own namespace.
func TestBlockedLocalSocketsDelayNoOtherNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		here, there := open(t, hub), open(t, hub)
		registry, blocked := crowd("alice")
		other, clients := crowd("bob")
		blocked["alice"].hold = make(chan struct{})
		one, two := join(t, here, "/one", nil), join(t, here, "/two", nil)
		join(t, there, "/one", registry)
		join(t, there, "/two", other)

		require.NoError(t, one.Emit(t.Context(), "first"))
		synctest.Wait() // alice's Send waits
		start := time.Now()
		require.NoError(t, two.Emit(t.Context(), "elsewhere"))
		require.NoError(t, one.Emit(t.Context(), "second"))
		require.NoError(t, two.Emit(t.Context(), "elsewhere too"))
		clients["bob"].got.wait(t, 2)
		assert.Zero(t, time.Since(start))
		assert.Empty(t, blocked["alice"].got.all())

		close(blocked["alice"].hold)
		require.NoError(t, one.Emit(t.Context(), "third"))
		assert.Equal(t, []string{`["first"]`, `["second"]`, `["third"]`}, blocked["alice"].got.wait(t, 3),
			"one at a time, in order")
	})
}

// leaver closes its namespace when it gets an event, as a handler of an application may.
type leaver struct {
	core.LocalSockets
	leave func()
}

func (l leaver) Broadcast(*core.Packet, core.Selector) { l.leave() }

func TestLocalSocketsCanCloseTheirNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		here, there := open(t, hub), open(t, hub)
		sender := join(t, here, "/", nil)
		left := make(chan error, 1)
		var ns *core.Namespace
		ns = join(t, there, "/", leaver{LocalSockets: core.NewRegistry(core.RegistryConfig{}), leave: func() {
			left <- ns.Close(t.Context())
		}})
		require.NoError(t, sender.Emit(t.Context(), "go"))
		assert.NoError(t, <-left)
		synctest.Wait()
		assert.Empty(t, sender.Peers())
	})
}
