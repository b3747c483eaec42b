package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// asks are the kinds of requests. Each returns the number of answers and the error.
var asks = map[string]func(ctx context.Context, t core.Target) (int, error){
	"EmitWithAck": func(ctx context.Context, t core.Target) (int, error) {
		values, err := t.EmitWithAck(ctx, "a")
		return len(values), err
	}, "Acks": func(ctx context.Context, t core.Target) (n int, err error) {
		for _, err = range t.Acks(ctx, "a") {
			if err == nil {
				n++
			}
		}
		return n, err
	}, "FetchSockets": func(ctx context.Context, t core.Target) (int, error) {
		sockets, err := t.FetchSockets(ctx)
		return len(sockets), err
	}, "ServerSideEmitWithAck": func(ctx context.Context, t core.Target) (int, error) {
		values, err := t.ServerSideEmitWithAck(ctx, "a")
		return len(values), err
	},
}

// stage is a node whose peers are puppets.
type stage struct {
	ns      *core.Namespace
	hub     *memory.Hub
	bus     *bus
	p       *puppet
	outcome chan outcome
}

type outcome struct {
	n    int
	err  error
	took time.Duration
}

func newStage(t *testing.T, local core.LocalSockets, peers ...string) *stage {
	t.Helper()
	s := &stage{hub: memory.NewHub(), outcome: make(chan outcome, 1)}
	s.bus = &bus{Bus: s.hub}
	s.p = newPuppet(t, s.hub, "/", "puppet")
	s.ns = join(t, open(t, s.bus), "/", local)
	s.p.live(peers...)
	for _, uid := range peers {
		s.p.say(codec.Envelope{Type: codec.Heartbeat, UID: uid})
	}
	synctest.Wait()
	require.ElementsMatch(t, peers, s.ns.Peers())
	return s
}

// ask begins a request and returns its id.
func (s *stage) ask(ctx context.Context, t *testing.T, kind string, target core.Target) string {
	t.Helper()
	start := time.Now()
	go func() {
		n, err := asks[kind](ctx, target)
		s.outcome <- outcome{n, err, time.Since(start)}
	}()
	typ := map[string]codec.Type{"EmitWithAck": codec.Broadcast, "Acks": codec.Broadcast,
		"FetchSockets": codec.FetchSockets, "ServerSideEmitWithAck": codec.ServerSideEmit}[kind]
	return s.p.next(s.ns.UID(), typ).RequestID
}

// answer answers like a node with one client.
func (s *stage) answer(kind, uid, id string) {
	switch kind {
	case "EmitWithAck", "Acks":
		s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: uid, RequestID: id, ClientCount: 1})
		s.p.say(codec.Envelope{Type: codec.BroadcastAck, UID: uid, RequestID: id, Value: value(uid)})
	case "FetchSockets":
		s.p.say(codec.Envelope{Type: codec.FetchSocketsResponse, UID: uid, RequestID: id,
			Sockets: []codec.Socket{{ID: uid}}})
	case "ServerSideEmitWithAck":
		s.p.say(codec.Envelope{Type: codec.ServerSideEmitResponse, UID: uid, RequestID: id, Value: value(uid)})
	}
}

func (s *stage) partial(t *testing.T, o outcome) *core.PartialError {
	t.Helper()
	var p *core.PartialError
	require.ErrorAs(t, o.err, &p)
	return p
}

func each(t *testing.T, f func(t *testing.T, kind string)) {
	for kind := range asks {
		t.Run(kind, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, kind) }) })
	}
}

func TestRequestEndsWhenAllHaveAnswered(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		id := s.ask(t.Context(), t, kind, s.ns.Target)
		s.answer(kind, "b", id)
		time.Sleep(time.Second)
		s.answer(kind, "c", id)
		assert.Equal(t, outcome{n: 2, took: time.Second}, <-s.outcome)
	})
}

func TestRequestEndsAtItsDeadline(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		for name, c := range map[string]struct {
			target func(core.Target) core.Target
			ctx    time.Duration
			took   time.Duration
			err    error
		}{
			"Default": {took: 5 * time.Second, err: core.ErrTimeout},
			"Timeout": {target: func(t core.Target) core.Target { return t.Timeout(1500 * time.Millisecond) },
				took: 1500 * time.Millisecond, err: core.ErrTimeout},
			"ShorterContext": {ctx: time.Second, took: time.Second, err: context.DeadlineExceeded},
		} {
			s := newStage(t, nil, "b", "c")
			ctx, target := t.Context(), s.ns.Target
			if c.ctx > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.ctx)
				defer cancel()
			}
			if c.target != nil {
				target = c.target(target)
			}
			id := s.ask(ctx, t, kind, target)
			s.answer(kind, "c", id)
			o := <-s.outcome
			assert.Equal(t, c.took, o.took, name)
			assert.Equal(t, 1, o.n, "%s: the answers so far come with the error", name)
			assert.ErrorIs(t, o.err, c.err, name)
			p := s.partial(t, o)
			assert.Equal(t, []string{"b"}, p.Missing, name)
			assert.Empty(t, p.Left, name)
		}
	})
}

