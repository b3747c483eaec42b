package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logCrashChecks = []check[*logChecker]{
	{"CrashLosesNothing", "transport.Log",
		"After a crash of the server in the middle of a batch, each message whose Append has returned nil is in the " +
			"log once, in order, each other one at most once, and offsets go on. A log that has lost messages begins " +
			"a new epoch.", crashLosesNothing},
}

// crashWriter appends batches until it is stopped, and notes which were acknowledged.
type crashWriter struct {
	number  int
	channel string
	batches []crashBatch
}

type crashBatch struct {
	payloads []string
	acked    bool
}

// write appends a batch and reports whether that has worked.
func (w *crashWriter) write(ctx context.Context, log transport.Log) bool {
	name := fmt.Sprintf("writer %d, batch %d", w.number, len(w.batches))
	batch := crashBatch{payloads: numberedPayloads(name, 1+(w.number+len(w.batches))%20)}
	batch.acked = log.Append(ctx, keep(w.channel, batch.payloads...)) == nil
	w.batches = append(w.batches, batch)
	return batch.acked
}

func crashLosesNothing(c *logChecker) {
	if c.harness.Crash == nil {
		c.Skip("LogHarness.Crash is nil: not checked")
	}
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	writers := make([]*crashWriter, 4)
	for i := range writers {
		writers[i] = &crashWriter{number: i, channel: a}
	}
	const called = "Append, crash the server"
	for range c.scale(2, 10) {
		c.crashWhileWriting(one, writers)
		after := c.newLog()
		for _, log := range []transport.Log{one, two, after} {
			c.eventually(called+", Append", func(ctx context.Context) error {
				return log.Append(ctx, skip(a, "the connections are dead"))
			})
			c.eventually(called+", Bounds", func(ctx context.Context) error {
				_, err := log.Bounds(ctx, a)
				return err
			})
		}
		if now := c.bounds(after, a); now.Epoch != begin.Epoch { // it says that it has lost messages
			c.expectPositionError(after, a, begin, transport.ErrEpoch)
			c.Skip("the log began a new epoch after the crash: it does not keep messages over crashes")
		}
		all := c.replayAll(after, a, begin, transport.ReadLimit{})
		c.expectBatches(called+", Replay", all, writers)
		// It goes on behind what was there.
		s := c.openLog(after, a)
		latest := c.end(after, a)
		if len(all) > 0 && latest != all[len(all)-1].Position() {
			c.fail(called+", Bounds", "Newest at "+showPosition(all[len(all)-1].Position()), "%s", showPosition(latest))
		}
		for _, w := range writers {
			if ctx := c.Context(); !w.write(ctx, after) {
				c.fail(called+", Append", "no error", "an error")
			}
			n := len(w.batches[len(w.batches)-1].payloads)
			got := c.receive(s, called+", Append", n)
			c.expectChain(called+", Append, ReceiveRecord", a, latest, got)
			latest = got[n-1].Position()
		}
	}
}

// crashWhileWriting crashes the server while all writers append. It returns when they have noticed.
func (c *logChecker) crashWhileWriting(log transport.Log, writers []*crashWriter) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	started := make(chan struct{}, len(writers))
	crashed := make(chan struct{})
	var done []<-chan error
	for _, w := range writers {
		done = append(done, c.runInBackground(func() error {
			for i := 0; ; i++ {
				select {
				case <-crashed:
					return nil
				default:
				}
				if i == 5 {
					started <- struct{}{}
				}
				if !w.write(ctx, log) {
					if i < 5 {
						return errors.New("an Append before the crash has failed")
					}
					return nil
				}
			}
		}))
	}
	for range writers {
		select {
		case <-started:
		case <-time.After(c.patience):
			c.fail("Append on 4 goroutines", "that each has appended 5 batches", "not for %v", c.patience)
		}
	}
	c.noteCall("LogHarness.Crash")
	c.harness.Crash(c.TB, log)
	close(crashed)
	stop := time.AfterFunc(c.patience/2, cancel)
	defer stop.Stop()
	for _, d := range done {
		c.mustGuard("Append during a crash", func() error { return <-d })
	}
}

// expectBatches fails the check unless records has each acknowledged batch once, a prefix of each other one, and the
// batches of each writer in order.
func (c *logChecker) expectBatches(called string, records []transport.Record, writers []*crashWriter) {
	c.Helper()
	found := make(map[int][]string)
	for _, r := range records {
		var w int
		if _, err := fmt.Sscanf(string(r.Payload), "writer %d,", &w); err != nil {
			c.fail(called, "messages of the writers", "%s", showRecord(r))
		}
		found[w] = append(found[w], string(r.Payload))
	}
	for _, w := range writers {
		rest := found[w.number]
		for _, batch := range w.batches {
			n := 0
			for n < len(batch.payloads) && n < len(rest) && rest[n] == batch.payloads[n] {
				n++
			}
			if batch.acked && n < len(batch.payloads) {
				c.fail(called, quote(batch.payloads[n])+", whose Append has returned nil", "%s",
					quote(first(rest[n:], "no such message")))
			}
			rest = rest[n:]
		}
		if len(rest) > 0 {
			c.fail(called, "each message at most once, in order", "%s out of place", quote(rest[0]))
		}
	}
}

func first(texts []string, otherwise string) string {
	if len(texts) > 0 {
		return texts[0]
	}
	return otherwise
}
