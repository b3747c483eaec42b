package socketio

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/storage"
)

// logCheck is a look at the log of the cluster: whether it has everything that follows what this node has delivered.
// If not, because the log was created again or trimmed while the node was behind, the node cannot recover clients: they
// would never get what it has missed.
type logCheck struct {
	done chan struct{} // closed when it has ended
	head backplane.Position
	ok   bool
}

// check looks at the log, and returns its latest position. It returns false if the log does not have what this node has
// not delivered yet, or if that is unknown when ctx ends. Clients that come at the same time share a look, which begins
// after they have come.
func (c *clusterRecovery) check(ctx context.Context) (head backplane.Position, ok bool) {
	c.checks.Lock()
	if c.next == nil {
		c.next = &logCheck{done: make(chan struct{})}
	}
	k := c.next
	if !c.checking {
		c.checking = c.store.goUnlessClosed(c.checkAll)
	}
	c.checks.Unlock()
	select {
	case <-k.done:
		return k.head, k.ok
	case <-ctx.Done():
		return head, false
	}
}

// checkAll looks at the log for the clients that wait, until there are none.
func (c *clusterRecovery) checkAll() {
	for {
		c.checks.Lock()
		k := c.next
		c.next = nil
		c.checking = k != nil
		c.checks.Unlock()
		if k == nil {
			return
		}
		ctx, cancel := context.WithTimeout(c.store.ctx, recoveryWait)
		k.head, k.ok = c.look(ctx)
		cancel()
		close(k.done)
	}
}

// look is a check.
func (c *clusterRecovery) look(ctx context.Context) (head backplane.Position, ok bool) {
	c.log.mu.Lock()
	last := c.log.last
	c.log.mu.Unlock()
	head, err := c.head(ctx)
	if err != nil {
		c.store.report(err)
		return head, false
	}
	if last.Before(head) { // this node is behind
		return head, c.canRead(ctx, last)
	}
	return head, last.Epoch == head.Epoch && !head.Before(last)
}

// keeps reports whether the log still has the message at a position.
func (c *clusterRecovery) keeps(ctx context.Context, at backplane.Position) (kept bool) {
	err := untilReached(ctx, func(ctx context.Context) (err error) {
		kept, err = c.ns.Keeps(ctx, at)
		return err
	})
	if err != nil && !isAnswer(err) {
		c.store.report(err)
	}
	return err == nil && kept
}

// head returns the latest position of the log.
func (c *clusterRecovery) head(ctx context.Context) (head backplane.Position, err error) {
	err = untilReached(ctx, func(ctx context.Context) error {
		head, err = c.ns.Head(ctx)
		return err
	})
	return head, err
}

// untilReached calls f until it returns nil or an answer. If the database cannot be used, for example because it
// restarts, it tries again for half of the time that clients wait.
func untilReached(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryWait/2)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := f(ctx)
		if err == nil || isAnswer(err) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// isAnswer reports whether another attempt would fail in the same way.
func isAnswer(err error) bool {
	var position *backplane.PositionError
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, errTooMuchMissed) || errors.As(err, &position)
}
