package interop_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// longRequests lets requests of a Go node wait for as long as the test.
func longRequests(c *backplane.Config) { c.RequestTimeout = 2 * patience }

// TestInteropLegacyKilled: a node that is gone while it is asked is not waited for.
func TestInteropLegacyKilled(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		for _, c := range []struct {
			name string
			kill func(t *testing.T, w *world, peer *interop.Peer)
		}{
			{"process", func(_ *testing.T, _ *world, peer *interop.Peer) { peer.Kill() }},
			{"connection", func(t *testing.T, w *world, _ *interop.Peer) {
				require.Equal(t, 1, pgtest.Kill(t, w.url, "application_name LIKE 'socket.io-%/asked#'"))
			}},
		} {
			t.Run(driver+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				ctx := patient(t)
				w := newLegacyWorld(t)
				asked, answering := w.startLegacy(t), w.startLegacy(t)
				gos := w.startGo(t, driver, longRequests)
				// One shows another namespace, so that only its connection is terminated.
				sides := legacyNodes(t, ctx, "/", asked, answering, gos)
				_, err := asked.open(ctx, "/asked")
				require.NoError(t, err)
				require.NoError(t, sides[0].CustomHook(ctx, interop.Never()))
				require.NoError(t, sides[1].CustomHook(ctx, interop.Reply("answer")))
				go func() {
					if _, err := sides[0].NextServerSide(ctx); err == nil {
						c.kill(t, w, asked.k.peer)
					}
				}()
				answers, err := sides[2].(*goSide).ns.CustomRequest(ctx, 1)
				var partial *backplane.PartialError
				require.ErrorAs(t, err, &partial)
				assert.Len(t, partial.Left, 1)
				assert.Empty(t, partial.Missing)
				require.NoError(t, partial.Err)
				require.Len(t, answers, 1)
				assert.Equal(t, `"answer"`, answers[0].String())
				require.NoError(t, sides[2].AwaitServerCount(ctx, 2))
			})
		}
	}
}

// TestInteropLegacyHung: a node that hangs is waited for, and then the answers of the others are the result.
func TestInteropLegacyHung(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			hung, answering := w.startLegacy(t), w.startLegacy(t)
			gos := w.startGo(t, driver, func(c *backplane.Config) { c.RequestTimeout = time.Second })
			sides := legacyNodes(t, ctx, "/", hung, answering, gos)
			ours := sides[2].(*goSide)
			near, far := connectTo(t, ctx, ours), connectTo(t, ctx, sides[1], "room")
			away := connectTo(t, ctx, sides[0])
			require.NoError(t, hung.k.peer.Suspend())
			found, err := ours.ns.Clients(ctx)
			var partial *backplane.PartialError
			require.ErrorAs(t, err, &partial)
			require.ErrorIs(t, err, backplane.ErrTimeout)
			assert.Len(t, partial.Missing, 1)
			assert.Empty(t, partial.Left)
			assert.ElementsMatch(t, []string{near.ID(), far.ID()}, found)
			// A socket of a node that answers is found all the same, and one that may be on the other is not missing.
			rooms, err := ours.ns.ClientRooms(ctx, far.ID())
			require.NoError(t, err)
			assert.ElementsMatch(t, []string{far.ID(), "room"}, rooms)
			require.NoError(t, ours.ns.RemoteJoin(ctx, far.ID(), "moved"))
			err = ours.ns.RemoteJoin(ctx, away.ID(), "moved")
			require.ErrorIs(t, err, backplane.ErrTimeout)
			require.NotErrorIs(t, err, backplane.ErrSocketNotFound)
			require.NoError(t, hung.k.peer.Resume())
			// It answers again, and the late answers are no harm.
			require.Eventually(t, func() bool {
				found, err = ours.ns.Clients(ctx)
				return err == nil
			}, patience, time.Millisecond)
			assert.ElementsMatch(t, []string{near.ID(), far.ID(), away.ID()}, found)
		})
	}
}

// TestInteropLegacyCountedAgain: a Go node whose counted connection was terminated is counted again.
func TestInteropLegacyCountedAgain(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newLegacyWorld(t)
			nodes := w.startLegacy(t)
			sides := legacyNodes(t, ctx, "/", nodes, w.startGo(t, driver))
			_, err := nodes.open(ctx, "/other")
			require.NoError(t, err)
			name := fmt.Sprintf("application_name = 'socket.io-%s-request#/#'", w.prefix)
			for range 2 {
				require.Equal(t, 1, pgtest.Kill(t, w.url, name))
				require.NoError(t, sides[0].AwaitServerCount(ctx, 1))
			}
			sides[0], err = asAsker(nodes.open(ctx, "/")) // (it does not show it again)
			require.NoError(t, err)
			near := connectTo(t, ctx, sides[1])
			far := connectTo(t, ctx, sides[0])
			f := &fixture{T: t, ctx: ctx}
			f.sameSet(ids(near, far), f.answered(sides[1].Clients(ctx)))
			f.answered(sides[0].Clients(ctx))
			require.Equal(t, 2, sides[1].(*goSide).ns.ServerCount())
		})
	}
}
