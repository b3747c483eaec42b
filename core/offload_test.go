package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
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

// lockable is a store that does not answer while it is locked, like a table.
type lockable struct {
	*memstore.Store
	gate atomic.Pointer[chan struct{}]
	deaf atomic.Bool // it ignores its context
}

func newLockable() *lockable { return &lockable{Store: memstore.NewStore()} }

func (l *lockable) lock() (unlock func()) {
	gate := make(chan struct{})
	l.gate.Store(&gate)
	return func() {
		l.gate.Store(nil)
		close(gate)
	}
}

func (l *lockable) wait(ctx context.Context) error {
	gate := l.gate.Load()
	switch {
	case gate == nil:
	case l.deaf.Load():
		<-*gate
	default:
		select {
		case <-*gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *lockable) Put(ctx context.Context, body []byte) (string, error) {
	if err := l.wait(ctx); err != nil {
		return "", err
	}
	return l.Store.Put(ctx, body)
}

func (l *lockable) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	return l.Store.GetUpTo(ctx, ids, limit)
}

func (l *lockable) Expire(ctx context.Context, age time.Duration) error {
	if err := l.wait(ctx); err != nil {
		return err
	}
	return l.Store.Expire(ctx, age)
}

// stocked is two nodes with one store, on a bus that carries only small messages.
type stocked struct {
	store    *lockable
	here     *core.Cluster
	ns, peer *core.Namespace
	alice    *client // on the peer
	hub      *memory.Hub
}

func newStocked(t *testing.T, change ...func(*core.Config)) *stocked {
	p := &stocked{store: newLockable(),
		hub: memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}})}
	change = append(change, func(c *core.Config) { c.Store = p.store })
	registry, clients := crowd("alice")
	p.alice = clients["alice"]
	p.here = open(t, p.hub, change...)
	here, _ := crowd("bob")
	p.ns = join(t, p.here, "/", here)
	p.peer = join(t, open(t, p.hub, change...), "/", registry)
	require.NoError(t, p.ns.WaitForPeers(t.Context(), 1))
	synctest.Wait()
	return p
}

func TestLockedStoreDelaysNoOtherNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStocked(t, func(c *core.Config) { c.PublishQueue, c.PublishQueueBytes = 100, 100<<10 })
		registry, clients := crowd("carol")
		other := join(t, p.here, "/other", nil)
		join(t, open(t, p.hub), "/other", registry)
		require.NoError(t, other.WaitForPeers(t.Context(), 1))
		unlock := p.store.lock()
		defer unlock()
		for p.ns.EmitAsync("large", large) == nil { // as many as may wait
		}
		start := time.Now()
		for i := range 20 {
			require.NoError(t, other.Emit(t.Context(), "small", i))
		}
		require.NoError(t, other.To("carol").SocketsJoin(t.Context(), "room"))
		_, err := other.EmitWithAck(t.Context(), "ask")
		require.NoError(t, err)
		synctest.Wait()
		assert.Len(t, clients["carol"].got.all(), 21)
		sockets, err := p.ns.FetchSockets(t.Context())
		require.NoError(t, err, "requests in the same namespace work too")
		assert.Len(t, sockets, 2)
		sockets, err = p.peer.FetchSockets(t.Context())
		require.NoError(t, err, "and answered")
		assert.Len(t, sockets, 2)
		assert.Zero(t, time.Since(start))
	})
}

func TestOrderOfANamespaceIsKeptAcrossTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStocked(t)
		unlock := p.store.lock()
		var want []string
		for i := range 100 {
			if i%3 == 0 {
				require.NoError(t, p.ns.EmitAsync("n", i, large))
				want = append(want, fmt.Sprintf(`["n",%d,"%s"]`, i, large))
			} else {
				require.NoError(t, p.ns.EmitAsync("n", i))
				want = append(want, fmt.Sprintf(`["n",%d]`, i))
			}
		}
		synctest.Wait()
		assert.Empty(t, p.alice.got.all())
		time.Sleep(time.Second)
		unlock()
		synctest.Wait()
		assert.Equal(t, want, p.alice.got.all())
		require.NoError(t, p.ns.Emit(t.Context(), "after"))
	})
}

func TestFailedAttachmentFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported, stored log[error]
		p := newStocked(t, func(c *core.Config) {
			c.ErrorHandler = reported.add
			c.Trace.AttachmentStored = func(_ string, _ codec.Type, _ int, _ time.Duration, err error) {
				stored.add(err)
			}
		})
		before := p.here.Stats()
		defer p.store.lock()()
		start := time.Now()
		failed := make(chan error, 1)
		go func() { failed <- p.ns.Emit(t.Context(), "large", large) }()
		synctest.Wait()
		require.NoError(t, p.ns.EmitAsync("async", large))
		require.NoError(t, p.ns.Emit(t.Context(), "small"), "the message waited for those before it")
		err := <-failed
		assert.Equal(t, 5*time.Second, time.Since(start))
		var op *core.OpError
		require.ErrorAs(t, err, &op)
		assert.Equal(t, "store attachment", op.Op)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, core.ErrUnconfirmed, "the message was certainly not sent")
		synctest.Wait()
		assert.Equal(t, []string{`["small"]`}, p.alice.got.all())
		assert.Len(t, reported.all(), 1, "the error of EmitAsync is reported")
		assert.Len(t, stored.all(), 2)
		after := p.here.Stats()
		assert.Equal(t, uint64(2), after.PublishErrors-before.PublishErrors)
		assert.Equal(t, before.AttachmentsStored, after.AttachmentsStored)
	})
}

// nameless is a store that returns no ids.
type nameless struct{ *memstore.Store }

func (nameless) Put(context.Context, []byte) (string, error) { return "", nil }
func (nameless) PutAll(_ context.Context, b [][]byte) ([]string, error) {
	return make([]string, len(b)), nil
}

func TestStoreThatReturnsNoIDsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStocked(t)
		registry, _ := crowd("carol")
		ns := join(t, open(t, p.hub, func(c *core.Config) { c.Store = nameless{memstore.NewStore()} }), "/", registry)
		require.NoError(t, ns.WaitForPeers(t.Context(), 2))
		var op *core.OpError
		require.ErrorAs(t, ns.Emit(t.Context(), "large", large), &op)
		assert.Equal(t, "store attachment", op.Op)
		assert.ErrorContains(t, op, "the store returned 1 ids for 1 attachments, or an empty id")
	})
}

func TestMessageOfACallerThatLeavesWhileTheStoreIsLockedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStocked(t)
		unlock := p.store.lock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.ns.Emit(ctx, "large", large)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, core.ErrUnconfirmed)
		unlock()
		require.NoError(t, p.ns.Emit(t.Context(), "after"))
		synctest.Wait()
		assert.Equal(t, []string{`["after"]`}, p.alice.got.all())
	})
}

func TestLeaveMessageFollowsLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newStocked(t)
		p.alice.answer = func(_ *core.Packet, answer func(codec.Value)) { answer(value(large)) }
		unlock := p.store.lock()
		type outcome struct {
			answers []codec.Value
			err     error
		}
		asked := make(chan outcome, 1)
		go func() {
			answers, err := p.ns.To("alice").EmitWithAck(t.Context(), "ask")
			asked <- outcome{answers, err}
		}()
		synctest.Wait() // the answer waits for the store
		require.NoError(t, p.peer.EmitAsync("small"), "the answer delays no event")
		closed := make(chan error, 1)
		go func() { closed <- p.peer.Close(t.Context()) }()
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Empty(t, closed, "the leave message is the last one")
		unlock()
		require.NoError(t, <-closed)
		got := <-asked
		require.NoError(t, got.err)
		require.Len(t, got.answers, 1)
	})
}

func TestCloseWithALockedStoreEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newLockable()
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}})
		cluster, err := core.Open(t.Context(),
			core.Config{Bus: hub, Store: store, CleanupInterval: 100 * time.Millisecond})
		require.NoError(t, err)
		ns, quiet := join(t, cluster, "/", nil), join(t, cluster, "/quiet", nil)
		p, q := newPuppet(t, hub, "/", "puppet"), newPuppet(t, hub, "/quiet", "puppet")
		defer store.lock()()
		for ns.EmitAsync("large", large) == nil {
		}
		time.Sleep(time.Second) // Expire waits too
		start := time.Now()
		require.NoError(t, cluster.Close(context.Background()))
		assert.LessOrEqual(t, time.Since(start), 8*time.Second)
		synctest.Wait()
		bye, _ := p.of(ns.UID(), codec.AdapterClose)
		assert.Len(t, bye, 1)
		bye, at := q.of(quiet.UID(), codec.AdapterClose)
		require.Len(t, bye, 1)
		assert.Zero(t, at[0].Sub(start), "a namespace with nothing to store sends its leave message at once")
	})
}

func TestCloseLeavesTimeForTheLeaveMessage(t *testing.T) {
	for name, deaf := range map[string]bool{"StoreLooksAtItsContext": false, "StoreDoesNot": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported log[error]
				p := newStocked(t, func(c *core.Config) { c.ErrorHandler = reported.add })
				q := newPuppet(t, p.hub, "/", "puppet")
				unlock := p.store.lock()
				p.store.deaf.Store(deaf)
				require.NoError(t, p.ns.EmitAsync("large", large))
				require.NoError(t, p.ns.EmitAsync("small"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_ = p.here.Close(ctx)
				synctest.Wait() // until all messages have arrived
				bye, _ := q.of(p.ns.UID(), codec.AdapterClose)
				require.Len(t, bye, 1, "peers that miss the leave message wait for the node until HeartbeatTimeout")
				assert.Equal(t, []string{`["small"]`}, p.alice.got.all())
				require.Len(t, reported.all(), 1)
				assert.ErrorContains(t, reported.all()[0], "store attachment")
				unlock()
			})
		})
	}
}

func TestBrokenStoreDoesNotEndTheSession(t *testing.T) {
	for name, store := range map[string]func(*stocked) func(){
		"Locked": func(p *stocked) func() { return p.store.lock() },
		"Full": func(p *stocked) func() {
			p.store.Store = memstore.NewStoreWithConfig(memstore.Config{Bytes: 1})
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lost log[error]
				p := newStocked(t, func(c *core.Config) { c.Trace.SessionLost = lost.add })
				defer store(p)()
				for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(700 * time.Millisecond) {
					_ = p.ns.EmitAsync("large", large)
				}
				assert.Empty(t, lost.all(), "a message that was never sent cannot come back")
			})
		})
	}
}

func TestFailedPublishingDoesNotEndTheSession(t *testing.T) {
	for name, publish := range map[string]func(ctx context.Context) error{
		"NotSent": func(context.Context) error { return errors.Join(transport.ErrNotSent, errBroken) },
		"NotReached": func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(transport.ErrNotSent, ctx.Err())
		},
		"Broken": func(context.Context) error { return errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lost log[error]
				b := &bus{Bus: memory.NewHub()}
				join(t, open(t, b, func(c *core.Config) { c.Trace.SessionLost = lost.add }), "/", nil)
				synctest.Wait()
				b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
					return publish(ctx)
				}})
				time.Sleep(time.Minute)
				assert.Empty(t, lost.all())
				b.heal()
			})
		})
	}
}

