package streamsdriver

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var _ storage.AwaySessions = (*Driver)(nil)

// PutAway implements storage.AwaySessions, with SET and PX.
func (d *Driver) PutAway(ctx context.Context, key string, state []byte, maxAway time.Duration) error {
	b := resp.AppendArg(resp.AppendHeader(nil, 5), "SET")
	b = resp.AppendArg(resp.AppendArg(b, d.config.SessionPrefix+key), state)
	b = resp.AppendArg(resp.AppendArg(b, "PX"), strconv.FormatInt(max(maxAway.Milliseconds(), 1), 10))
	for again := false; ; again = true { // it does no harm to set it twice
		_, err := d.query(ctx, d.reads, b, 1)
		if again || ctx.Err() != nil || !errors.Is(err, server.ErrDisconnected) {
			return err
		}
	}
}

// TakeAway implements storage.AwaySessions, with GET and DEL in a transaction. If the connection breaks meanwhile, the
// session may be lost.
func (d *Driver) TakeAway(ctx context.Context, key string) (state []byte, err error) {
	key = d.config.SessionPrefix + key
	b := resp.AppendCommand(nil, "MULTI")
	b = resp.AppendCommand(resp.AppendCommand(b, "GET", key), "DEL", key)
	done, err := d.query(ctx, d.reads, resp.AppendCommand(b, "EXEC"), 4)
	if got := done.Item(0); err != nil || got.Kind == '$' {
		return got.Bytes, err
	}
	return nil, storage.ErrNotFound
}

// query sends commands over a publisher and returns the last of n replies.
func (d *Driver) query(
	ctx context.Context, over *broker.Publisher, commands []byte, n int,
) (last resp.Value, err error) {
	if err := d.checkClient(); err != nil {
		return last, err
	}
	err = over.Do(ctx, func(c *broker.Conn) error {
		if d.primary.Stale(c) {
			return server.ErrMoved
		}
		if _, err := c.Write(commands); err != nil {
			return server.Disconnected(err)
		}
		var first error
		for range n {
			if last, err = server.Reply(c.In); err != nil {
				return err
			}
			if err := server.Refused(last.Err()); err != nil && first == nil {
				first = err
			}
		}
		d.primary.Lost(first)
		if first != nil {
			return &transport.RejectedError{Err: first} // the connection is in a known state
		}
		return nil
	})
	return last, err
}
