package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logTransactionChecks = []check[*logChecker]{
	{"TransactionsKeepTheOrder", "transport.Outbox",
		"What long transactions append appears after they were committed, in one order for all, once, and never if " +
			"they were rolled back. No reader that has seen a later message misses it.", transactionsKeepTheOrder},
	{"TransactionsDelayNobody", "transport.Outbox",
		"While a transaction that has appended is open, Append and other transactions go on. Otherwise one slow " +
			"request of the application stops the whole cluster.", transactionsDelayNobody},
	{"OutboxIsMovedOnce", "transport.Outbox.MoveOutbox",
		"MoveOutbox moves each committed message once, in their order, however many nodes call it, and returns how " +
			"many it has moved, and whether more are waiting.", outboxIsMovedOnce},
}

// beginTransaction begins a transaction of the application. It is rolled back at the end of the check.
func (c *logChecker) beginTransaction(log transport.Log) LogTransaction {
	c.Helper()
	if c.harness.Begin == nil {
		c.Skip("LogHarness.Begin is nil: not checked")
	}
	c.noteCall("LogHarness.Begin")
	tx := c.harness.Begin(c.TB, log)
	if tx.Appender == nil || tx.Commit == nil || tx.Rollback == nil {
		c.Fatal("conformance: LogHarness.Begin returned an incomplete transaction")
	}
	var once sync.Once
	rollback, commit := tx.Rollback, tx.Commit
	end := func(f func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) (err error) {
			once.Do(func() { err = f(ctx) })
			return err
		}
	}
	tx.Rollback, tx.Commit = end(rollback), end(commit)
	c.closeAtEnd(tx.Rollback)
	return tx
}

// mover calls MoveOutbox in the background, as nodes do.
type mover struct {
	*task
	moved int
}

// moveOutbox calls MoveOutbox until all is called and nothing is left. It does nothing for a log without outbox.
func (c *logChecker) moveOutbox(log transport.Log) *mover {
	m := &mover{}
	m.task = c.inBackground(func(ctx context.Context, quit <-chan struct{}) error {
		outbox, ok := log.(transport.Outbox)
		if !ok {
			return nil
		}
		for {
			last := isClosed(quit)
			ctx, cancel := context.WithTimeout(ctx, c.patience)
			n, more, err := outbox.MoveOutbox(ctx)
			cancel()
			m.moved += n
			switch {
			case err != nil:
				return err
			case n == 0 && last:
				return nil
			case !more:
				time.Sleep(pause)
			}
		}
	})
	return m
}

// all returns how many messages were moved when nothing is left.
func (m *mover) all(c *logChecker) int {
	c.Helper()
	if err := c.guardFor(2*c.patience, "MoveOutbox", m.stop); err != nil {
		c.fail("MoveOutbox", "no error", "the error %q", err)
	}
	return m.moved
}

func transactionsKeepTheOrder(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	logs := []transport.Log{one, two}
	a := c.channel("a")
	begin := c.begin(one, a)
	const transactions = 6
	rounds := c.rounds(20, 200)
	total := logWriters / 4 * rounds
	var open []LogTransaction
	want := make(map[int][]string) // by transaction; those of the writers follow
	for i := range transactions {
		tx := c.beginTransaction(logs[i%2])
		payloads := numberedPayloads(fmt.Sprintf("writer %d, in a transaction", i), 3)
		c.append(tx, keep(a, payloads[:2]...)...)
		c.append(tx, append(skip(a, fmt.Sprintf("writer %d, not kept", i)), keep(a, payloads[2])...)...)
		open = append(open, tx)
		if i%3 != 2 { // every third is rolled back
			want[i] = append(payloads[:2:2], fmt.Sprintf("writer %d, not kept", i), payloads[2])
			total += len(want[i])
		}
	}
	session := c.openLog(two, a)
	live := c.readLive(session, total)
	replays := []*replayReader{c.readLog(one, a, begin, 5), c.readLog(two, a, begin, 100)}
	movers := []*mover{c.moveOutbox(one), c.moveOutbox(two)}
	for w := range logWriters / 4 {
		for i := range rounds {
			want[100+w] = append(want[100+w], fmt.Sprintf("writer %d, round %d", 100+w, i))
		}
	}
	writing := c.inBackground(func(ctx context.Context, _ <-chan struct{}) error {
		errs := make(chan error)
		for w := range logWriters / 4 {
			go func() {
				var err error
				for _, payload := range want[100+w] {
					if err = logs[w%2].Append(ctx, keep(a, payload)); err != nil {
						break
					}
				}
				errs <- err
			}()
		}
		var first error
		for range logWriters / 4 {
			if err := <-errs; first == nil {
				first = err
			}
		}
		return first
	})
	for n := range open {
		i := (n + 3) % transactions // in another order than they have appended
		if i%3 == 2 {
			c.must("Rollback", open[i].Rollback)
		} else {
			c.must("Commit", open[i].Commit)
		}
	}
	c.mustGuard("Append while transactions are open", writing.wait)
	const called = "Append in transactions and beside them"
	got := live.all(c)
	for _, m := range movers {
		m.all(c)
	}
	all := c.replayAll(one, a, begin, transport.ReadLimit{})
	c.expectEachOnce(called+", Replay", all, want, true)
	c.expectEachOnce(called+", ReceiveRecord", got, want, false)
	c.expectSame(called+", ReceiveRecord of the kept messages", keptOf(got), all)
	for _, r := range replays {
		c.expectSame(called+", Replay at the same time, in pieces", r.all(c), all)
	}
}

