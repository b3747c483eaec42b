package core_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// A session may end with much of what it was sent still unread: GapError must cover that, and not only the time in
// which there was no session.
func TestGapCoversUnreadMessages(t *testing.T) {
	for name, interval := range map[string]time.Duration{"OftenAlive": time.Second, "SeldomAlive": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				var back log[*core.GapError]
				registry, clients := crowd("alice")
				receiver := open(t, b, func(c *core.Config) {
					c.Trace.SessionRecovered = back.add
					c.HeartbeatInterval, c.HeartbeatTimeout = interval, 2*interval
				})
				join(t, receiver, "/", registry)
				sender := join(t, open(t, hub), "/", nil)
				var sent []time.Time
				var stalled atomic.Bool
				var reads atomic.Int64 // after the stall
				reads.Store(-1)
				b.fault(faults{receive: func(ctx context.Context, s transport.Session) (transport.Message, error) {
					for stalled.Load() {
						select {
						case <-time.After(10 * time.Millisecond):
						case <-ctx.Done():
							return transport.Message{}, ctx.Err()
						}
					}
					if reads.Load() >= 0 && reads.Add(1) == 5 {
						b.sever(errBroken)
					}
					return s.Receive(ctx)
				}})
				for range 6000 { // 60 s
					time.Sleep(10 * time.Millisecond)
					switch len(sent) {
					case 3000:
						stalled.Store(true) // the network to the receiver stalls,
					case 3400:
						reads.Store(0)
						stalled.Store(false) // and breaks when little of what was sent meanwhile has been read
					}
					require.NoError(t, sender.Emit(t.Context(), "n", len(sent)))
					sent = append(sent, time.Now())
				}
				synctest.Wait()
				require.NotEmpty(t, back.all())
				covered := func(at time.Time) bool {
					for _, gap := range back.all() {
						if !at.Before(gap.Since) && !at.After(gap.Since.Add(gap.Deaf)) {
							return true
						}
					}
					return false
				}
				got := make(map[string]bool)
				for _, args := range clients["alice"].got.all() {
					got[args] = true
				}
				lost := 0
				for i, at := range sent {
					if !got[fmt.Sprintf(`["n",%d]`, i)] {
						lost++
						assert.True(t, covered(at), "message %d, sent at %v, is lost, and the gaps are %v", i, at,
							back.all())
					}
				}
				assert.Greater(t, lost, 390)
				first := back.all()[0]
				assert.LessOrEqual(t, sent[2999].Sub(first.Since), interval+time.Second,
					"it begins with the last heartbeat that came back")
				assert.Contains(t, first.Error(), "at least since "+first.Since.Format("15:04:05"))
			})
		})
	}
}

// A process that may publish can copy the uid of a node's heartbeats, but it cannot know the clock of the next one.
func TestForgedHeartbeatDoesNotShortenTheGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		var back log[*core.GapError]
		open(t, b, func(c *core.Config) { c.Trace.SessionRecovered = back.add })
		session, err := hub.Open(t.Context())
		require.NoError(t, err)
		defer session.Close(t.Context())
		const channel = "socket.io#*"
		require.NoError(t, session.Listen(t.Context(), channel))
		m, err := session.Receive(t.Context())
		require.NoError(t, err)
		came := time.Now()
		env, err := jsonmsgpack.Codec{}.Parse(m.Payload, codec.Text)
		require.NoError(t, err)
		require.NotZero(t, env.Clock)

		time.Sleep(3 * time.Second) // the next one is due two seconds later
		env.Clock += 3_000_000      // microseconds
		payload, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Text)
		require.NoError(t, err)
		require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: channel, Payload: payload}))
		synctest.Wait()
		b.sever(errBroken)
		gap := back.wait(t, 1)[0]
		assert.False(t, gap.Since.After(came), "the gap begins %v after the last heartbeat of the node itself",
			gap.Since.Sub(came))
	})
}
