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
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/transport/memory"
)

// took calls f and returns how long it took.
func took(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

func TestCountedPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		hub := memory.NewHub()
		var joined, left log[string]
		traced := func(c *core.Config) {
			c.Trace.PeerJoined = func(_, uid string) { joined.add(uid) }
			c.Trace.PeerLeft = func(_, uid string, _ bool) { left.add(uid) }
		}
		a := join(t, counted(t, hub, traced), "/", nil)
		assert.Equal(t, 1, a.ServerCount())
		b := join(t, counted(t, hub), "/", nil)
		assert.Equal(t, 2, b.ServerCount(), "a node knows the others when it has opened a namespace")
		require.NoError(t, a.WaitForPeers(ctx, 1))
		synctest.Wait() // PeerJoined is called a moment later
		other := join(t, counted(t, hub), "/other", nil)
		assert.Equal(t, 1, other.ServerCount(), "the nodes of another namespace do not count")
		assert.Len(t, a.Peers(), 1)
		assert.Equal(t, a.Peers(), joined.all())

		short, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		require.ErrorIs(t, a.WaitForPeers(short, 2), context.DeadlineExceeded)
		require.NoError(t, b.Close(ctx))
		time.Sleep(20 * time.Second) // fake: more than a HeartbeatInterval
		synctest.Wait()
		assert.Equal(t, 1, a.ServerCount())
		assert.Equal(t, joined.all(), left.all())
	})
}

func TestCensusOfPossibleNodes(t *testing.T) {
	// setup opens two nodes, and an old server that shows another namespace.
	setup := func(t *testing.T) (a, b *core.Namespace, old *oldServer) {
		hub := memory.NewHub()
		old = newOldServer(t, hub, "/shown")
		ra, _ := crowd("a1")
		rb, _ := crowd("b1")
		b = join(t, counted(t, hub), "/chat", rb)
		return join(t, counted(t, hub), "/chat", ra), b, old
	}
	list := func(t *testing.T, ns *core.Namespace) (ids []string, d time.Duration) {
		d = took(func() {
			var err error
			ids, err = ns.Clients(t.Context())
			require.NoError(t, err)
		})
		return ids, d
	}
	t.Run("OnesThatDoNotAnswerAreWaitedForOnce", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, old := setup(t)
			ids, d := list(t, a)
			assert.Equal(t, []string{"a1", "b1"}, ids)
			assert.Equal(t, time.Second, d)
			for range 3 {
				ids, d = list(t, a)
				assert.Equal(t, []string{"a1", "b1"}, ids)
				assert.Zero(t, d)
				assert.ErrorIs(t, a.RemoteJoin(t.Context(), "nobody", "x"), core.ErrSocketNotFound)
			}
			assert.Equal(t, 1, old.learning())
			assert.Equal(t, 2, a.ServerCount())
		})
	})
	t.Run("OnesThatAnswerAreWaitedFor", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b, old := setup(t)
			old.has("/chat", "old1", "old2")
			for range 3 {
				for _, ns := range []*core.Namespace{a, b} {
					ids, d := list(t, ns)
					assert.Equal(t, []string{"a1", "b1", "old1", "old2"}, ids)
					assert.Zero(t, d)
				}
			}
			assert.Equal(t, 2, old.learning(), "each node asks once")
			assert.Equal(t, 3, a.ServerCount())
		})
	})
	t.Run("OneThatAnswersLaterIsWaitedForThen", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, old := setup(t)
			list(t, a)
			old.has("/chat", "old1")
			require.ErrorIs(t, a.RemoteJoin(t.Context(), "nobody", "x"), core.ErrSocketNotFound)
			synctest.Wait() // its answer was late, or took the place of another
			list(t, a)
			synctest.Wait()
			ids, d := list(t, a)
			assert.Equal(t, []string{"a1", "b1", "old1"}, ids)
			assert.Zero(t, d)
		})
	})
	t.Run("AnswersAfterTheOneThatWasWantedTeachNothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, old := setup(t)
			list(t, a)
			other := newOldServer(t, old.hub, "/chat") // answers after b
			other.has("/chat", "other1")
			list(t, a)
			learned := old.learning()
			for range 20 {
				require.NoError(t, a.RemoteJoin(t.Context(), "b1", "x"))
				synctest.Wait()
				assert.Zero(t, took(func() { require.NoError(t, a.RemoteLeave(t.Context(), "b1", "x")) }))
				synctest.Wait()
			}
			assert.Equal(t, learned, old.learning())
		})
	})
	t.Run("InTheRootNamespaceAllAreCertain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			old := newOldServer(t, hub, "/shown")
			old.has("/", "old1")
			a := join(t, counted(t, hub), "/", nil)
			ids, _ := list(t, a)
			assert.Equal(t, []string{"old1"}, ids)
			assert.Zero(t, old.learning())
		})
	})
}

func TestNodesThatAreNotCountedTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		ask := make(chan struct{})
		a := join(t, counted(t, hub, func(c *core.Config) {
			c.Trace.Received = func(_ string, ty codec.Type, _ string) {
				if ty == codec.CustomRequestResponse {
					close(ask) // only once: the other answer comes when it is closed
					ask = make(chan struct{})
				}
			}
		}), "/", nil)
		released := ask
		b := join(t, counted(t, hub), "/", nil)
		b.OnCustomRequest(func(_ codec.Value, answer func(any)) {
			go func() {
				<-released
				answer("counted")
			}()
		})
		uncounted := counted(t, hub, func(c *core.Config) { c.Dialect = legacy.Dialect{MaxCounted: -1} })
		join(t, uncounted, "/", nil).OnCustomRequest(func(_ codec.Value, answer func(any)) { answer("not counted") })
		answers, err := a.CustomRequest(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, answers, 2)
		assert.Equal(t, `"not counted" "counted"`, answers[0].String()+" "+answers[1].String())
		assert.Equal(t, 2, a.ServerCount())
	})
}

func TestNodeThatIsGoneIsNotWaitedFor(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, bus *rosterBus, ns *core.Namespace){
		"Closed": func(t *testing.T, _ *rosterBus, ns *core.Namespace) {
			assert.NoError(t, ns.Close(context.Background()))
		},
		"Terminated": func(t *testing.T, bus *rosterBus, _ *core.Namespace) {
			bus.fault(func(context.Context) error { return errBroken }, nil) // it does not come back
			bus.terminate(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				asker := join(t, counted(t, hub, func(c *core.Config) { c.RequestTimeout = time.Hour }), "/", nil)
				dying := &rosterBus{Hub: hub}
				gone := join(t, counted(t, dying), "/", nil)
				heard := make(chan struct{})
				gone.OnCustomRequest(func(codec.Value, func(any)) { close(heard) })
				join(t, counted(t, hub), "/", nil).OnCustomRequest(func(_ codec.Value, answer func(any)) { answer(1) })
				go func() {
					<-heard
					end(t, dying, gone)
				}()
				var answers []codec.Value
				var err error
				d := took(func() { answers, err = asker.CustomRequest(t.Context(), nil) })
				var partial *core.PartialError
				require.ErrorAs(t, err, &partial)
				assert.Len(t, partial.Left, 1)
				assert.Empty(t, partial.Missing)
				require.NoError(t, partial.Err)
				assert.Len(t, answers, 1)
				assert.Less(t, d, 2*time.Second)
			})
		})
	}
}

func TestNodeThatWasTerminatedIsCountedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		bus := &rosterBus{Hub: hub}
		a, b := join(t, counted(t, hub), "/", nil), join(t, counted(t, bus), "/", nil)
		for range 3 {
			bus.terminate(t)
			time.Sleep(20 * time.Second) // fake: b counts, and then a
			synctest.Wait()
			assert.Equal(t, 2, a.ServerCount())
		}
		bus.terminate(t)
		_, err := b.Clients(t.Context())
		require.NoError(t, err)
		ids, err := a.Clients(t.Context())
		require.NoError(t, err)
		assert.Empty(t, ids)
		assert.Equal(t, 2, a.ServerCount(), "it is counted again before its own request")
	})
}

func TestCensusManyRequestsAtOnce(t *testing.T) {
	hub := memory.NewHub()
	old := newOldServer(t, hub, "/shown")
	old.has("/chat", "old1")
	var all []*core.Namespace
	for _, id := range []string{"n1", "n2", "n3"} {
		r, _ := crowd(id)
		all = append(all, join(t, counted(t, hub), "/chat", r))
	}
	failures := make(chan error)
	const n = 30
	for i := range n {
		go func() {
			ids, err := all[i%3].Clients(t.Context())
			if len(ids) != 4 && err == nil {
				err = errors.New("not all clients")
			}
			failures <- err
		}()
		go func() { failures <- all[i%3].RemoteJoin(t.Context(), "n2", "room") }()
		go func() {
			if err := all[i%3].RemoteJoin(t.Context(), "nobody", "room"); !errors.Is(err, core.ErrSocketNotFound) {
				failures <- errors.Join(errors.New("found"), err)
				return
			}
			failures <- nil
		}()
	}
	for range 3 * n {
		assert.NoError(t, <-failures)
	}
}
