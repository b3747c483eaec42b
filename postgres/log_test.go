package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// What Append has set, what sessions receive and what Replay returns is the same, byte for byte.
func TestLogReplaysWhatWasAppended(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		d := newLog(t, k, pgtest.Database(t), postgres.Config{})
		const channel = `chan"nel 'ü 🙂`
		s := openLog(t, d, channel)
		plain := listen(t, d, channel)
		payloads := []string{"a", "", `"quotes" 'and' \ {braces, NULL}`, "Grüße 🙂\n\t", "equal", "equal", "equal",
			strings.Repeat("x", postgres.MaxPayload), "last"}
		records := kept(channel, payloads...)
		require.NoError(t, d.Append(within(t), records))
		for i, r := range records {
			require.Equal(t, payloads[i], string(r.Payload))
			require.Equal(t, uint64(i+1), r.Offset.Major)
			require.Equal(t, uint64(i), r.Previous.Major)
			require.NotEmpty(t, r.Epoch)
		}
		requireRecords(t, records, receive(t, s, len(records)))
		from := transport.Position{Epoch: records[0].Epoch}
		requireRecords(t, records, replayAll(t, d, channel, from, transport.ReadLimit{}))
		requireRecords(t, records, replayAll(t, d, channel, from, transport.ReadLimit{Records: 2}))
		requireRecords(t, records, replayAll(t, d, channel, from, transport.ReadLimit{Bytes: 1}))
		for _, want := range payloads {
			m, err := plain.Receive(within(t))
			require.NoError(t, err)
			require.Equal(t, want, string(m.Payload), "a session without the log gets the same bytes")
		}
		bounds, err := d.Bounds(within(t), channel)
		require.NoError(t, err)
		require.Equal(t, transport.Bounds{Epoch: records[0].Epoch, Newest: records[len(records)-1].Offset}, bounds)
	})
}

// requireRecords compares records, in which an empty payload equals nil.
func requireRecords(tb testing.TB, want, got []transport.Record) {
	tb.Helper()
	require.Len(tb, got, len(want))
	for i := range want {
		require.Equal(tb, string(want[i].Payload), string(got[i].Payload), "record %d", i)
		want, got := want[i], got[i]
		want.Payload, got.Payload = nil, nil
		require.Equal(tb, want, got, "record %d", i)
	}
}

// Messages that are kept and others can be mixed on several channels in one call.
func TestLogMixesKeptMessagesWithOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		d := newLog(t, k, pgtest.Database(t), postgres.Config{})
		channels := []string{"a", "b", "c 1,2 d", "never kept"}
		s := openLog(t, d, channels...)
		all := make([]transport.Record, 3000)
		keep := make(map[string]uint64)
		for i := range all {
			channel := channels[i*i/7%len(channels)]
			payload := []byte(fmt.Sprint(i))
			all[i] = transport.Record{Message: transport.Message{Channel: channel, Payload: payload}}
			all[i].Keep = channel != "never kept" && (i/5)%3 != 1
		}
		require.NoError(t, d.Append(within(t), all))
		for i, r := range all {
			if !r.Keep {
				require.Zero(t, r.Offset, "record %d", i)
				continue
			}
			keep[r.Channel]++
			require.Equal(t, keep[r.Channel], r.Offset.Major, "record %d", i)
		}
		requireRecords(t, all, receive(t, s, len(all)))
		for channel, n := range keep {
			require.Len(t, replayAll(t, d, channel, start(t, d, channel), transport.ReadLimit{Records: 100}), int(n))
		}
		require.NoError(t, d.Publish(within(t), messages("a", "without the log")...))
		require.False(t, receive(t, s, 1)[0].Keep)
	})
}

