package outage_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// beat is the heartbeat interval of the tests that count heartbeats. As with the defaults, a round trip may take one
// interval and a peer two.
const beat = 2500 * time.Millisecond

func brisk(c *backplane.Config) {
	c.HeartbeatInterval, c.HeartbeatTimeout, c.PublishTimeout = beat, 2*beat, beat
}

// impatient keeps lib/pq from connecting for ever; the engine's own limit is longer than a test.
func impatient(tb testing.TB, database string) string {
	tb.Helper()
	return pgtest.With(tb, database, func(u *url.URL) {
		query := u.Query()
		query.Set("connect_timeout", "2")
		u.RawQuery = query.Encode()
	})
}

// TestHalfOpen stalls the connections of one node's own, and those that replace them.
func TestHalfOpen(t *testing.T) {
	for _, k := range kinds {
		for _, target := range []string{"backplane listen", "backplane publish", "backplane"} {
			for name, direction := range map[string]pgtest.Direction{
				"ToServer": pgtest.ToServer, "ToClient": pgtest.ToClient, "Both": pgtest.Both,
			} {
				t.Run(fmt.Sprint(k.name, "/", target, "/", name), func(t *testing.T) {
					t.Parallel()
					halfOpen(t, k, target, direction)
				})
			}
		}
	}
}

func halfOpen(t *testing.T, k kind, target string, direction pgtest.Direction) {
	database := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, database)
	a := start(t, k.open(t, database, impatient(t, proxy.URL()), postgres.Config{}), brisk)
	b := start(t, k.open(t, database, database, postgres.Config{}), brisk)
	known(t, a, b)
	lost, back, sent, left := a.lost.mark(), a.back.mark(), a.sent.mark(), b.left.mark()
	proxy.StallOnly(direction, target)

	listens, publishes := target != "backplane publish", target != "backplane listen"
	if publishes {
		publishingIsStuck(t, a, sent)
		b.left.wait(t, "the peer that says nothing any more is given up", left, len(namespaces), nil)
	}
	if listens && direction != pgtest.ToServer { // a listening connection says nothing, so nobody misses it
		errs, _ := a.lost.wait(t, "SessionLost", lost, 1, nil)
		require.ErrorIs(t, errs[0], backplane.ErrSilent)
		tries, _ := a.sent.since(sent, nil)
		require.LessOrEqual(t, len(tries), 2*len(namespaces)+3, "given up before the third heartbeat was due, of each namespace; "+
			"one batch was under way, and two were the test's")
		require.Equal(t, 2, a.rooms["/"].ServerCount(), "a node that is deaf forgets no peers")
		proxy.Resume()
		gaps, _ := a.back.wait(t, "SessionRecovered", back, 1, nil)
		require.GreaterOrEqual(t, gaps[0].Deaf, beat/2, "it was silent for one heartbeat at least, but for what was under way")
	}
	proxy.Resume()
	settle(t, database, a, b)
	a.shut(t)
	b.shut(t)
	vanish(t, database)
}

// publishingIsStuck requires that a node whose publishing connection is stuck notices it in time, tells the caller and
// serves its own clients.
func publishingIsStuck(t *testing.T, n *node, mark int) {
	t.Helper()
	r := n.rooms["/chat"]
	got, errs := r.client.got.mark(), n.errors.mark()
	ctx := within(t)
	err := r.Emit(ctx, "stuck", "", 0)
	requireOp(t, err, "publish")
	if !errors.Is(err, transport.ErrNotSent) { // the connection was not trusted, and no other could be made
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoError(t, ctx.Err(), "Emit is bounded by PublishTimeout")
	// On a busy machine the bus may take a moment to return from the call that was given up, and takes no message until then.
	until(t, func() bool { return r.EmitAsync("stuck", "", 1) == nil }, "EmitAsync")
	r.client.got.wait(t, "local delivery", got, 2, func(e event) bool { return e.name == "stuck" })
	n.errors.wait(t, "the error of EmitAsync", errs, 1, isOp("publish"))
	batches, _ := n.sent.since(mark, func(err error) bool { return err == nil })
	require.LessOrEqual(t, len(batches), 1, "only what was under way can have come through")
}

// TestHalfOpenBeforeListening stalls what a listening connection says, which only shows when it has something to say.
func TestHalfOpenBeforeListening(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := start(t, k.open(t, database, impatient(t, proxy.URL()), postgres.Config{}), brisk)
		b := start(t, k.open(t, database, database, postgres.Config{}), brisk)
		known(t, a, b)
		lost, back := a.lost.mark(), a.back.mark()
		proxy.StallOnly(pgtest.ToServer, "backplane listen")
		_, err := a.Namespace(within(t), "/new", backplane.NewRegistry(backplane.RegistryConfig{}))
		requireOp(t, err, "listen")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		a.lost.wait(t, "SessionLost", lost, 1, nil)
		proxy.Resume()
		a.back.wait(t, "SessionRecovered", back, 1, nil)
		for _, n := range []*node{a, b} {
			n.join(t, "/new")
		}
		settle(t, database, a, b)
	})
}

// TestHalfOpenPool stalls the connections of one node's pool, over which attachments go.
func TestHalfOpenPool(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		patient := func(c *backplane.Config) { // a batch waits for its attachments, and lib/pq a second longer than told
			c.PublishTimeout = beat
		}
		a := start(t, k.open(t, impatient(t, proxy.URL()), database, postgres.Config{}), patient)
		b := start(t, k.open(t, database, database, postgres.Config{}), patient)
		known(t, a, b)
		flows(t, a, b)
		ra, rb := a.rooms["/"], b.rooms["/"]
		gotA, gotB, dropped := ra.client.got.mark(), rb.client.got.mark(), a.errors.mark()
		proxy.Stall(pgtest.Both)

		ctx := within(t)
		if err := ra.Emit(ctx, "large", "a", 0, large); k.name == pqKind.name { // it writes past the pool
			require.NoError(t, err)
		} else {
			requireOp(t, err, "store attachment")
		}
		require.NoError(t, ctx.Err(), "Emit is bounded by PublishTimeout")
		require.NoError(t, ra.Emit(within(t), "small", "a", 1))
		rb.client.got.wait(t, "what needs no attachment", gotB, 1, func(e event) bool { return e.name == "small" })
		ra.client.got.wait(t, "local delivery", gotA, 2, func(e event) bool { return e.from == "a" })

		require.NoError(t, rb.Emit(within(t), "large", "b", 0, large))
		require.NoError(t, rb.Emit(within(t), "small", "b", 1))
		a.errors.wait(t, "DropError", dropped, 1, func(err error) bool {
			var drop *backplane.DropError
			return errors.As(err, &drop) && drop.Reason == "attachment missing" && drop.Type == codec.Broadcast && drop.UID == rb.UID()
		})
		after, _ := ra.client.got.wait(t, "what follows the attachment", gotA, 1, func(e event) bool { return e.from == "b" })
		require.Equal(t, "small", after[0].name)

		proxy.Resume()
		until(t, func() bool { return ra.Emit(within(t), "large again", "a", 2, large) == nil }, "attachments can be stored again")
		settle(t, database, a, b)
		require.Zero(t, a.lost.mark(), "the session has nothing to do with the pool")
	})
}