// If a bus does not answer, it is unknown whether a message arrives.
func TestUnansweredPublishingEndsTheSessionOnlyIfNothingArrives(t *testing.T) {
	unanswered := func(b *bus) {
		b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}})
	}
	t.Run("SessionStaysWhilePeersAreHeard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var lost log[error]
			hub := memory.NewHub()
			b := &bus{Bus: hub}
			join(t, open(t, b, func(c *core.Config) { c.Trace.SessionLost = lost.add }), "/", nil)
			join(t, open(t, hub), "/", nil)
			synctest.Wait()
			unanswered(b)
			time.Sleep(time.Minute)
			assert.Empty(t, lost.all())
			b.heal()
		})
	})
	t.Run("SessionEndsAlsoIfTheMessageWasHeard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var lost log[error]
			b := &bus{Bus: memory.NewHub()}
			join(t, open(t, b, func(c *core.Config) { c.Trace.SessionLost = lost.add }), "/", nil)
			synctest.Wait()
			var published atomic.Bool
			b.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
				if !published.Swap(true) { // the answer is lost, and then nothing can be reached
					require.NoError(t, next.Publish(ctx, msgs...))
					<-ctx.Done()
					return ctx.Err()
				}
				<-ctx.Done()
				return errors.Join(transport.ErrNotSent, ctx.Err())
			}})
			start := time.Now()
			time.Sleep(time.Minute)
			require.Len(t, lost.all(), 1, "once: what followed was never sent")
			assert.ErrorIs(t, lost.all()[0], core.ErrSilent)
			assert.GreaterOrEqual(t, lost.when()[0].Sub(start), 10*time.Second)
			b.heal()
		})
	})
	t.Run("SessionEndsWhenNothingIsHeardForTheHeartbeatTimeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var lost log[error]
			b := &bus{Bus: memory.NewHub()}
			join(t, open(t, b, func(c *core.Config) { c.Trace.SessionLost = lost.add }), "/", nil)
			synctest.Wait()
			unanswered(b)
			start := time.Now()
			time.Sleep(16 * time.Second)
			require.Len(t, lost.all(), 1)
			assert.ErrorIs(t, lost.all()[0], core.ErrSilent)
			assert.GreaterOrEqual(t, lost.when()[0].Sub(start), 10*time.Second)
			b.heal()
		})
	})
}

// slowFor is a store that returns small bodies in time and large ones too late.
type slowFor struct{ *memstore.Store }

func (s slowFor) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	found, err := s.Store.GetUpTo(ctx, ids, limit)
	for _, f := range found {
		if len(f.Body) > 10*len(large) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return found, err
}

func TestSlowAttachmentDoesNotFailTheOnesBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slowFor{memstore.NewStore()}
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}})
		var dropped log[*core.DropError]
		change := func(c *core.Config) { c.Store, c.Trace.Dropped = store, dropped.add }
		registry, clients := crowd("alice")
		clients["alice"].hold = make(chan struct{})
		ns := join(t, open(t, hub, change), "/", nil)
		join(t, open(t, hub, change), "/", registry)
		require.NoError(t, ns.WaitForPeers(t.Context(), 1))
		require.NoError(t, ns.Emit(t.Context(), "first"))
		synctest.Wait()
		for range 15 {
			require.NoError(t, ns.Emit(t.Context(), "large", large))
		}
		require.NoError(t, ns.Emit(t.Context(), "larger", strings.Repeat(large, 20)))
		for range 200 {
			require.NoError(t, ns.Emit(t.Context(), "large", large))
		}
		close(clients["alice"].hold)
		clients["alice"].got.wait(t, 216)
		assert.Len(t, dropped.all(), 1)
	})
}

func TestLockedStoreCostsAReceiverOneTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped log[*core.DropError]
		p := newStocked(t, func(c *core.Config) { c.Trace.Dropped = dropped.add })
		p.alice.hold = make(chan struct{})
		require.NoError(t, p.ns.Emit(t.Context(), "first"))
		synctest.Wait() // alice is busy
		for range 200 {
			require.NoError(t, p.ns.Emit(t.Context(), "large", large))
		}
		require.NoError(t, p.ns.Emit(t.Context(), "small"))
		synctest.Wait()
		unlock := p.store.lock()
		start := time.Now()
		close(p.alice.hold)
		p.alice.got.wait(t, 2)
		assert.Equal(t, 10*time.Second, time.Since(start),
			"one timeout for a round trip and one for the first attachment alone, not one for each")
		assert.Len(t, dropped.all(), 200)
		for _, e := range dropped.all() {
			assert.Equal(t, core.DropAttachment, e.Reason)
		}
		unlock()
		require.NoError(t, p.ns.Emit(t.Context(), "large", large))
		p.alice.got.wait(t, 3)
	})
}
