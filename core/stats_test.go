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
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestStatsSayForHowLongTheNodeIsDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var gaps log[*core.GapError]
		cluster := open(t, b, func(c *core.Config) { c.Trace.SessionRecovered = gaps.add })
		join(t, cluster, "/", nil)
		require.True(t, cluster.Stats().Listening)
		require.Zero(t, cluster.Stats().Deaf)
		last := time.Duration(0)
		for range 2 {
			b.refuse()
			b.sever(errBroken)
			time.Sleep(20 * time.Second)
			during := cluster.Stats()
			require.False(t, during.Listening)
			require.GreaterOrEqual(t, during.Deaf-last, 20*time.Second, "the outage of this moment counts")
			b.heal()
			time.Sleep(20 * time.Second)
			after := cluster.Stats()
			require.True(t, after.Listening)
			require.GreaterOrEqual(t, after.Deaf, during.Deaf, "a counter does not decrease")
			require.Equal(t, gaps.all()[len(gaps.all())-1].Deaf, after.Deaf-last, "it is the sum of GapError.Deaf")
			last = after.Deaf
		}
		require.EqualValues(t, 2, cluster.Stats().SessionsLost)
		require.EqualValues(t, 2, cluster.Stats().Errors["receive"])
		require.Greater(t, cluster.Stats().Errors["open session"], uint64(4))
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		shut(t, cluster)
		before := cluster.Stats().Deaf
		time.Sleep(time.Hour)
		require.Equal(t, before, cluster.Stats().Deaf, "a closed cluster need not listen")
	})
}

func TestStatsHaveTheAgeOfThePublishQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		ns := join(t, cluster, "/", nil)
		require.Equal(t, core.QueueStats{}, cluster.Stats().PublishQueue)
		release := make(chan struct{})
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
			<-release
			return nil
		}})
		require.NoError(t, ns.EmitAsync("first"))
		synctest.Wait()
		require.NoError(t, ns.EmitAsync("second"))
		require.NoError(t, ns.EmitAsync("third"))
		time.Sleep(3 * time.Second)
		q := cluster.Stats().PublishQueue
		assert.Equal(t, 2, q.Messages, "the bus has the first one")
		assert.Greater(t, q.Bytes, len(`["second"]["third"]`))
		assert.Equal(t, 3*time.Second, q.Age)
		close(release)
		synctest.Wait()
		require.Equal(t, core.QueueStats{}, cluster.Stats().PublishQueue)
		s := cluster.Stats()
		assert.InDelta(t, 3, s.PublishTime.Sum, 0.1, "the seconds that the batches took")
		assert.Equal(t, s.PublishTime.Count(), s.BatchSize.Count())
		assert.EqualValues(t, s.Published+s.PublishErrors, s.BatchSize.Sum, "each message is in a batch")
	})
}

func TestStatsCountWhatWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		store := &heldStore{hold: make(chan struct{})}
		cluster := open(t, &bus{Bus: hub}, func(c *core.Config) { c.Store, c.PayloadThreshold = store, 1000 })
		ns := join(t, cluster, "/", nil)
		require.NoError(t, ns.EmitAsync("large", make([]byte, 20_000)))
		time.Sleep(2 * time.Second)
		q := cluster.Stats().PublishQueue
		assert.Equal(t, 1, q.Messages)
		assert.Greater(t, q.Bytes, 20_000)
		assert.Equal(t, 2*time.Second, q.Age)
		store.err = errBroken
		close(store.hold)
		synctest.Wait()
		s := cluster.Stats()
		assert.Equal(t, core.QueueStats{}, s.PublishQueue)
		assert.EqualValues(t, 1, s.AttachmentErrors)
		assert.EqualValues(t, 1, s.Errors["store attachment"])
	})
}

// heldStore is a store whose Put waits.
type heldStore struct {
	hold chan struct{}
	err  error
}

func (s *heldStore) Put(context.Context, []byte) (string, error) {
	<-s.hold
	return "id", s.err
}
func (s *heldStore) Get(context.Context, string) ([]byte, error) { return nil, errBroken }
func (s *heldStore) Expire(context.Context, time.Duration) error { return nil }

func TestStatsHaveTheAgeOfTheReceiveQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		clients["alice"].hold = make(chan struct{})
		receiver := open(t, hub)
		join(t, receiver, "/", registry)
		sender := join(t, open(t, hub), "/", nil)
		time.Sleep(time.Second)
		for range 3 {
			require.NoError(t, sender.Emit(t.Context(), "event"))
			time.Sleep(time.Second)
		}
		q := receiver.Stats().ReceiveQueue
		assert.Equal(t, 3, q.Messages, "those that the client has not got yet")
		assert.Greater(t, q.Bytes, 3*len(`["event"]`))
		assert.Equal(t, 3*time.Second, q.Age, "since the first one has arrived")
		close(clients["alice"].hold)
		synctest.Wait()
		require.Equal(t, core.QueueStats{}, receiver.Stats().ReceiveQueue)
	})
}

func TestStatsHaveTheRoundTripOfHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		b.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
			time.Sleep(300 * time.Millisecond)
			return next.Publish(ctx, msgs...)
		}})
		cluster := open(t, b)
		join(t, cluster, "/", nil)
		time.Sleep(time.Minute)
		trips := cluster.Stats().RoundTrip
		require.InDelta(t, 11, trips.Count(), 1, "one in each HeartbeatInterval")
		require.InDelta(t, 0.3*float64(trips.Count()), trips.Sum, 0.01, "the bus takes 300 ms")
	})
}

func TestStatsCountRequestsByOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		cluster := open(t, hub)
		ns := join(t, cluster, "/", nil)
		registry, clients := crowd("alice")
		join(t, open(t, hub), "/", registry)
		synctest.Wait()
		count := func(outcome string) (n uint64) {
			for _, r := range cluster.Stats().Requests {
				if r.Kind == "emit with acknowledgement" && r.Outcome == outcome {
					n += r.Count
				}
			}
			return n
		}
		_, err := ns.EmitWithAck(t.Context(), "hello")
		require.NoError(t, err)
		require.EqualValues(t, 1, count("complete"))

		clients["alice"].answer = func(*core.Packet, func(codec.Value)) {}
		canceled, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := ns.EmitWithAck(canceled, "hello")
			done <- err
		}()
		synctest.Wait()
		require.Equal(t, 1, cluster.Stats().OpenRequests)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.EqualValues(t, 1, count("canceled"))
		require.Zero(t, cluster.Stats().OpenRequests)

		_, err = ns.EmitWithAck(t.Context(), "hello")
		require.ErrorIs(t, err, core.ErrTimeout)
		require.EqualValues(t, 1, count("timeout"))
		all := uint64(0)
		for _, r := range cluster.Stats().Requests {
			all += r.Count
		}
		require.EqualValues(t, 3, all, "each request is counted once, with one outcome")
		_, err = ns.CustomRequest(t.Context(), "data")
		require.ErrorIs(t, err, core.ErrTimeout)
		for _, r := range cluster.Stats().Requests {
			if r.Kind == "server-side emit" {
				want := uint64(0)
				if r.Outcome == "timeout" {
					want = 1
				}
				require.Equal(t, want, r.Count, "%+v: the part of this node is no request of its own", r)
			}
		}
	})
}

func TestStatsCountPeersAndDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		cluster := open(t, hub)
		ns := join(t, cluster, "/", nil)
		join(t, cluster, "/empty", nil)
		leaver := open(t, hub)
		join(t, leaver, "/", nil)
		silent := &bus{Bus: hub}
		join(t, open(t, silent), "/", nil)
		synctest.Wait()
		s := cluster.Stats()
		assert.Equal(t, 2, s.Namespaces)
		assert.Equal(t, 2, s.Peers, "the most peers of a namespace")
		assert.EqualValues(t, 2, s.PeersJoined)
		shut(t, leaver)
		silent.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
			return errBroken
		}})
		time.Sleep(time.Minute)
		s = cluster.Stats()
		assert.EqualValues(t, 1, s.PeersLeft)
		assert.EqualValues(t, 1, s.PeersExpired)
		assert.Zero(t, s.Peers)

		require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: ns.Channel(), Payload: []byte("{")}))
		synctest.Wait()
		s = cluster.Stats()
		assert.EqualValues(t, 1, s.Dropped[core.DropMalformed])
		sum := uint64(0)
		for _, n := range s.Dropped {
			sum += n
		}
		assert.Equal(t, s.ReceiveDropped, sum)
	})
}

func TestStatsSayForHowLongTheNodeIsBehindTheLog(t *testing.T) {
	hub := memory.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	require.Zero(t, b.cluster.Stats().LogLag)
	b.bus.setReplay(func(transport.Position) error { return errBroken })
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	b.lost.wait(t, 1)
	emitAll(t, a.Namespace, "", 0, 3)
	b.bus.faults.heal()
	var last time.Duration
	await(t, "the node falls behind", func() bool {
		last = b.cluster.Stats().LogLag
		return last > 0
	})
	await(t, "it falls further behind", func() bool { return b.cluster.Stats().LogLag > last })
	b.bus.setReplay(nil)
	await(t, "the log has filled the gap", func() bool { return b.cluster.Stats().LogLag == 0 })
}

// await waits until a condition holds that nothing announces.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 2*time.Minute, time.Millisecond, what)
}