func TestRequestEndsWhenTheLastMissingNodeLeaves(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		id := s.ask(t.Context(), t, kind, s.ns.Target)
		s.answer(kind, "c", id)
		time.Sleep(time.Second)
		s.p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
		o := <-s.outcome
		assert.Equal(t, 1, o.n)
		assert.Equal(t, time.Second, o.took, "the request does not wait for a node that has left")
		p := s.partial(t, o)
		assert.Equal(t, []string{"b"}, p.Left)
		assert.Empty(t, p.Missing)
		assert.NoError(t, p.Err, "all nodes that are left have answered")
	})
}

func TestRequestEndsWhenTheLastMissingNodeExpires(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		s.p.live("c")
		time.Sleep(8 * time.Second)
		s.p.say(codec.Envelope{Type: codec.Heartbeat, UID: "c"})
		id := s.ask(t.Context(), t, kind, s.ns.Timeout(time.Minute))
		s.answer(kind, "c", id)
		o := <-s.outcome
		assert.LessOrEqual(t, o.took, 3*time.Second,
			"b is known to be gone 10 s after it was last heard, which was 8 s ago")
		assert.Equal(t, []string{"b"}, s.partial(t, o).Left)
	})
}

func TestLeaveMessageDoesNotOvertakeAnAnswer(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 400}})
		store := slowStore{memstore.NewStore(), time.Second}
		config := func(c *core.Config) { c.Store = store }
		big := strings.Repeat("x", 1000)
		registry := core.NewRegistry(core.RegistryConfig{ServerSideEmit: func(_ codec.Args, reply func(codec.Value)) {
			reply(value(big))
		}})
		registry.Add(&client{id: "alice", answer: func(_ *core.Packet, answer func(codec.Value)) {
			answer(value(big))
		}}, big)
		a := join(t, open(t, hub, config), "/", nil)
		b := join(t, open(t, hub, config), "/", registry)
		require.NoError(t, a.WaitForPeers(t.Context(), 1))
		done := make(chan outcome, 1)
		go func() {
			n, err := asks[kind](t.Context(), a.Target)
			done <- outcome{n: n, err: err}
		}()
		synctest.Wait() // b has answered, and a is fetching the answer
		require.NoError(t, b.Close(t.Context()))
		o := <-done
		assert.NoError(t, o.err)
		assert.Equal(t, 1, o.n,
			"b answered before it closed: its answer counts, though it has to be read from the store")
	})
}

func TestAnswersOfOthersAndDuplicatesDoNotCount(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b", "c")
		id := s.ask(t.Context(), t, kind, s.ns.Target)
		s.answer(kind, "other", id)
		s.answer(kind, codec.EmitterUID, id)
		s.answer(kind, "b", "another request")
		for range 3 {
			s.answer(kind, "b", id)
		}
		synctest.Wait()
		require.Empty(t, s.outcome, "c has not answered")
		s.answer(kind, "c", id)
		assert.Equal(t, outcome{n: 2}, <-s.outcome)
		s.answer(kind, "c", id) // too late: ignored
	})
}

func TestAcknowledgementsMayArriveBeforeTheirCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil, "b")
		id := s.ask(t.Context(), t, "EmitWithAck", s.ns.Target)
		for i := range 3 {
			s.p.say(codec.Envelope{Type: codec.BroadcastAck, UID: "b", RequestID: id, Value: value(i)})
		}
		synctest.Wait()
		require.Empty(t, s.outcome)
		s.p.say(codec.Envelope{Type: codec.BroadcastClientCount, UID: "b", RequestID: id, ClientCount: 3})
		assert.Equal(t, outcome{n: 3}, <-s.outcome, "a large answer is read while the small count overtakes it")
	})
}

func TestRequestAsksThisNodeWhenPublishingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := crowd("alice", "bob")
		s := newStage(t, registry, "b")
		s.bus.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
			return errBroken
		}})
		for kind, n := range map[string]int{"EmitWithAck": 2, "FetchSockets": 2, "ServerSideEmitWithAck": 0} {
			got, err := asks[kind](t.Context(), s.ns.Target)
			assert.Equal(t, n, got, kind)
			assert.ErrorIs(t, err, errBroken, kind)
			var p *core.PartialError
			require.ErrorAs(t, err, &p, kind)
			assert.Equal(t, []string{"b"}, p.Missing, kind)
		}
		s.bus.heal()
	})
}

func TestCloseEndsRequests(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		s := newStage(t, nil, "b")
		s.ask(t.Context(), t, kind, s.ns.Target)
		require.NoError(t, s.ns.Close(t.Context()))
		o := <-s.outcome
		assert.ErrorIs(t, o.err, core.ErrClosed)
		assert.Zero(t, o.took)
		_, err := asks[kind](t.Context(), s.ns.Target)
		assert.ErrorIs(t, err, core.ErrClosed, "later requests too")
	})
}

// A peer that leaves while a request begins is either asked, and then known to have left, or not asked.
func TestPeerThatLeavesWhileARequestBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ns := join(t, open(t, hub), "/", nil)
		p := newPuppet(t, hub, "/", "puppet")
		for i := range 300 {
			uid := fmt.Sprint("peer ", i)
			p.say(codec.Envelope{Type: codec.InitialHeartbeat, UID: uid, CloseHash: closeHash})
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			go p.say(codec.Envelope{Type: codec.AdapterClose, UID: uid, CloseKey: closeKey})
			start := time.Now()
			_, err := ns.FetchSockets(t.Context())
			require.Zero(t, time.Since(start), "round %d waited for a peer that had left: %v", i, err)
			synctest.Wait() // the next round has one peer
		}
	})
}
