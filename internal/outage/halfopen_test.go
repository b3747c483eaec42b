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

// heartbeat is the heartbeat interval of the tests that count heartbeats. As with the defaults, a round trip
// may take one interval and a peer may be silent for two.
const heartbeat = 2500 * time.Millisecond

func fastHeartbeats(c *backplane.Config) {
	c.HeartbeatInterval, c.HeartbeatTimeout, c.PublishTimeout = heartbeat, 2*heartbeat, heartbeat
}

// withConnectTimeout limits the time that lib/pq takes to connect. The engine's own limit is longer than a
// test.
func withConnectTimeout(tb testing.TB, database string) string {
	tb.Helper()
	return pgtest.With(tb, database, func(u *url.URL) {
		query := u.Query()
		query.Set("connect_timeout", "2")
		u.RawQuery = query.Encode()
	})
}

// TestHalfOpenConnections stalls one node's own connections, and those that replace them.
func TestHalfOpenConnections(t *testing.T) {
	for _, k := range kinds {
		for _, target := range []string{"backplane listen", "backplane publish", "backplane"} {
			for name, direction := range map[string]pgtest.Direction{
				"ToServer": pgtest.ToServer, "ToClient": pgtest.ToClient, "Both": pgtest.Both,
			} {
				t.Run(fmt.Sprint(k.name, "/", target, "/", name), func(t *testing.T) {
					t.Parallel()
					testHalfOpen(t, k, target, direction)
				})
			}
		}
	}
}

func testHalfOpen(t *testing.T, k kind, target string, direction pgtest.Direction) {
	database := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, database)
	a := startNode(t, k.open(t, database, withConnectTimeout(t, proxy.URL()), postgres.Config{}), fastHeartbeats)
	b := startNode(t, k.openAt(t, database), fastHeartbeats)
	waitForPeers(t, a, b)
	// Then the node has a connection for publishing, and nothing is in progress until its next heartbeat: what the test
	// sends is the first message that may be lost.
	a.published.wait(t, "a heartbeat", a.published.mark(), 1, func(err error) bool { return err == nil })
	lost, recovered, sent, left := a.sessionsLost.mark(), a.recovered.mark(), a.published.mark(), b.peersLeft.mark()
	proxy.StallOnly(direction, target)

	listens, publishes := target != "backplane publish", target != "backplane listen"
	if publishes {
		requireStuckPublishing(t, a, sent)
		b.peersLeft.wait(t, "the silent peer must be declared dead", left, len(namespaces), nil)
	}
	// A listening connection sends nothing to the server, so a stall in that direction is not noticed.
	if listens && direction != pgtest.ToServer {
		errs, _ := a.sessionsLost.wait(t, "SessionLost", lost, 1, nil)
		require.ErrorIs(t, errs[0], backplane.ErrSilent)
		tries, _ := a.published.since(sent, nil)
		require.LessOrEqual(t, len(tries), 2*len(namespaces)+3,
			"the session must end before the third heartbeat of each namespace; "+
				"one batch was in progress, and two were sent by the test")
		require.Equal(t, 2, a.rooms["/"].ServerCount(), "a deaf node must not forget its peers")
		proxy.Resume()
		gaps, _ := a.recovered.wait(t, "SessionRecovered", recovered, 1, nil)
		require.GreaterOrEqual(t, gaps[0].Deaf, heartbeat/2,
			"the session was silent for at least one heartbeat, apart from messages in progress")
	}
	proxy.Resume()
	requireRecovery(t, database, a, b)
	a.requireClose(t)
	b.requireClose(t)
	waitForNoConnections(t, database)
}