func transactionsDelayNobody(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	first, second := c.beginTransaction(one), c.beginTransaction(two)
	c.append(first, keep(a, "first transaction")...)
	c.append(second, keep(a, "second transaction")...)
	c.append(first, keep(a, "first transaction again")...)
	const called = "Append in two transactions, and beside them while they are open"
	c.append(one, keep(a, "beside 1")...)
	c.append(two, keep(a, "beside 2")...)
	movers := []*mover{c.moveOutbox(one), c.moveOutbox(two)}
	c.expectPayloads(called+", Replay", c.replayAll(two, a, begin, transport.ReadLimit{}),
		[]string{"beside 1", "beside 2"})
	s := c.openLog(two, a)
	c.must("Commit of the second transaction, while the first is open", second.Commit)
	c.expectPayloads(called+", Commit of the second", c.receive(s, called+", Commit of the second", 1),
		[]string{"second transaction"})
	c.must("Commit of the first transaction", first.Commit)
	c.expectPayloads(called+", Commit of the first", c.receive(s, called+", Commit of the first", 2),
		[]string{"first transaction", "first transaction again"})
	for _, m := range movers {
		m.all(c)
	}
}

func outboxIsMovedOnce(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	outbox, ok := one.(transport.Outbox)
	if !ok {
		c.Skip("the log does not implement transport.Outbox")
	}
	drain := func() (moved int) {
		for more := true; more; {
			c.must("MoveOutbox", func(ctx context.Context) error {
				n, m, err := outbox.MoveOutbox(ctx)
				moved, more = moved+n, m
				return err
			})
		}
		return moved
	}
	drain()
	if n := drain(); n != 0 {
		c.fail("MoveOutbox of an empty outbox", "0 messages", "%d", n)
	}
	a := c.channel("a")
	begin := c.begin(one, a)
	var want []string
	for i := range c.rounds(40, 400) {
		tx := c.beginTransaction([]transport.Log{one, two}[i%2])
		payloads := numberedPayloads(fmt.Sprint("transaction ", i), 1+i%9)
		c.append(tx, keep(a, payloads...)...)
		c.must("Commit", tx.Commit)
		want = append(want, payloads...)
	}
	var movers []*mover
	for i := range 8 {
		movers = append(movers, c.moveOutbox([]transport.Log{one, two}[i%2]))
	}
	moved := 0
	for _, m := range movers {
		moved += m.all(c)
	}
	moved += drain() // if others were moving when the last of them looked
	for i := range 3 {
		tx := c.beginTransaction(one)
		payloads := numberedPayloads(fmt.Sprint("waiting ", i), 3)
		c.append(tx, keep(a, payloads...)...)
		c.must("Commit", tx.Commit)
		want = append(want, payloads...)
	}
	moved += drain()
	if n := drain(); n != 0 {
		c.fail("MoveOutbox until no more are waiting, MoveOutbox", "0 messages", "%d", n)
	}
	called := fmt.Sprintf("Append %d messages in transactions, MoveOutbox on 8 goroutines", len(want))
	c.expectPayloads(called+", Replay", c.replayAll(two, a, begin, transport.ReadLimit{}), want)
	if moved != len(want) {
		c.fail(called, fmt.Sprintf("that they report %d messages in all", len(want)), "%d", moved)
	}
}
