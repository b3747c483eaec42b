package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// gaps returns the times between the heartbeats of a node that a puppet has received.
func gaps(p *puppet, uid string) (all []time.Duration) {
	var last time.Time
	times := p.heard.when()
	for i, env := range p.heard.all() {
		if env.UID != uid {
			continue
		}
		if !last.IsZero() {
			all = append(all, times[i].Sub(last))
		}
		last = times[i]
	}
	return all
}

// patient makes a node keep a peer that is silent for the whole test. Like Node.js nodes, the peer names no process,
// and so it needs heartbeats in its namespace.
func patient(c *core.Config) { c.HeartbeatTimeout = time.Hour }

func TestHeartbeatIsSentAfterEachSilentInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		p := newPuppet(t, hub, "/", "puppet")
		ns := join(t, open(t, hub, patient), "/", nil)
		p.say(codec.Envelope{Type: codec.Heartbeat})
		time.Sleep(31 * time.Second)
		got := gaps(p, ns.UID())
		require.Len(t, got, 6,
			"31 s of silence with an interval of 5 s: one INITIAL_HEARTBEAT and six HEARTBEATs; gaps %v", got)
		for _, gap := range got {
			assert.InDelta(t, 5*time.Second, gap, float64(250*time.Millisecond),
				"docs/reference/protocol.md: a type 2 every 5 s of silence; gaps %v", got)
		}
	})
}

func TestEveryMessagePostponesTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		p := newPuppet(t, hub, "/", "puppet")
		ns := join(t, open(t, hub, patient), "/", nil)
		p.say(codec.Envelope{Type: codec.Heartbeat})
		for range 20 {
			time.Sleep(4 * time.Second)
			require.NoError(t, ns.Emit(t.Context(), "a"))
		}
		beats, _ := p.of(ns.UID(), codec.Heartbeat)
		assert.Empty(t, beats, "a node that sends every 4 s needs no HEARTBEAT: each costs the database a WAL record")
	})
}

func TestFailedMessagesDoNotPostponeTheHeartbeat(t *testing.T) {
	for name, c := range map[string]struct {
		config func(*core.Config)
		args   any
	}{
		"TooLarge":      {func(c *core.Config) {}, strings.Repeat("x", 200)},
		"StoreIsBroken": {func(c *core.Config) { c.Store = brokenStore{} }, strings.Repeat("x", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 150}})
				p := newPuppet(t, hub, "/", "puppet")
				ns := join(t, open(t, hub, c.config, patient), "/", nil)
				p.say(codec.Envelope{Type: codec.Heartbeat})
				for range 30 {
					time.Sleep(time.Second)
					require.Error(t, ns.Emit(t.Context(), "a", c.args))
				}
				beats, _ := p.of(ns.UID(), codec.Heartbeat)
				assert.GreaterOrEqual(t, len(beats), 5,
					"30 s in which only messages were emitted that could not be sent: "+
						"without HEARTBEATs all peers take this node for gone")
			})
		})
	}
}

func TestFailedHeartbeatsAreNotRepeatedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		var fails log[error]
		join(t, open(t, hub, func(c *core.Config) {
			c.ErrorHandler = func(err error) {
				if op := new(core.OpError); errors.As(err, &op) && op.Op == "publish" {
					fails.add(err)
				}
			}
		}), "/", nil)
		hub.Fail(nil)
		time.Sleep(30 * time.Second)
		assert.InDelta(t, 6, len(fails.all()), 3, "30 s of outage, a heartbeat every 5 s: %v", fails.all())
	})
}

func TestSilentPeerExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		p := newPuppet(t, hub, "/", "puppet")
		var left log[string]
		ns := join(t, open(t, hub, func(c *core.Config) {
			c.Trace.PeerLeft = func(nsp, uid string, expired bool) {
				assert.True(t, expired, "PeerLeft with expired: the peer was silent, it did not close")
				left.add(nsp + " " + uid)
			}
		}), "/", nil)
		p.say(codec.Envelope{Type: codec.Heartbeat})
		synctest.Wait()
		require.Equal(t, []string{"puppet"}, ns.Peers())
		start := time.Now()
		time.Sleep(9900 * time.Millisecond)
		require.Equal(t, []string{"puppet"}, ns.Peers(), "after 9.9 s of silence, the timeout being 10 s")
		time.Sleep(time.Second)
		require.Empty(t, ns.Peers(), "after 10.9 s of silence, the timeout being 10 s")
		require.Equal(t, []string{"/ puppet"}, left.all())
		assert.InDelta(t, 10*time.Second, left.when()[0].Sub(start), float64(600*time.Millisecond),
			"at the timeout, but for what the clock is looked at, and to make sure that the node hears at all")
	})
}

func TestAnyMessageCountsAsAHeartbeat(t *testing.T) {
	for _, typ := range []codec.Type{codec.Heartbeat, codec.SocketsJoin, codec.FetchSocketsResponse,
		codec.BroadcastClientCount, 14, 99} {
		t.Run(typ.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				p := newPuppet(t, hub, "/", "puppet")
				ns := join(t, open(t, hub), "/", nil)
				p.say(codec.Envelope{Type: codec.Heartbeat})
				for range 10 {
					time.Sleep(4 * time.Second)
					if typ.Known() {
						p.say(codec.Envelope{Type: typ, RequestID: "nobody's"})
					} else {
						p.shout(fmt.Sprintf(`{"type":%d,"uid":"puppet","nsp":"/","data":{"new":true}}`, typ))
					}
				}
				assert.Equal(t, []string{"puppet"}, ns.Peers(), "a node that speaks sends no heartbeats; "+
					"one of a later version may say much that this one does not know")
			})
		})
	}
}

func TestAnnouncementsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		for i := range 3 {
			p.say(codec.Envelope{Type: codec.InitialHeartbeat})
			synctest.Wait()
			beats, _ := p.of(ns.UID(), codec.Heartbeat)
			require.Len(t, beats, i+1, "each INITIAL_HEARTBEAT is answered by one HEARTBEAT, at once")
		}
	})
}

func TestAnnouncementsInABurstShareAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		gate := make(chan struct{})
		slow := &bus{Bus: hub}
		ns := join(t, open(t, slow), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		slow.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
			<-gate
			return next.Publish(ctx, msgs...)
		}})
		require.NoError(t, ns.EmitAsync("blocks the publisher"))
		synctest.Wait()
		for range 1000 {
			p.say(codec.Envelope{Type: codec.InitialHeartbeat})
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		beats, _ := p.of(ns.UID(), codec.Heartbeat)
		assert.Len(t, beats, 1, "1000 announcements while the answer is queued: one answer is enough")
	})
}

type brokenStore struct{}

func (brokenStore) Put(context.Context, []byte) (string, error) { return "", errBroken }
func (brokenStore) Get(context.Context, string) ([]byte, error) { return nil, storage.ErrNotFound }
func (brokenStore) Expire(context.Context, time.Duration) error { return nil }
