package postgres

import (
	"context"

	"github.com/backplane-go/backplane/transport"
)

// Append implements transport.Appender. It does what Publish does, and keeps messages in the same statements: a
// statement has up to 1024 messages and 256 KiB. The statements of a log take place one after the other, in the order
// in which their transactions commit.
//
// A statement that has waited for a lock for 3 seconds is refused: then its messages were certainly not sent.
func (d *Driver) Append(ctx context.Context, records []transport.Record) error {
	return d.bus.Append(ctx, records)
}

// OpenLog implements transport.Log. Each session has its own connection.
func (d *Driver) OpenLog(ctx context.Context) (transport.LogSession, error) {
	return d.bus.OpenLog(ctx)
}

// Bounds implements transport.Log, with one query over the pool.
func (d *Driver) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	return d.bus.Bounds(ctx, channel)
}

// Replay implements transport.Log, with one query over the pool. By default it returns up to 4096 messages and 4 MiB.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	return d.bus.Replay(ctx, channel, after, limit)
}

// Latest implements transport.Log, with one query over the pool. Its default limits are those of Replay.
func (d *Driver) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	return d.bus.Latest(ctx, channel, before, limit)
}

// PrepareLog implements transport.LogPreparer. It checks whether the tables and functions of the log can be used, and
// creates or upgrades them if Config.NoAutoCreate allows it. It also checks whether the role may use PutFor, if the
// table of attachments exists. It returns a *SetupError that says what to do, or a *NameError.
func (d *Driver) PrepareLog(ctx context.Context) error {
	if err := d.bus.PrepareLog(ctx); err != nil {
		return err
	}
	return d.store.PrepareRetention(ctx)
}

// TrimLog implements transport.LogTrimmer. It empties the oldest of the eight tables of messages and goes on to write
// there when the current one was in use for a sixth of MaxAge, or is larger than an eighth of MaxBytes. It returns an
// error if another transaction, such as that of pg_dump, uses the oldest table; it waits for 100 ms. It writes nothing
// if there is nothing to remove.
func (d *Driver) TrimLog(ctx context.Context, keep transport.Retention) error {
	return d.bus.TrimLog(ctx, keep)
}

// InspectLog implements transport.LogInspector. It reads all rows of the log, but not the messages in them.
func (d *Driver) InspectLog(ctx context.Context, prefix string) (transport.LogInfo, error) {
	return d.bus.InspectLog(ctx, prefix)
}
