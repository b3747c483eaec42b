package broker

import (
	"context"
	"errors"
	"sync"
)

// Pool is a number of publishers, each with a connection of its own, for requests that need not wait for each other.
// It is safe for concurrent use. Create it with NewPool.
type Pool struct {
	free chan *Publisher // those that nobody uses
	all  []*Publisher
}

// NewPool returns a pool of n publishers. They connect when they are needed.
func NewPool(dialer Dialer, n int) *Pool {
	p := &Pool{free: make(chan *Publisher, n)}
	for range n {
		one := NewPublisher(dialer)
		p.all = append(p.all, one)
		p.free <- one
	}
	return p
}

// Take waits for a publisher that nobody uses. The caller gives it back with Give.
func (p *Pool) Take(ctx context.Context) (*Publisher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case one := <-p.free:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Give gives back a publisher that Take has returned.
func (p *Pool) Give(one *Publisher) { p.free <- one }

// Close closes all publishers at the same time: each may wait for a request until ctx ends.
func (p *Pool) Close(ctx context.Context) error {
	errs := make([]error, len(p.all))
	var group sync.WaitGroup
	for i, one := range p.all {
		group.Go(func() { errs[i] = one.Close(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}
