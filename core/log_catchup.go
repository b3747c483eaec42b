package core

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/transport"
)

// catchUp is one time that a logReader is behind.
type catchUp struct {
	began    time.Time
	done     chan struct{} // closed when the reader is not behind any more, or the namespace is closed
	replayed int           // messages
	missing  []*LogGap
}

func newCatchUp() *catchUp { return &catchUp{began: time.Now(), done: make(chan struct{})} }

// readLimit bounds what is read from a log at a time.
var readLimit = transport.ReadLimit{Records: 4096, Bytes: 4 << 20}

// catchUpLoop passes on what the log has after at, until the reader is no longer behind or the namespace is closed.
func (l *logReader) catchUpLoop() {
	run := l.run
	defer close(run.done)
	wait := time.Duration(0)
	var failing time.Time // since when the log cannot be read
	for target, known := (transport.Offset{}), false; ; {
		l.mu.Lock()
		if l.again {
			l.again, known = false, false
		}
		if l.reconnected { // what has failed before may have had the same cause
			l.reconnected, failing = false, time.Time{}
		}
		at := l.at
		l.mu.Unlock()
		err := error(nil)
		if !known {
			target, err = l.target(at)
			known = err == nil
		}
		if err == nil && l.endIfLevel(target) {
			l.ended(run)
			return
		}
		if err == nil {
			err = l.replay(at)
		}
		switch {
		case l.ns.ctx.Err() != nil:
			return
		case err == nil:
			wait, failing = 0, time.Time{}
			continue
		case l.loses(err):
			known = false
			continue
		case failing.IsZero():
			failing = time.Now()
			l.ns.cluster.report(&OpError{Op: "read the log", Channel: l.ns.channel, Err: err})
		case time.Since(failing) > l.ns.cluster.config.HeartbeatTimeout && l.hearsSince(failing) && l.givesUp(err):
			failing = time.Time{}
			continue
		}
		wait = min(max(2*wait, l.ns.cluster.config.MinBackoff), l.ns.cluster.config.MaxBackoff)
		select {
		case <-time.After(wait):
		case <-l.ns.ctx.Done():
			return
		}
	}
}

// target returns how far the log has come. Everything after that arrives, since the node listens.
func (l *logReader) target(at transport.Position) (transport.Offset, error) {
	ctx, cancel := context.WithTimeout(l.ns.ctx, l.ns.cluster.config.PublishTimeout)
	defer cancel()
	bounds, err := l.bounds(ctx)
	if err == nil {
		err = bounds.CheckPosition(l.ns.channel, at)
	}
	return bounds.Newest, err
}

// replay passes on some messages after a position.
func (l *logReader) replay(at transport.Position) error {
	ctx, cancel := context.WithTimeout(l.ns.ctx, l.ns.cluster.config.PublishTimeout)
	defer cancel()
	var records []transport.Record
	err := callRarely(func() (err error) {
		records, err = l.bus.Replay(ctx, l.ns.channel, at, readLimit)
		return err
	})
	if err != nil {
		return err
	}
	for i := range records {
		r := &records[i]
		_ = l.pass(r, time.Now(), l.ns.queues.messages.offerWhenFree) // fails only if the namespace is closed
		l.mu.Lock()
		l.at = r.Position()
		l.mu.Unlock()
		l.run.replayed++
		l.ns.cluster.counts.replayed.Add(1)
	}
	if len(records) == 0 {
		l.mu.Lock()
		if l.at == at && !l.again {
			l.seen = l.at.Offset // no log has what was seen, so it was not one of its messages
		}
		l.mu.Unlock()
	}
	return nil
}

// endIfLevel ends the reader's being behind if everything up to target, and everything that has arrived, was passed on.
func (l *logReader) endIfLevel(target transport.Offset) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again || l.at.Offset.Compare(target) < 0 || l.at.Offset.Compare(l.seen) < 0 {
		return false
	}
	l.behind = false
	return true
}

// ended reports what was replayed.
func (l *logReader) ended(run *catchUp) {
	c := l.ns.cluster
	info := ReplayInfo{Namespace: l.ns.name, Messages: run.replayed, Missing: len(run.missing) > 0,
		Took: time.Since(run.began)}
	if info.Messages == 0 && !info.Missing {
		return
	}
	c.journal.Log(&journal.Replayed, journal.Text(info.Namespace), slog.IntValue(info.Messages),
		slog.BoolValue(info.Missing), slog.DurationValue(info.Took))
	if f := c.hooks.Load().Replayed; f != nil {
		c.trace("Replayed", func() { f(info) })
	}
}

// loses reports whether err says that the log does not have what follows at. Then the reader goes on with what it has.
func (l *logReader) loses(err error) bool {
	var e *transport.PositionError
	if !errors.As(err, &e) {
		return false
	}
	next := transport.Position{Epoch: e.Bounds.Epoch, Offset: e.Bounds.Trimmed}
	if errors.Is(e.Err, transport.ErrFuture) {
		next.Offset = e.Bounds.Newest
	}
	l.skipTo(next, positionReason(e.Err))
	return true
}

// hearsSince reports whether the session that receives has worked after a time. While it does not, the node gains
// nothing by giving up what the log has.
func (l *logReader) hearsSince(t time.Time) bool { return l.ns.cluster.listener.heardUntil().After(t) }

// givesUp goes on with what arrives, although the log could not be read. It returns false if nothing arrives.
func (l *logReader) givesUp(err error) bool {
	l.mu.Lock()
	next := transport.Position{Epoch: l.at.Epoch, Offset: l.seen}
	arrives := l.seen.Compare(l.at.Offset) > 0
	l.mu.Unlock()
	if arrives {
		l.skipTo(next, err)
	}
	return arrives
}

// skipTo goes on after a position, and reports that what is before it is missing.
func (l *logReader) skipTo(next transport.Position, err error) {
	gap := &LogGap{Namespace: l.ns.name, To: l.ns.position(next), Err: err}
	l.mu.Lock()
	gap.From = l.ns.position(l.at)
	if l.at.Epoch != next.Epoch {
		l.seen = transport.Offset{}
	}
	l.at = next
	l.continues(false)
	l.mu.Unlock()
	l.run.missing = append(l.run.missing, gap)
	l.ns.cluster.report(gap)
}

// fillGap makes all namespaces read what was published while the node was deaf, and then reports the gap.
func (c *Cluster) fillGap(gap *GapError) {
	var runs []*catchUp
	for _, ns := range c.all() {
		if ns.log == nil {
			continue
		}
		if run := ns.log.sessionRecovered(); run != nil {
			runs = append(runs, run)
		}
	}
	if c.config.Log == nil {
		c.gapEnded(gap)
		return
	}
	c.group.Go(func() {
		for _, run := range runs {
			<-run.done
			gap.Replayed += run.replayed
			gap.Unfilled = append(gap.Unfilled, run.missing...)
		}
		gap.Filled = len(gap.Unfilled) == 0 && c.ctx.Err() == nil
		c.gapEnded(gap)
	})
}
