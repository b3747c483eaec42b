package core_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// many returns a registry of n clients.
func many(n int) *core.Registry {
	registry := core.NewRegistry(core.RegistryConfig{})
	for i := range n {
		registry.Add(&client{id: fmt.Sprint("client ", i)})
	}
	return registry
}

func TestRequestRateOfPeersIsLimited(t *testing.T) {
	requests := map[string]codec.Envelope{
		"FetchSockets": {Type: codec.FetchSockets},
		"EmitWithAck":  {Type: codec.Broadcast, Args: args("a")},
	}
	for kind, request := range requests {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				var drops log[error]
				cluster := open(t, hub, func(c *core.Config) { c.ErrorHandler, c.MaxRequestRate = drops.add, 2000 })
				ns, other := join(t, cluster, "/", many(100)), join(t, open(t, hub), "/", nil)
				require.NoError(t, other.WaitForPeers(t.Context(), 1))
				_, err := other.FetchSockets(t.Context()) // by now the nodes have verified each other
				require.NoError(t, err)
				_, err = ns.FetchSockets(t.Context())
				require.NoError(t, err)

				p := newPuppet(t, hub, "/", "puppet")
				for i := range 600 {
					request.RequestID, request.UID = fmt.Sprint(i), fmt.Sprint("invented ", i)
					p.say(request)
				}
				synctest.Wait()
				sockets, err := other.FetchSockets(t.Context())
				assert.Len(t, sockets, 100, "the requests of a peer that asks little are still answered")
				var partial *core.PartialError
				require.ErrorAs(t, err, &partial, "the invented peers were asked too")
				assert.Empty(t, partial.Refused)
				assert.Empty(t, partial.Missing)
				served := 0
				for _, typ := range []codec.Type{codec.FetchSocketsResponse, codec.BroadcastClientCount} {
					answers, _ := p.of(ns.UID(), typ)
					for _, answer := range answers {
						if strings.Trim(answer.RequestID, "0123456789") == "" && len(answer.RequestID) < 5 {
							served++
						}
					}
				}
				assert.NotZero(t, served)
				assert.Less(t, served, 30, "2,000 sockets, which unverified peers may save up, are 20 answers")
				refused, _ := p.of(ns.UID(), codec.RequestRefused)
				assert.NotEmpty(t, refused)
				assert.GreaterOrEqual(t, cluster.Stats().ReceiveDropped, uint64(570))
				var drop *core.DropError
				require.ErrorAs(t, drops.all()[len(drops.all())-1], &drop)
				assert.Equal(t, core.DropRate, drop.Reason)
				assert.Less(t, len(drops.all()), 200, "reports that others can cause are limited")
			})
		})
	}
}

func TestRefusedRequestsReturnAtOnce(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		hub := memory.NewHub()
		registry := core.NewRegistry(core.RegistryConfig{ServerSideEmit: func(_ codec.Args, reply func(codec.Value)) {
			reply(value("yes"))
		}})
		registry.Add(&client{id: "alice"})
		refusing := join(t, open(t, hub, func(c *core.Config) { c.MaxRequestRate = 1 }), "/", registry)
		ns := join(t, open(t, hub), "/", nil)
		require.NoError(t, ns.WaitForPeers(t.Context(), 1))
		var err error
		for range 5 {
			start := time.Now()
			_, err = asks[kind](t.Context(), ns.Target)
			assert.Zero(t, time.Since(start), "the request does not wait for a node that refused")
		}
		var partial *core.PartialError
		require.ErrorAs(t, err, &partial)
		assert.ErrorIs(t, err, core.ErrRefused)
		assert.Equal(t, []string{refusing.UID()}, partial.Refused)
		assert.Empty(t, partial.Missing)
		time.Sleep(10 * time.Second)
		_, err = asks[kind](t.Context(), ns.Target)
		assert.NoError(t, err, "the rate limit recovers after a while")
	})
}