func TestLogReadsTheLatest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		d := newLog(t, k, pgtest.Database(t), postgres.Config{})
		var all []transport.Record
		for i := range 20 {
			records := kept("a", fmt.Sprint(i, "a"), fmt.Sprint(i, "b"), fmt.Sprint(i, "c"))
			require.NoError(t, d.Append(within(t), records))
			all = append(all, records...)
		}
		for _, c := range []struct {
			before transport.Offset
			limit  transport.ReadLimit
			from   int
			to     int
		}{
			{transport.Offset{}, transport.ReadLimit{}, 0, 60},
			{transport.Offset{}, transport.ReadLimit{Records: 1}, 59, 60},
			{transport.Offset{}, transport.ReadLimit{Records: 5}, 55, 60},
			{transport.Offset{Major: 10}, transport.ReadLimit{Records: 4}, 5, 9},
			{transport.Offset{Major: 10, Minor: 1}, transport.ReadLimit{Records: 4}, 6, 10},
			{transport.Offset{Major: 3}, transport.ReadLimit{Records: 40}, 0, 2},
			{transport.Offset{Major: 1}, transport.ReadLimit{}, 0, 0},
			{transport.Offset{Major: 1 << 63}, transport.ReadLimit{Records: 2}, 58, 60},
			{transport.Offset{}, transport.ReadLimit{Bytes: 1}, 59, 60},
			{transport.Offset{}, transport.ReadLimit{Bytes: 7}, 58, 60},
		} {
			got, err := d.Latest(within(t), "a", c.before, c.limit)
			require.NoError(t, err)
			requireRecords(t, all[c.from:c.to], got)
		}
		none, err := d.Latest(within(t), "b", transport.Offset{}, transport.ReadLimit{})
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

func TestLogRefusesPositionsThatItCannotContinueFrom(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		d := newLog(t, k, database, postgres.Config{})
		records := kept("a", "1", "2", "3")
		require.NoError(t, d.Append(within(t), records))
		epoch := records[0].Epoch
		at := func(epoch string, offset uint64) transport.Position {
			return transport.Position{Epoch: epoch, Offset: transport.Offset{Major: offset}}
		}
		for _, c := range []struct {
			after transport.Position
			err   error
		}{
			{at("", 0), transport.ErrEpoch}, {at("zzzzzzzz", 1), transport.ErrEpoch},
			{at(epoch, 4), transport.ErrFuture}, {at(epoch, 1<<63), transport.ErrFuture},
			{at(epoch, ^uint64(0)), transport.ErrFuture},
			{transport.Position{Epoch: epoch, Offset: transport.Offset{Major: 3, Minor: 1}}, transport.ErrFuture},
		} {
			_, err := d.Replay(within(t), "a", c.after, transport.ReadLimit{})
			require.ErrorIs(t, err, c.err, "after %+v", c.after)
			var e *transport.PositionError
			require.ErrorAs(t, err, &e)
			require.Equal(t, "a", e.Channel)
			require.Equal(t, uint64(3), e.Bounds.Newest.Major)
		}
		none, err := d.Replay(within(t), "a", at(epoch, 3), transport.ReadLimit{})
		require.NoError(t, err)
		require.Empty(t, none)
		none, err = d.Replay(within(t), "never used", at(epoch, 0), transport.ReadLimit{})
		require.NoError(t, err)
		require.Empty(t, none)
		_, err = d.Replay(within(t), "never used", at(epoch, 1), transport.ReadLimit{})
		require.ErrorIs(t, err, transport.ErrFuture)

		// Somebody has removed the middle of the log.
		require.NoError(t, d.Append(within(t), kept("a", "4")))
		require.NoError(t, d.Append(within(t), kept("a", "5")))
		pgtest.Exec(t, database, "DELETE FROM backplane_log_0 WHERE first = 4")
		first, err := d.Replay(within(t), "a", at(epoch, 0), transport.ReadLimit{})
		require.NoError(t, err)
		require.Len(t, first, 3, "what is there is returned before the error")
		_, err = d.Replay(within(t), "a", at(epoch, 3), transport.ReadLimit{})
		require.ErrorIs(t, err, transport.ErrTrimmed)
		var e *transport.PositionError
		require.ErrorAs(t, err, &e)
		require.Equal(t, uint64(4), e.Bounds.Trimmed.Major)
	})
}
