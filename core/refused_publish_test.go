package core_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// refusing is a bus whose server refuses every message, once it is told to.
type refusing struct {
	transport.Bus
	refuses func() bool
}

func (b refusing) Publish(ctx context.Context, msgs ...transport.Message) error {
	if b.refuses() {
		return &transport.RejectedError{Err: errors.New("the server refuses")}
	}
	return b.Bus.Publish(ctx, msgs...)
}

func TestRefusedPublishingDoesNotEndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refuse atomic.Bool
		var lost log[error]
		c := open(t, refusing{memory.NewHub(), refuse.Load}, func(c *core.Config) { c.Trace.SessionLost = lost.add })
		ns := join(t, c, "/", nil)
		synctest.Wait()
		refuse.Store(true)
		time.Sleep(time.Minute)
		require.Error(t, ns.Emit(t.Context(), "x"))
		assert.Empty(t, lost.all(), "a server that refuses is alive: reconnecting would only lose messages of others")
		refuse.Store(false)
	})
}

func TestRemoveKeepsTheReplacement(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	first, second := &client{id: "a"}, &client{id: "a"}
	r.Add(first)
	r.Add(second)
	assert.False(t, r.Remove(first), "the socket that was replaced is gone already")
	assert.Equal(t, 1, r.Len())
	assert.True(t, r.Remove(second))
	assert.Zero(t, r.Len())
}
