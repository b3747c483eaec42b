package redisdriver

import (
	"context"
	"errors"
	"sync"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/transport/broker"
)

// maxReaders is how many connections read the log, and save and take sessions.
const maxReaders = 4

// readers are connections for what need not wait for the messages that are being published. They are opened when they
// are needed.
type readers struct {
	free chan *broker.Publisher // those that nobody uses
	all  []*broker.Publisher
}

func newReaders(dialer broker.Dialer) *readers {
	r := &readers{free: make(chan *broker.Publisher, maxReaders)}
	for range maxReaders {
		p := broker.NewPublisher(dialer)
		r.all = append(r.all, p)
		r.free <- p
	}
	return r
}

// take returns a connection, which the caller gives back with give.
func (r *readers) take(ctx context.Context) (*broker.Publisher, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p := <-r.free:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *readers) give(p *broker.Publisher) { r.free <- p }

// close closes the connections at the same time: each may wait for a call until ctx ends.
func (r *readers) close(ctx context.Context) error {
	errs := make([]error, len(r.all))
	var group sync.WaitGroup
	for i, p := range r.all {
		group.Go(func() { errs[i] = p.Close(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// query calls a script that may be called again if the connection breaks.
func (d *Driver) query(ctx context.Context, c *call) (reply resp.Value, err error) {
	if err := d.checkLog(); err != nil {
		return reply, err
	}
	over, err := d.readers.take(ctx)
	if err != nil {
		return reply, err
	}
	defer d.readers.give(over)
	for again := false; ; again = true {
		reply, err = d.run(ctx, over, c)
		if again || ctx.Err() != nil || !errors.Is(err, ErrDisconnected) {
			return reply, err
		}
	}
}
