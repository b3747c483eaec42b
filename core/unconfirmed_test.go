package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// witness opens a namespace on a bus that can hang, and another node whose client keeps what arrives.
func witness(t *testing.T, change ...func(*core.Config)) (*hangman, *core.Cluster, *core.Namespace, *client) {
	t.Helper()
	hub := memory.NewHub()
	h := newHangman(hub)
	cluster := open(t, h, change...)
	ns := join(t, cluster, "/", nil)
	registry, clients := crowd("alice")
	join(t, open(t, hub), "/", registry)
	require.NoError(t, ns.WaitForPeers(t.Context(), 1))
	synctest.Wait()
	return h, cluster, ns, clients["alice"]
}

func emitFor(ns *core.Namespace, d time.Duration, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return ns.Emit(ctx, name)
}

func TestErrUnconfirmedSaysThatAMessageMayHaveBeenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, ns, alice := witness(t)
		h.hang("Publish")
		err := emitFor(ns, time.Second, "being published")
		assert.ErrorIs(t, err, core.ErrUnconfirmed)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		err = emitFor(ns, time.Second, "queued")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, core.ErrUnconfirmed, "the bus did not get it")
		h.letGo()
		for range 100 { // the outcome of the first message is not taken for that of a later one
			require.NoError(t, ns.Emit(t.Context(), "n"))
		}
		synctest.Wait()
		got := alice.got.all()
		require.Len(t, got, 101, "the queued one was not sent")
		assert.Equal(t, `["being published"]`, got[0], "the message arrives late, but in order")
	})
}

func TestBusErrorsAreUnconfirmedUnlessTheBusKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		ns := join(t, open(t, b), "/", nil)
		for err, want := range map[error]bool{
			errBroken:                                    true,
			&transport.RejectedError{Err: errBroken}:     false,
			errors.Join(transport.ErrNotSent, errBroken): false,
		} {
			b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return err }})
			got := ns.Emit(t.Context(), "a")
			assert.ErrorIs(t, got, errBroken)
			assert.Equal(t, want, errors.Is(got, core.ErrUnconfirmed), "%v", got)
		}
		b.heal()
	})
}

func TestStuckBusDelaysNoCallerAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported log[error]
		h, cluster, ns, alice := witness(t, func(c *core.Config) {
			c.PublishTimeout, c.ErrorHandler = time.Second, reported.add
			c.HeartbeatInterval, c.HeartbeatTimeout = time.Hour, time.Hour
		})
		published := cluster.Stats().Published
		h.hang("Publish")
		require.NoError(t, ns.EmitAsync("async, being published"))
		synctest.Wait()
		start := time.Now()
		require.NoError(t, ns.EmitAsync("async, queued"))
		err := ns.Emit(context.Background(), "queued")
		assert.LessOrEqual(t, time.Since(start), 1100*time.Millisecond)
		assert.Error(t, err)
		assert.NotErrorIs(t, err, core.ErrUnconfirmed)
		synctest.Wait()
		require.Len(t, reported.all(), 2, "each is reported once: %v", reported.all())
		assert.ErrorIs(t, reported.all()[0], core.ErrUnconfirmed)
		assert.NotErrorIs(t, reported.all()[1], core.ErrUnconfirmed)

		start = time.Now()
		assert.Error(t, ns.Emit(context.Background(), "refused"))
		assert.Error(t, ns.EmitAsync("refused"))
		assert.Zero(t, time.Since(start), "a call does not wait for a bus that is known to be stuck")

		h.letGo()
		synctest.Wait()
		require.NoError(t, ns.Emit(context.Background(), "next"))
		synctest.Wait()
		assert.Equal(t, []string{`["async, being published"]`, `["next"]`}, alice.got.all())
		assert.Equal(t, published+2, cluster.Stats().Published)
		assert.Len(t, reported.all(), 2, "no outcome is reported twice")
	})
}

func TestAnnouncementsAreAnsweredAfterAStuckBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		h := newHangman(hub)
		ns := join(t, open(t, h, func(c *core.Config) { c.PublishTimeout = time.Second }), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		synctest.Wait()
		h.hang("Publish")
		require.NoError(t, ns.EmitAsync("being published"))
		synctest.Wait()
		p.say(codec.Envelope{Type: codec.InitialHeartbeat}) // the answer is queued and then fails
		time.Sleep(2 * time.Second)
		h.letGo()
		time.Sleep(time.Minute + 500*time.Millisecond) // between two regular heartbeats
		synctest.Wait()
		before, _ := p.of(ns.UID(), codec.Heartbeat)
		p.say(codec.Envelope{Type: codec.InitialHeartbeat, UID: "new"})
		synctest.Wait()
		after, _ := p.of(ns.UID(), codec.Heartbeat)
		assert.Len(t, after, len(before)+1)
	})
}

func TestRequestThatCannotBeSentReturnsThisNodesAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		h := newHangman(hub)
		registry, _ := crowd("here")
		ns := join(t, open(t, h), "/", registry)
		other := join(t, open(t, hub), "/", nil)
		require.NoError(t, ns.WaitForPeers(t.Context(), 1))
		h.hang("Publish")
		start := time.Now()
		sockets, err := ns.Timeout(300 * time.Millisecond).FetchSockets(context.Background())
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		require.Len(t, sockets, 1)
		var partial *core.PartialError
		require.ErrorAs(t, err, &partial)
		assert.ErrorIs(t, err, core.ErrTimeout)
		assert.Equal(t, []string{other.UID()}, partial.Missing)
		h.letGo()
	})
}
