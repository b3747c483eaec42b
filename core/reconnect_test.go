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

func TestBackoffGrowsWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		join(t, open(t, b), "/", nil)
		var tries log[struct{}]
		b.fault(faults{open: func(context.Context, transport.Bus) (transport.Session, error) {
			tries.add(struct{}{})
			return nil, errBroken
		}})
		start := time.Now()
		b.sever(errBroken)
		time.Sleep(time.Minute)
		last, nominal, distinct := start, 100*time.Millisecond, map[time.Duration]bool{}
		for i, at := range tries.when() {
			wait := at.Sub(last)
			assert.GreaterOrEqual(t, wait, nominal/2, "attempt %d: at least half of %v", i, nominal)
			assert.LessOrEqual(t, wait, nominal, "attempt %d: at most %v", i, nominal)
			if nominal == 5*time.Second {
				distinct[wait] = true
			}
			last, nominal = at, min(2*nominal, 5*time.Second)
		}
		assert.Greater(t, len(distinct), 5,
			"the waits differ, so that the nodes of a cluster do not come back all at once: %v", distinct)
	})
}

func TestBackoffGrowsWhenSessionsEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		join(t, open(t, b), "/", nil)
		b.fault(faults{receive: func(context.Context, transport.Session) (transport.Message, error) {
			return transport.Message{}, errBroken
		}})
		b.sever(errBroken)
		time.Sleep(time.Minute)
		assert.Less(t, b.opened.Load(), int64(60),
			"a server that takes connections and drops them again, for a minute: "+
				"opening one every 100 ms makes its trouble worse")
	})
}

func TestSilentSessionIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var lost log[error]
		var back log[*core.GapError]
		join(t, open(t, b, func(c *core.Config) {
			c.Trace.SessionLost, c.Trace.SessionRecovered = lost.add, back.add
		}), "/", nil)
		time.Sleep(time.Hour)
		require.Empty(t, lost.all(), "a node without peers receives its own heartbeats: it is idle, not deaf")
		b.muffle()
		start := time.Now()
		time.Sleep(10 * time.Second)
		require.Len(t, lost.all(), 1, "10 s, two heartbeats, of silence")
		assert.ErrorIs(t, lost.all()[0], core.ErrSilent)
		assert.LessOrEqual(t, lost.when()[0].Sub(start), 10*time.Second)
		require.NotEmpty(t, back.all())
		assert.InDelta(t, 9.5, back.all()[0].Deaf.Seconds(), 1,
			"GapError.Deaf counts from the last proof that the session worked")
	})
}

func TestSessionLostIsCalledBeforeTheOldSessionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		b.fault(faults{open: func(ctx context.Context, next transport.Bus) (transport.Session, error) {
			s, err := next.Open(ctx)
			return stubborn{s}, err
		}})
		var lost log[error]
		join(t, open(t, b, func(c *core.Config) { c.Trace.SessionLost = lost.add }), "/", nil)
		b.sever(errBroken)
		synctest.Wait()
		assert.Len(t, lost.all(), 1, "the node is deaf from now on, however long closing a broken connection takes")
	})
}

// stubborn is a session whose Close takes all the time that it gets.
type stubborn struct{ transport.Session }

func (s stubborn) Close(ctx context.Context) error {
	<-ctx.Done()
	return s.Session.Close(ctx)
}

func TestPeersDoNotExpireWhileTheNodeIsDeaf(t *testing.T) {
	for name, outage := range map[string]func(b *bus){
		"Severed": func(b *bus) {
			b.refuse()
			b.sever(errBroken)
		},
		"Swallowed": func(b *bus) {
			b.refuse()
			b.muffle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				var left log[string]
				var back log[*core.GapError]
				ns := join(t, open(t, b, func(c *core.Config) {
					c.Trace.PeerLeft = func(_, uid string, _ bool) { left.add(uid) }
					c.Trace.SessionRecovered = back.add
				}), "/", nil)
				peer := join(t, open(t, hub), "/", nil)
				time.Sleep(14900 * time.Millisecond) // the peer was last heard 4.9 s ago, this node itself now
				require.NoError(t, ns.Emit(t.Context(), "a"))
				synctest.Wait()
				outage(b)
				time.Sleep(40 * time.Second)
				require.Empty(t, left.all(), "the peers could not be heard: that does not mean they are gone")
				b.heal()
				time.Sleep(9 * time.Second)
				require.Len(t, back.all(), 1)
				assert.Empty(t, left.all(), "after the outage the peers have a full timeout to be heard again")
				assert.Equal(t, []string{peer.UID()}, ns.Peers())
			})
		})
	}
}

func TestNamespaceSendsNothingUntilItListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		cluster := open(t, b)
		join(t, cluster, "/other", nil)
		p := newPuppet(t, hub, "/", "puppet")
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := cluster.Namespace(ctx, "/", core.NewRegistry(core.RegistryConfig{}))
		require.ErrorIs(t, err, context.DeadlineExceeded,
			"Namespace waits while the node is deaf, until its context ends")
		assert.Empty(t, p.heard.all(),
			"LISTEN first, then type 1: a node that does not listen yet, or never will, must not be "+
				"taken for a peer: it would be asked, and not answer")
		b.heal()
		time.Sleep(10 * time.Second)
		ns := join(t, cluster, "/", nil)
		synctest.Wait()
		require.NotEmpty(t, p.heard.all())
		assert.Equal(t, codec.InitialHeartbeat, p.heard.all()[0].Type)
		assert.Equal(t, ns.UID(), p.heard.all()[0].UID)
	})
}

func TestNamespaceOpenedDuringAnOutageWorksAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		cluster := open(t, b)
		b.refuse()
		b.sever(errBroken)
		synctest.Wait()
		time.AfterFunc(time.Minute, b.heal)
		ns := join(t, cluster, "/", nil)
		assert.Contains(t, b.listening(), "socket.io#/")
		require.NoError(t, ns.Emit(t.Context(), "a"))
	})
}

func TestClosedNamespaceIsUnlistened(t *testing.T) {
	ended := func(t *testing.T) context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	outage := func(b *bus) {
		b.refuse()
		b.sever(errBroken)
	}
	t.Run("WithItsContextEnded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			cluster := open(t, b)
			ns := join(t, cluster, "/", nil)
			_ = ns.Close(ended(t))
			synctest.Wait()
			assert.NotContains(t, b.listening(), "socket.io#/", "Close stops waiting, but no LISTEN stays behind")
		})
	})
	t.Run("DuringAnOutage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			cluster := open(t, b)
			ns, stays := join(t, cluster, "/", nil), join(t, cluster, "/stays", nil)
			outage(b)
			synctest.Wait()
			start := time.Now()
			_ = ns.Close(t.Context())
			assert.Less(t, time.Since(start), 10*time.Second,
				"Close does not wait for a session, because there is none")
			b.heal()
			time.Sleep(10 * time.Second)
			assert.Equal(t, []string{"socket.io#/stays"}, b.listening())
			require.NoError(t, stays.Close(t.Context()))
		})
	})
	t.Run("WhenTheSessionBreaksMeanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			cluster := open(t, b)
			ns := join(t, cluster, "/", nil)
			b.refuse()
			start := time.Now()
			b.sever(errBroken)
			_ = ns.Close(t.Context())
			assert.Less(t, time.Since(start), 10*time.Second, "Close was called before the node noticed")
			b.heal()
			time.Sleep(10 * time.Second)
			assert.Empty(t, b.listening())
		})
	})
	t.Run("AnotherOneCanBeOpenedDuringAnOutage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			cluster := open(t, b)
			ns := join(t, cluster, "/", nil)
			outage(b)
			synctest.Wait()
			_ = ns.Close(ended(t))
			time.AfterFunc(time.Minute, b.heal)
			join(t, cluster, "/", nil)
			time.Sleep(time.Second)
			assert.Contains(t, b.listening(), "socket.io#/")
		})
	})
}

func TestGapIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		b := &bus{Bus: hub}
		var back log[*core.GapError]
		var reported log[error]
		cluster := open(t, b, func(c *core.Config) {
			c.Trace.SessionRecovered, c.ErrorHandler = back.add,
				reported.add
		})
		a, z := join(t, cluster, "/a", nil), join(t, cluster, "/z", nil)
		pa, pz := newPuppet(t, hub, "/a", "puppet"), newPuppet(t, hub, "/z", "puppet")
		for round := range 3 {
			time.Sleep(time.Minute)
			b.refuse()
			b.sever(errBroken)
			time.Sleep(17 * time.Second)
			b.heal()
			time.Sleep(6 * time.Second)
			require.Len(t, back.all(), round+1)
			gap := back.all()[round]
			assert.ErrorIs(t, gap, errBroken, "why the session ended")
			assert.InDelta(t, 21, gap.Deaf.Seconds(), 6)
			for _, announced := range []struct {
				p  *puppet
				ns *core.Namespace
			}{{pa, a}, {pz, z}} {
				first, _ := announced.p.of(announced.ns.UID(), codec.InitialHeartbeat)
				assert.Len(t, first, round+1,
					"each namespace announces itself again, so that it knows its peers at once")
			}
		}
		assert.Equal(t, uint64(3), cluster.Stats().SessionsLost)
		gaps := 0
		for _, err := range reported.all() {
			if gap := new(core.GapError); errors.As(err, &gap) {
				gaps++
			}
		}
		assert.Equal(t, 3, gaps, "each gap is reported to the application")
	})
}
