package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logListenChecks = []check[*logChecker]{
	{"ListenAndReplayMissNothing", "transport.Log.Bounds",
		"A session that listens receives every message after the Newest of a later call of Bounds, while others " +
			"append. A node that has reconnected replays up to there, and the session continues.",
		listenAndReplayMissNothing},
}

func listenAndReplayMissNothing(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	stop := c.repeatedly(func(i int) error { return one.Append(c.Context(), keep(a, fmt.Sprint("message ", i))) })
	for i := range c.rounds(30, 300) {
		log := []transport.Log{two, one}[i%2]
		before := c.end(log, a)
		s := c.openLog(log, a)
		newest := c.end(log, a)
		called := "Listen while another goroutine appends, Bounds"
		got := c.receive(s, called, 1)
		for got[len(got)-1].Offset.Compare(newest.Offset) <= 0 {
			got = append(got, c.receive(s, called, 1)...)
		}
		got = append(got, c.receive(s, called, 3)...)
		if got[0].Previous.Compare(newest.Offset) > 0 {
			c.fail(called+", ReceiveRecord", "the message after offset "+newest.Offset.String(), "%s",
				showRecord(got[0]))
		}
		c.expectChain(called+", ReceiveRecord", a,
			transport.Position{Epoch: newest.Epoch, Offset: got[0].Previous}, got)
		c.must("Close", s.Close)
		replayed := c.replayUpTo(log, a, before, got[len(got)-1].Offset)
		start := 0
		for start < len(replayed) && replayed[start].Offset.Compare(got[0].Offset) < 0 {
			start++
		}
		c.expectSame(called+", ReceiveRecord, Replay of the same", got, replayed[start:])
	}
	c.mustGuard("Append", stop)
}

// repeatedly calls f in the background until stop is called, or the check ends, or f fails.
func (c *logChecker) repeatedly(f func(i int) error) (stop func() error) {
	return c.inBackground(func(_ context.Context, quit <-chan struct{}) error {
		for i := 0; ; i++ {
			select {
			case <-quit:
				return nil
			default:
			}
			if err := f(i); err != nil {
				return err
			}
			if i%16 == 15 { // others get their turn
				time.Sleep(time.Millisecond / 10)
			}
		}
	}).stop
}

// task is what a check does in the background.
type task struct {
	end  func() // asks it to end
	done <-chan error
}

// inBackground calls f on a new goroutine. At the end of the check quit is closed, ctx ends, and f must return.
func (c *logChecker) inBackground(f func(ctx context.Context, quit <-chan struct{}) error) *task {
	ctx, cancel := context.WithCancel(c.Context())
	quit, ended := make(chan struct{}), make(chan struct{})
	t := &task{end: sync.OnceFunc(func() { close(quit) })}
	t.done = c.runInBackground(func() error {
		defer close(ended)
		err := f(ctx, quit)
		if err != nil && ctx.Err() == nil {
			c.backgroundErr.CompareAndSwap(nil, &err)
		}
		return err
	})
	c.Cleanup(func() {
		t.end()
		cancel()
		<-ended
	})
	return t
}

// wait returns the error of the task when it has ended.
func (t *task) wait() error { return <-t.done }

// stop asks the task to end, and returns its error.
func (t *task) stop() error {
	t.end()
	return t.wait()
}

// replayUpTo replays what follows a position, up to and including an offset.
func (c *logChecker) replayUpTo(
	log transport.Log, channel string, after transport.Position, last transport.Offset,
) (all []transport.Record) {
	c.Helper()
	for after.Offset.Compare(last) < 0 {
		piece := c.replay(log, channel, after, transport.ReadLimit{})
		if len(piece) == 0 {
			c.fail("ReceiveRecord, Replay up to that message", "messages up to offset "+last.String(), "none after %s",
				showPosition(after))
		}
		for _, r := range piece {
			if r.Offset.Compare(last) <= 0 {
				all = append(all, r)
			}
		}
		after = piece[len(piece)-1].Position()
	}
	return all
}