// A new node is unverified, and shares the rate of unverified peers. But it soon answers an announcement, whether a
// request has asked it or not.
func TestNewPeerGetsItsFullRequestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		cluster := open(t, hub, func(c *core.Config) { c.MaxRequestRate = 500 })
		join(t, cluster, "/", many(10))
		newNode := join(t, open(t, hub), "/", nil)
		require.NoError(t, newNode.WaitForPeers(t.Context(), 1))
		for range 400 { // 400 sockets a second, for ten seconds
			sockets, err := newNode.FetchSockets(t.Context())
			require.NoError(t, err)
			require.Len(t, sockets, 10)
			time.Sleep(25 * time.Millisecond)
		}
		assert.Zero(t, cluster.Stats().ReceiveDropped)
	})
}

func TestAnswersThatAreTooLargeBecomeRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		var errs log[error]
		refusing := join(t, open(t, hub, func(c *core.Config) {
			c.MaxMessageBytes, c.ErrorHandler = 10_000, errs.add
		}), "/", many(1000))
		ns := join(t, open(t, hub), "/", nil)
		require.NoError(t, ns.WaitForPeers(t.Context(), 1))
		start := time.Now()
		_, err := ns.FetchSockets(t.Context())
		assert.Zero(t, time.Since(start))
		assert.ErrorIs(t, err, core.ErrRefused)
		var partial *core.PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{refusing.UID()}, partial.Refused)
		var reasons []core.DropReason
		for _, err := range errs.all() {
			var drop *core.DropError
			if errors.As(err, &drop) {
				reasons = append(reasons, drop.Reason)
			}
		}
		assert.Equal(t, []core.DropReason{core.DropAnswer}, reasons)
		sockets, err := ns.In("client 7").FetchSockets(t.Context())
		assert.NoError(t, err)
		assert.Len(t, sockets, 1)
	})
}

// The part of a request that an answer repeats is bounded. Otherwise a peer could make this node send more than it
// sends itself.
func TestRequestsWithHugeIDsAreNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		cluster := open(t, hub)
		ns := join(t, cluster, "/", many(1000))
		p := newPuppet(t, hub, "/", "puppet")
		id := strings.Repeat("x", 1<<20)
		p.say(codec.Envelope{Type: codec.FetchSockets, RequestID: id})
		p.say(codec.Envelope{Type: codec.Broadcast, Args: args("a"), RequestID: id})
		p.say(codec.Envelope{Type: codec.ServerSideEmit, Args: args("a"), RequestID: id})
		synctest.Wait()
		for _, env := range p.heard.all() {
			if env.UID == ns.UID() {
				assert.Contains(t, []codec.Type{codec.InitialHeartbeat, codec.Heartbeat}, env.Type)
			}
		}
		assert.Equal(t, uint64(3), cluster.Stats().ReceiveDropped)
	})
}

func TestPendingRequestsOfPeersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		silent := &client{id: "silent", answer: func(*core.Packet, func(codec.Value)) {}}
		registry := core.NewRegistry(core.RegistryConfig{})
		registry.Add(silent)
		cluster := open(t, hub, func(c *core.Config) { c.MaxPendingRequests = 100 })
		ns := join(t, cluster, "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		ask := func(n int) {
			for i := range n {
				p.say(codec.Envelope{Type: codec.Broadcast, Args: args("a"), RequestID: fmt.Sprint(i),
					UID:  fmt.Sprint("invented ", i%10),
					Opts: codec.Opts{Flags: codec.Flags{Timeout: time.Minute}}})
			}
			synctest.Wait()
		}
		ask(300)
		assert.Len(t, silent.got.all(), 100)
		assert.Equal(t, uint64(200), cluster.Stats().ReceiveDropped)
		refused, _ := p.of(ns.UID(), codec.RequestRefused)
		assert.Len(t, refused, 200)
		time.Sleep(2 * time.Minute)
		ask(50)
		assert.Len(t, silent.got.all(), 150, "requests that have ended do not count any more")
	})
}