// requireStuckPublishing requires that a node whose publishing connection is stuck notices it in time, returns
// an error to the caller and serves its own clients.
func requireStuckPublishing(t *testing.T, n *node, mark int) {
	t.Helper()
	r := n.rooms["/chat"]
	got, errs := r.client.got.mark(), n.errors.mark()
	ctx := within(t)
	err := r.Emit(ctx, "stuck", "", 0)
	requireOpError(t, err, "publish")
	if !errors.Is(err, transport.ErrNotSent) { // the connection was found dead, and no other could be opened
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoError(t, ctx.Err(), "PublishTimeout must limit Emit")
	// On a busy machine the bus may take a moment to return from the abandoned call, and accepts no message
	// until then.
	eventually(t, func() bool { return r.EmitAsync("stuck", "", 1) == nil }, "EmitAsync")
	r.client.got.wait(t, "local delivery", got, 2, func(e event) bool { return e.name == "stuck" })
	n.errors.wait(t, "the error of EmitAsync", errs, 1, isOpError("publish"))
	batches, _ := n.published.since(mark, func(err error) bool { return err == nil })
	require.LessOrEqual(t, len(batches), 1, "at most the batch in progress may have been sent")
}

// TestDeafNodeThatCannotPublish breaks the listening connection of a node that has no connection for publishing and can
// open none, so that it sends nothing whose return it could miss. It notices as soon as it can publish again.
func TestDeafNodeThatCannotPublish(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := startNode(t, k.open(t, database, withConnectTimeout(t, proxy.URL()), postgres.Config{}), fastHeartbeats)
		b := startNode(t, k.openAt(t, database), fastHeartbeats)
		waitForPeers(t, a, b)
		sent := a.published.mark()
		proxy.StallOnly(pgtest.Both, "backplane publish")
		a.published.wait(t, "a batch for which no connection could be opened", sent, 1, func(err error) bool {
			return errors.Is(err, transport.ErrNotSent)
		})
		lost := a.sessionsLost.mark()
		proxy.DropPackets()
		proxy.Resume()
		errs, _ := a.sessionsLost.wait(t, "SessionLost", lost, 1, nil)
		require.ErrorIs(t, errs[0], backplane.ErrSilent)
		requireRecovery(t, database, a, b)
		a.requireClose(t)
		b.requireClose(t)
		waitForNoConnections(t, database)
	})
}

// TestHalfOpenBeforeListen stalls the data that a listening connection sends, which is only noticed when it
// sends something.
func TestHalfOpenBeforeListen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := startNode(t, k.open(t, database, withConnectTimeout(t, proxy.URL()), postgres.Config{}), fastHeartbeats)
		b := startNode(t, k.openAt(t, database), fastHeartbeats)
		waitForPeers(t, a, b)
		lost, recovered := a.sessionsLost.mark(), a.recovered.mark()
		proxy.StallOnly(pgtest.ToServer, "backplane listen")
		_, err := a.Namespace(within(t), "/new", backplane.NewRegistry(backplane.RegistryConfig{}))
		requireOpError(t, err, "listen")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		a.sessionsLost.wait(t, "SessionLost", lost, 1, nil)
		proxy.Resume()
		a.recovered.wait(t, "SessionRecovered", recovered, 1, nil)
		for _, n := range []*node{a, b} {
			n.join(t, "/new")
		}
		requireRecovery(t, database, a, b)
	})
}

// TestHalfOpenPool stalls the connections of one node's pool, which carry the attachments.
func TestHalfOpenPool(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		longTimeouts := func(c *backplane.Config) { // a batch waits for its attachments
			c.PublishTimeout = heartbeat
		}
		a := startNode(t, k.open(t, withConnectTimeout(t, proxy.URL()), database, postgres.Config{}), longTimeouts)
		b := startNode(t, k.openAt(t, database), longTimeouts)
		waitForPeers(t, a, b)
		requireDelivery(t, a, b)
		ra, rb := a.rooms["/"], b.rooms["/"]
		gotA, gotB, dropped := ra.client.got.mark(), rb.client.got.mark(), a.errors.mark()
		proxy.Stall(pgtest.Both)

		ctx := within(t)
		err := ra.Emit(ctx, "large", "a", 0, large)
		if k.name == pqKind.name { // pqdriver writes over its own connections
			require.NoError(t, err)
		} else {
			requireOpError(t, err, "store attachment")
		}
		require.NoError(t, ctx.Err(), "PublishTimeout must limit Emit")
		require.NoError(t, ra.Emit(within(t), "small", "a", 1))
		rb.client.got.wait(t, "the message without an attachment", gotB, 1,
			func(e event) bool { return e.name == "small" })
		ra.client.got.wait(t, "local delivery", gotA, 2, func(e event) bool { return e.from == "a" })

		require.NoError(t, rb.Emit(within(t), "large", "b", 0, large))
		require.NoError(t, rb.Emit(within(t), "small", "b", 1))
		a.errors.wait(t, "DropError", dropped, 1, func(err error) bool {
			var drop *backplane.DropError
			return errors.As(err, &drop) && drop.Reason == "attachment missing" &&
				drop.Type == codec.Broadcast && drop.UID == rb.UID()
		})
		after, _ := ra.client.got.wait(t, "the message after the attachment", gotA, 1,
			func(e event) bool { return e.from == "b" })
		require.Equal(t, "small", after[0].name)

		proxy.Resume()
		eventually(t, func() bool { return ra.Emit(within(t), "large again", "a", 2, large) == nil },
			"storing attachments must work again")
		requireRecovery(t, database, a, b)
		require.Zero(t, a.sessionsLost.mark(), "the session must not depend on the pool")
	})
}
