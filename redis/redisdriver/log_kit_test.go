package redisdriver_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

func prepared(tb testing.TB, d *redisdriver.Driver) *redisdriver.Driver {
	tb.Helper()
	require.NoError(tb, d.PrepareLog(bounded(tb)))
	return d
}

// kept returns messages to be kept.
func kept(channel string, payloads ...string) (records []transport.Record) {
	for _, p := range payloads {
		records = append(records, transport.Record{Message: message(channel, p), Keep: true})
	}
	return records
}

// appendTo appends messages with these payloads to a channel in one call, and returns their records.
func appendTo(tb testing.TB, d *redisdriver.Driver, channel string, payloads ...string) []transport.Record {
	tb.Helper()
	records := kept(channel, payloads...)
	require.NoError(tb, d.Append(bounded(tb), records))
	return records
}

func payloads(records []transport.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Payload))
	}
	return all
}

func bounds(tb testing.TB, d *redisdriver.Driver, channel string) transport.Bounds {
	tb.Helper()
	b, err := d.Bounds(bounded(tb), channel)
	require.NoError(tb, err)
	return b
}

// replayAll replays what follows a position, in pieces.
func replayAll(
	tb testing.TB, d *redisdriver.Driver, channel string, after transport.Position,
) (all []transport.Record, err error) {
	tb.Helper()
	for {
		piece, err := d.Replay(bounded(tb), channel, after, transport.ReadLimit{Records: 7})
		if err != nil || len(piece) == 0 {
			return all, err
		}
		all = append(all, piece...)
		after = piece[len(piece)-1].Position()
	}
}

// requireNewEpoch requires that positions from before are refused, and that the log works.
func requireNewEpoch(tb testing.TB, d *redisdriver.Driver, channel string, before transport.Position) {
	tb.Helper()
	for ctx := bounded(tb); ; { // until the driver has found the server
		_, err := d.Replay(ctx, channel, before, transport.ReadLimit{})
		if _, position := err.(*transport.PositionError); position || err == nil {
			require.ErrorIs(tb, err, transport.ErrEpoch)
			break
		}
		require.NoError(tb, ctx.Err(), "Replay: %v", err)
	}
	now := bounds(tb, d, channel)
	require.NotEqual(tb, before.Epoch, now.Epoch)
	eventuallyAppends(tb, d, channel, "in the new epoch")
	got, err := replayAll(tb, d, channel, transport.Position{Epoch: now.Epoch, Offset: now.Newest})
	require.NoError(tb, err)
	require.Equal(tb, []string{"in the new epoch"}, payloads(got))
	require.Equal(tb, now.Newest, got[0].Previous)
}

// eventuallyAppends appends until it succeeds, as a cluster does with its next message.
func eventuallyAppends(tb testing.TB, d *redisdriver.Driver, channel, payload string) {
	tb.Helper()
	for ctx := bounded(tb); ; {
		err := d.Append(ctx, kept(channel, payload))
		if err == nil {
			return
		}
		require.ErrorIs(tb, err, transport.ErrNotSent, "what may have been kept must not be kept again")
		require.NoError(tb, ctx.Err())
	}
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("message ", i))
	}
	return all
}

func hears(tb testing.TB, d *redisdriver.Driver, channel string) transport.LogSession {
	tb.Helper()
	s, err := d.OpenLog(bounded(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close(context.Background())) })
	require.NoError(tb, s.Listen(bounded(tb), channel))
	return s
}
