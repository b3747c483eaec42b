package outage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// stuck is a Local whose Broadcast does not return until it is released.
type stuck struct {
	*backplane.Registry
	release chan struct{}
}

func (s stuck) Broadcast(*backplane.Packet, backplane.Selector) { <-s.release }

// TestSlowReceiver: a namespace whose server does not take its messages costs itself messages, which are counted and
// reported. It costs the process no more memory than its queue, the other namespaces nothing, and PostgreSQL's queue
// of notifications, which every listener of the server shares, is read on.
func TestSlowReceiver(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		const queue = 100
		sender := start(t, k.open(t, database, database, postgres.Config{}))
		receiver := start(t, k.open(t, database, database, postgres.Config{}), func(c *backplane.Config) { c.ReceiveQueue = queue })
		known(t, sender, receiver)
		ctx := within(t)
		local := stuck{backplane.NewRegistry(backplane.RegistryConfig{}), make(chan struct{})}
		_, err := receiver.Namespace(ctx, "/slow", local)
		require.NoError(t, err)
		defer close(local.release)
		slow, err := sender.Namespace(ctx, "/slow", backplane.NewRegistry(backplane.RegistryConfig{}))
		require.NoError(t, err)
		require.NoError(t, slow.WaitForPeers(ctx, 1))

		const messages = 5000
		text := strings.Repeat("x", 4000)
		for range messages {
			for slow.EmitAsync("flood", text) != nil { // the sender's own queue is bounded too
				require.NoError(t, slow.Emit(ctx, "flood", text))
			}
		}
		require.NoError(t, slow.Emit(ctx, "flood", text))
		flows(t, sender, receiver) // so the receiver has read all that was before

		dropped := receiver.Stats().ReceiveDropped
		assert.GreaterOrEqual(t, dropped, uint64(messages-3*queue), "what does not fit into the queue is dropped and counted")
		reports, _ := receiver.errors.since(0, func(err error) bool {
			drop, ok := err.(*backplane.DropError)
			return ok && drop.Namespace == "/slow"
		})
		assert.EqualValues(t, dropped, len(reports), "each drop is reported")
		waiting := pgtest.QueryInt(t, database, "SELECT (pg_notification_queue_usage() * 1000000)::int")
		assert.Less(t, waiting, 1000, "20 MB of notifications that nobody read would be over 2000 millionths of the server's queue")
	})
}
