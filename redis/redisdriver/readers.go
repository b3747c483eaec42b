package redisdriver

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/internal/resp"
)

// maxReaders is how many connections read the log, and save and take sessions.
const maxReaders = 4

// query calls a script that may be called again if the connection breaks.
func (d *Driver) query(ctx context.Context, c *call) (reply resp.Value, err error) {
	if err := d.checkLog(); err != nil {
		return reply, err
	}
	over, err := d.readers.Take(ctx)
	if err != nil {
		return reply, err
	}
	defer d.readers.Give(over)
	for again := false; ; again = true {
		reply, err = d.run(ctx, over, c)
		if again || ctx.Err() != nil || !errors.Is(err, ErrDisconnected) {
			return reply, err
		}
	}
}