func TestAnswersAreBoundedInBytes(t *testing.T) {
	const kib = 1 << 10
	begin := func(t *testing.T) *stage {
		s := &stage{hub: memory.NewHub(), outcome: make(chan outcome, 1)}
		s.p = newPuppet(t, s.hub, "/", "puppet")
		s.ns = join(t, open(t, s.hub, func(c *core.Config) { c.MaxAnswerBytes = 64 * kib }), "/", nil)
		s.p.live("b", "c")
		s.p.say(codec.Envelope{Type: codec.Heartbeat, UID: "b"})
		s.p.say(codec.Envelope{Type: codec.Heartbeat, UID: "c"})
		synctest.Wait()
		return s
	}
	large := value(strings.Repeat("x", kib))
	check := func(t *testing.T, s *stage, most int) {
		t.Helper()
		o := <-s.outcome
		assert.ErrorIs(t, o.err, core.ErrAnswersTooLarge)
		assert.Equal(t, []string{"b"}, s.partial(t, o).Missing)
		assert.LessOrEqual(t, o.n, most)
		assert.Zero(t, o.took, "c has answered, and the request does not wait for b")
	}
	t.Run("AcknowledgementsBeforeTheirCount", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := begin(t)
			id := s.ask(t.Context(), t, "EmitWithAck", s.ns.Target)
			s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: "c", RequestID: id})
			for range 1000 {
				s.p.say(codec.Envelope{Type: codec.BroadcastAck, UID: "b", RequestID: id, Value: large})
			}
			check(t, s, 64)
		})
	})
	t.Run("AcknowledgementsOfVeryManyClients", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := begin(t)
			id := s.ask(t.Context(), t, "EmitWithAck", s.ns.Target)
			s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: "c", RequestID: id})
			s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: "b", RequestID: id,
				ClientCount: min(1<<53-1, math.MaxInt)})
			for range 1000 {
				s.p.say(codec.Envelope{Type: codec.BroadcastAck, UID: "b", RequestID: id, Value: large})
			}
			check(t, s, 64)
		})
	})
	t.Run("TheClientsOfAllNodesFitTheirSum", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := begin(t)
			id := s.ask(t.Context(), t, "EmitWithAck", s.ns.Target)
			for _, uid := range []string{"b", "c"} {
				s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: uid, RequestID: id,
					ClientCount: math.MaxInt32})
			}
			assert.GreaterOrEqual(t, s.partial(t, <-s.outcome).Clients, math.MaxInt32)
		})
	})
	t.Run("Sockets", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := begin(t)
			id := s.ask(t.Context(), t, "FetchSockets", s.ns.Target)
			s.p.say(codec.Envelope{Type: codec.FetchSocketsResponse, UID: "c", RequestID: id})
			s.p.say(codec.Envelope{Type: codec.FetchSocketsResponse, UID: "b", RequestID: id,
				Sockets: []codec.Socket{{ID: "s", Data: value(strings.Repeat("x", 65*kib))}}})
			check(t, s, 0)
		})
	})
}

// countingStore counts what is read.
type countingStore struct {
	storage.Store
	reads *log[string]
}

func (s countingStore) Get(ctx context.Context, id string) ([]byte, error) {
	s.reads.add(id)
	return s.Store.Get(ctx, id)
}

func TestOnlyAwaitedAnswersAreFetched(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		var reads log[string]
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{}})
		p := newPuppet(t, hub, "/", "puppet")
		ns := join(t, open(t, hub, func(c *core.Config) { c.Store = countingStore{memstore.NewStore(), &reads} }),
			"/", nil)
		p.live("b")
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: "b"})
		refer := func(uid string, typ codec.Type) {
			p.say(codec.Envelope{Type: typ, UID: uid, AttachmentID: "1", RequesterUID: ns.UID()})
			synctest.Wait()
		}
		responses := map[string]codec.Type{"EmitWithAck": codec.BroadcastAck, "Acks": codec.BroadcastAck,
			"FetchSockets": codec.FetchSocketsResponse, "ServerSideEmitWithAck": codec.ServerSideEmitResponse}
		refer("b", responses[kind])
		assert.Empty(t, reads.all(), "this node made no request")
		s := &stage{ns: ns, hub: hub, p: p, outcome: make(chan outcome, 1)}
		synctest.Wait()
		s.ask(t.Context(), t, kind, ns.Target)
		refer("other", responses[kind])
		assert.Empty(t, reads.all(), "it was not asked")
		for other, typ := range responses {
			if typ != responses[kind] {
				refer("b", typ)
				assert.Empty(t, reads.all(), "%s does not answer %s", other, kind)
			}
		}
		refer("b", responses[kind])
		assert.Len(t, reads.all(), 1)
		<-s.outcome
	})
}
