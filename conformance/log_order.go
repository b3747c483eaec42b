package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logOrderChecks = []check[*logChecker]{
	{"OrderIsTheSameForAll", "transport.Log",
		"All sessions receive the kept messages of a channel in the order of the log, whoever appends them at the " +
			"same time, and nobody who has read a message finds another one before it later. A reader that goes on " +
			"after its latest position would never see that one.", orderIsTheSameForAll},
}

// logWriters is how many goroutines append at the same time.
const logWriters = 32

// writerBatch is the batch that a writer appends in a round: kept and other messages on a channel, and one on another.
func writerBatch(a, b string, writer, round int) []transport.Record {
	name := fmt.Sprintf("writer %d, round %d", writer, round)
	records := keep(a, numberedPayloads(name+", message", 1+round%3)...)
	records = append(records, skip(a, name+", not kept")...)
	records = append(records, keep(b, name+", on another channel")...)
	return append(records, keep(a, name+", last")...)
}

func orderIsTheSameForAll(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	logs := []transport.Log{one, two}
	a, b := c.channel("a"), c.channel("b")
	begin := c.begin(one, a)
	rounds := c.rounds(12, 300)
	want := make(map[int][]string) // on channel a, by writer
	total := 0
	for w := range logWriters {
		for i := range rounds {
			for _, r := range writerBatch(a, b, w, i) {
				if r.Channel == a {
					want[w] = append(want[w], string(r.Payload))
					total++
				}
			}
		}
	}
	var live []*liveReader
	for _, log := range logs {
		live = append(live, c.readLive(c.openLog(log, a), total))
	}
	var replays []*replayReader
	for i, log := range logs {
		replays = append(replays, c.readLog(log, a, begin, 3+50*i))
	}
	c.inParallel("Append on 32 goroutines", logWriters, func(ctx context.Context, w int) error {
		for i := range rounds {
			if err := logs[(w+i)%2].Append(ctx, writerBatch(a, b, w, i)); err != nil {
				return err
			}
		}
		return nil
	})
	const called = "Append on 32 goroutines"
	all := c.replayAll(one, a, begin, transport.ReadLimit{})
	c.expectEachOnce(called+", Replay", all, want, true)
	for _, r := range live {
		got := r.all(c)
		c.expectEachOnce(called+", ReceiveRecord", got, want, false)
		c.expectSame(called+", ReceiveRecord of the kept messages", keptOf(got), all)
	}
	for _, r := range replays {
		c.expectSame(called+", Replay at the same time, in pieces", r.all(c), all)
	}
}

// expectEachOnce fails the check unless records has the messages of each writer once, in the writer's order. If kept is
// set, it has those that are kept.
func (c *logChecker) expectEachOnce(called string, records []transport.Record, want map[int][]string, kept bool) {
	c.Helper()
	next := make(map[int]int)
	for _, r := range records {
		var w int
		if _, err := fmt.Sscanf(string(r.Payload), "writer %d,", &w); err != nil {
			c.fail(called, "messages of the writers", "%s", showRecord(r))
		}
		for kept && next[w] < len(want[w]) && isUnkept(want[w][next[w]]) {
			next[w]++
		}
		if next[w] >= len(want[w]) || string(r.Payload) != want[w][next[w]] {
			wanted := "no further message of this writer"
			if next[w] < len(want[w]) {
				wanted = quote(want[w][next[w]]) + " as its writer's next message"
			}
			c.fail(called, wanted, "%s", showRecord(r))
		}
		next[w]++
	}
	for w := range want {
		for kept && next[w] < len(want[w]) && isUnkept(want[w][next[w]]) {
			next[w]++
		}
		if next[w] < len(want[w]) {
			c.fail(called, quote(want[w][next[w]]), "no such message")
		}
	}
}

func isUnkept(payload string) bool {
	const end = ", not kept"
	return len(payload) > len(end) && payload[len(payload)-len(end):] == end
}

// inParallel calls f on n goroutines and fails the check if a call returns an error.
func (c *logChecker) inParallel(called string, n int, f func(ctx context.Context, i int) error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 2*c.patience)
	defer cancel()
	var waits []<-chan error
	for i := range n {
		waits = append(waits, c.runInBackground(func() error { return f(ctx, i) }))
	}
	var first error
	for _, wait := range waits {
		if err := c.guardFor(2*c.patience, called, func() error { return <-wait }); first == nil {
			first = err
		}
	}
	if first != nil {
		c.fail(called, "no error", "the error %q", first)
	}
}

// liveReader receives messages in the background.
type liveReader struct {
	*task
	records []transport.Record
	total   int
}

// readLive receives total messages of a session in the background.
func (c *logChecker) readLive(s transport.LogSession, total int) *liveReader {
	l := &liveReader{total: total}
	l.task = c.inBackground(func(ctx context.Context, _ <-chan struct{}) error {
		for len(l.records) < total {
			ctx, cancel := context.WithTimeout(ctx, c.patience)
			r, err := s.ReceiveRecord(ctx)
			cancel()
			if err != nil {
				return err
			}
			l.records = append(l.records, r)
		}
		return nil
	})
	return l
}

// all returns the messages when they have been received.
func (l *liveReader) all(c *logChecker) []transport.Record {
	c.Helper()
	if err := c.guardFor(2*c.patience, "ReceiveRecord", l.wait); err != nil {
		c.fail("ReceiveRecord", "all messages", "the error %q after %d of %d messages", err, len(l.records), l.total)
	}
	return l.records
}

// replayReader replays a channel in the background.
type replayReader struct {
	*task
	problem *problem
	records []transport.Record
}

// readLog replays what follows a position, in pieces, until all is called and everything was read.
func (c *logChecker) readLog(log transport.Log, channel string, after transport.Position, piece int) *replayReader {
	reader := &replayReader{}
	limit := transport.ReadLimit{Records: piece}
	reader.task = c.inBackground(func(ctx context.Context, quit <-chan struct{}) error {
		for {
			last := isClosed(quit)
			ctx, cancel := context.WithTimeout(ctx, c.patience)
			records, err := log.Replay(ctx, channel, after, limit)
			cancel()
			if err != nil {
				return err
			}
			called := "Replay of " + quote(channel) + " after " + showPosition(after) + " while others append"
			if reader.problem = pieceProblem(called, channel, after, limit, records); reader.problem != nil {
				return nil
			}
			reader.records = append(reader.records, records...)
			switch {
			case len(records) > 0:
				after = records[len(records)-1].Position()
			case last:
				return nil
			default:
				time.Sleep(pause)
			}
		}
	})
	return reader
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// all returns the messages when everything was read.
func (r *replayReader) all(c *logChecker) []transport.Record {
	c.Helper()
	if err := c.guardFor(2*c.patience, "Replay", r.stop); err != nil {
		c.fail("Replay while others append", "no error", "the error %q", err)
	}
	c.report(r.problem)
	return r.records
}
