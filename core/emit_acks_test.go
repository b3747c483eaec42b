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
)

func TestServedAcknowledgementsFreeTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contexts := make(chan context.Context, 1)
		local := spy{Registry: core.NewRegistry(core.RegistryConfig{}),
			ack: func(ctx context.Context, asked func(int), answer func(codec.Value)) {
				contexts <- ctx
				asked(2)
				answer(value(1))
				time.AfterFunc(time.Second, func() { answer(value(2)) })
			}}
		s := newStage(t, local)
		s.p.say(codec.Envelope{Type: codec.Broadcast, RequestID: "r", Args: args("a"),
			Opts: codec.Opts{Flags: codec.Flags{Timeout: time.Hour}}})
		ctx := <-contexts
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, ctx.Err(), "one of two clients has not answered")
		time.Sleep(time.Second)
		assert.Error(t, ctx.Err(), "all have answered: the request is freed, whatever its timeout")
		acks, _ := s.p.of(s.ns.UID(), codec.BroadcastAck)
		assert.Len(t, acks, 2)
	})
}

// spy is a registry whose acknowledgements the test makes.
type spy struct {
	*core.Registry
	ack func(ctx context.Context, asked func(int), answer func(codec.Value))
}

func (s spy) BroadcastAck(ctx context.Context, _ *core.Packet, _ core.Selector, asked func(int),
	answer func(codec.Value)) {
	s.ack(ctx, asked, answer)
}

func TestLateAcknowledgementsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := spy{Registry: core.NewRegistry(core.RegistryConfig{}),
			ack: func(_ context.Context, asked func(int), answer func(codec.Value)) {
				asked(1)
				time.AfterFunc(2*time.Second, func() { answer(value(1)) })
			}}
		s := newStage(t, local)
		s.p.say(codec.Envelope{Type: codec.Broadcast, RequestID: "r", Args: args("a"),
			Opts: codec.Opts{Flags: codec.Flags{Timeout: time.Second}}})
		time.Sleep(4 * time.Second)
		acks, _ := s.p.of(s.ns.UID(), codec.BroadcastAck)
		assert.Empty(t, acks, "the requester has stopped waiting")
	})
}
