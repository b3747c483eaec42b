package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// logDriver is what both drivers implement for a log.
type logDriver interface {
	driver
	transport.Log
	transport.LogPreparer
	transport.LogTrimmer
	transport.LogInspector
}

// newLog returns a driver for a database, whose log it has prepared. It is closed when the test ends.
func newLog(tb testing.TB, k kind, database string, config postgres.Config) logDriver {
	tb.Helper()
	d, _ := k.open(tb, database, database, config)
	tb.Cleanup(func() {
		if err := d.Close(within(tb)); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	log := d.(logDriver)
	require.NoError(tb, log.PrepareLog(within(tb)))
	return log
}

// openLog opens a session of the log that listens to channels. It is closed when the test ends.
func openLog(tb testing.TB, d logDriver, channels ...string) transport.LogSession {
	tb.Helper()
	s, err := d.OpenLog(within(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close(context.Background()) })
	for _, channel := range channels {
		require.NoError(tb, s.Listen(within(tb), channel))
	}
	return s
}

// kept returns records that are to be kept.
func kept(channel string, payloads ...string) []transport.Record {
	records := make([]transport.Record, len(payloads))
	for i, payload := range payloads {
		records[i].Message = transport.Message{Channel: channel, Payload: []byte(payload)}
		records[i].Keep = true
	}
	return records
}

// receive receives n records.
func receive(tb testing.TB, s transport.LogSession, n int) []transport.Record {
	tb.Helper()
	records := make([]transport.Record, n)
	for i := range records {
		var err error
		records[i], err = s.ReceiveRecord(within(tb))
		require.NoErrorf(tb, err, "ReceiveRecord of message %d of %d", i, n)
	}
	return records
}

// replayAll returns what Replay returns after a position until there is nothing more.
func replayAll(tb testing.TB, d logDriver, channel string, after transport.Position, limit transport.ReadLimit) (
	all []transport.Record,
) {
	tb.Helper()
	for {
		records, err := d.Replay(within(tb), channel, after, limit)
		require.NoError(tb, err)
		if len(records) == 0 {
			return all
		}
		all = append(all, records...)
		after = all[len(all)-1].Position()
	}
}

// start returns the position before the first message of a channel.
func start(tb testing.TB, d logDriver, channel string) transport.Position {
	tb.Helper()
	bounds, err := d.Bounds(within(tb), channel)
	require.NoError(tb, err)
	return transport.Position{Epoch: bounds.Epoch, Offset: bounds.Trimmed}
}
