package outage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// slowClient is a client whose connection accepts nothing until it is released.
type slowClient struct {
	client
	released chan struct{}
}

func (c *slowClient) Send(p *backplane.Packet) {
	<-c.released
	c.client.Send(p)
}

// joinWithSlowClient opens a namespace with one client, which accepts nothing until it is released.
func (n *node) joinWithSlowClient(tb testing.TB, name string) (*slowClient, *room) {
	tb.Helper()
	c := &slowClient{client: client{id: "slow"}, released: make(chan struct{})}
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	registry.Add(c)
	ns, err := n.Namespace(within(tb), name, registry)
	require.NoError(tb, err)
	return c, &room{Namespace: ns}
}

// emitLarge emits count messages that are stored as attachments, numbered from first. It returns the numbers of
// those that were sent without an error.
func emitLarge(tb testing.TB, r *room, first, count int) (sent []int) {
	tb.Helper()
	for i := range count {
		if err := r.Emit(within(tb), "n", "", first+i, large); err == nil {
			sent = append(sent, first+i)
		}
	}
	return sent
}

// waitForBroadcasts waits until a node has received a number of broadcasts in a namespace.
func (n *node) waitForBroadcasts(tb testing.TB, nsp string, count int) {
	tb.Helper()
	n.received.wait(tb, "broadcasts", 0, count, func(a receivedMessage) bool { return a.nsp == nsp && a.typ == 3 })
}

// numbers returns the numbers of events.
func numbers(events []event) (all []int) {
	for _, e := range events {
		all = append(all, e.number)
	}
	return all
}

// TestReplacedRowsAreReportedAsLost resets the sequence, as a crash may, while a receiver lags behind. The rows
// that it finds then belong to later messages of the same sender.
func TestReplacedRowsAreReportedAsLost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		const nsp, count = "/lag", 20
		receiver := startNode(t, k.openAt(t, database))
		slow, _ := receiver.joinWithSlowClient(t, nsp)
		sender := startNode(t, k.openAt(t, database))
		from := sender.join(t, nsp)

		require.NoError(t, from.Emit(within(t), "n", "", 0))
		receiver.waitForBroadcasts(t, nsp, 1) // now the receiver waits for its client
		require.Len(t, emitLarge(t, from, 1, count), count)
		pgtest.Exec(t, database,
			"DELETE FROM socket_io_attachments; SELECT setval('socket_io_attachments_id_seq', 1, false)")
		require.Len(t, emitLarge(t, from, 101, count), count)
		receiver.waitForBroadcasts(t, nsp, 1+2*count)
		mark := receiver.errors.mark()
		close(slow.released)

		replaced := func(err error) bool {
			var drop *backplane.DropError
			return errors.As(err, &drop) && drop.Reason == "attachment missing" &&
				errors.Is(err, backplane.ErrAttachmentReplaced)
		}
		receiver.errors.wait(t, "reports of lost messages", mark, count, replaced)
		events, _ := slow.got.wait(t, "messages", 0, 1+count, nil)
		want := []int{0}
		for i := range count {
			want = append(want, 101+i)
		}
		require.Equal(t, want, numbers(events), "each later message must arrive once, in order")
		lost, _ := receiver.errors.since(mark, nil)
		require.Len(t, lost, count, "each earlier message must be reported, and nothing else")
	})
}

// TestCrashLosesNothingSilently crashes PostgreSQL while a receiver lags behind. Storing attachments does not
// wait for the disk, so the crash loses rows, and their ids are issued again. The log is written page by page:
// a crash of the server, but not of its machine, loses the last page.
func TestCrashLosesNothingSilently(t *testing.T) {
	t.Parallel()
	server := pgtest.OwnServer(t, "fsync=off", "full_page_writes=off", "wal_writer_delay=10s", "autovacuum=off")
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { testCrash(t, server, k) })
	}
}

func testCrash(t *testing.T, server *pgtest.Server, k kind) {
	database := pgtest.DatabaseOn(t, server.URL())
	const nsp, count = "/lag", 9
	receiver := startNode(t, k.openAt(t, database))
	slow, _ := receiver.joinWithSlowClient(t, nsp)
	sender := startNode(t, k.openAt(t, database))
	from := sender.join(t, nsp)
	require.NoError(t, from.Emit(within(t), "n", "", 0))
	receiver.waitForBroadcasts(t, nsp, 1)
	pgtest.Exec(t, database, "CHECKPOINT")
	pgtest.Exec(t, database, "SELECT pg_switch_wal()") // the sequence and the following rows are on one page
	sent := append([]int{0}, emitLarge(t, from, 1, count)...)
	require.Len(t, sent, 1+count)
	receiver.waitForBroadcasts(t, nsp, len(sent))
	before := pgtest.QueryInt(t, database, "SELECT max(id) FROM socket_io_attachments")
	recovered := []int{receiver.recovered.mark(), sender.recovered.mark()}
	server.Down(t, pgtest.Immediate)
	server.Up(t)
	for i, n := range []*node{receiver, sender} {
		n.recovered.wait(t, "SessionRecovered", recovered[i], 1, nil)
	}
	eventually(t, func() bool { return from.Emit(within(t), "n", "", 100, large) == nil }, "sending must work again")
	sent = append(sent, emitLarge(t, from, 101, count)...)
	require.Len(t, sent, 1+2*count)
	after := pgtest.QueryInt(t, database, "SELECT min(id) FROM socket_io_attachments")
	t.Logf("the last id before the crash was %d, the first one after it %d", before, after)

	mark := receiver.errors.mark()
	close(slow.released)
	last := fmt.Sprint(sent[len(sent)-1])
	events, _ := slow.got.wait(t, "message "+last, 0, 1, func(e event) bool { return fmt.Sprint(e.number) == last })
	require.Len(t, events, 1)
	events, _ = slow.got.since(0, nil)
	got, drops := make(map[int]int), 0
	for _, number := range numbers(events) {
		got[number]++
		require.Equal(t, 1, got[number], "message %d arrived twice: %v", number, numbers(events))
	}
	errs, _ := receiver.errors.since(mark, nil)
	for _, err := range errs {
		var drop *backplane.DropError
		require.ErrorAs(t, err, &drop)
		drops++
	}
	delete(got, 100) // was sent repeatedly until it succeeded
	require.Equal(t, len(sent), len(got)+drops, "every message must be delivered or reported; delivered: %v",
		numbers(events))
}
