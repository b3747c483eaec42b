package outage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// blockedRegistry is a registry whose Broadcast does not return until it is released.
type blockedRegistry struct {
	*backplane.Registry
	release chan struct{}
}

func (s blockedRegistry) Broadcast(*backplane.Packet, backplane.Selector) { <-s.release }

// TestSlowReceiver: a namespace whose server does not accept its messages loses messages, which are counted and
// reported. The process needs no more memory for it than its queue, other namespaces are not affected, and
// PostgreSQL's notification queue, which all listeners of the server share, continues to be read.
func TestSlowReceiver(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		const queue = 100
		sender := startNode(t, k.openAt(t, database), func(c *backplane.Config) { c.PublishTimeout = patience })
		receiver := startNode(t, k.openAt(t, database), func(c *backplane.Config) { c.ReceiveQueue = queue })
		waitForPeers(t, sender, receiver)
		ctx := within(t)
		local := blockedRegistry{backplane.NewRegistry(backplane.RegistryConfig{}), make(chan struct{})}
		_, err := receiver.Namespace(ctx, "/slow", local)
		require.NoError(t, err)
		defer close(local.release)
		slow, err := sender.Namespace(ctx, "/slow", backplane.NewRegistry(backplane.RegistryConfig{}))
		require.NoError(t, err)
		require.NoError(t, slow.WaitForPeers(ctx, 1))

		const messages = 5000
		text := strings.Repeat("x", 4000)
		for range messages {
			for slow.EmitAsync("flood", text) != nil { // the sender's own queue is limited, too
				require.NoError(t, slow.Emit(ctx, "flood", text))
			}
		}
		require.NoError(t, slow.Emit(ctx, "flood", text))
		requireDelivery(t, sender, receiver) // after this, the receiver has read all earlier messages

		dropped := receiver.Stats().ReceiveDropped
		assert.GreaterOrEqual(t, dropped, uint64(messages-3*queue),
			"messages that do not fit into the queue must be dropped and counted")
		reports, _ := receiver.errors.since(0, func(err error) bool {
			drop, ok := err.(*backplane.DropError)
			return ok && drop.Namespace == "/slow"
		})
		assert.EqualValues(t, dropped, len(reports), "each drop must be reported")
		waiting := pgtest.QueryInt(t, database, "SELECT (pg_notification_queue_usage() * 1000000)::int")
		assert.Less(t, waiting, 1000,
			"notifications must be read: 20 MB of unread ones would be more than 2000 millionths of the server's queue")
	})
}
