package streamsdriver_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

func bounded(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

var (
	chat = streamentry.Channel("s", "/chat")
	news = streamentry.Channel("s", "/news")
)

// appendTo keeps messages on a channel.
func appendTo(tb testing.TB, d *streamsdriver.Driver, channel string, texts ...string) {
	tb.Helper()
	_, nsp, _ := streamentry.Parse(channel)
	var records []transport.Record
	for _, text := range texts {
		records = append(records, transport.Record{Keep: true, Message: transport.Message{Channel: channel,
			Payload: streamentry.Append(nil, "nsp", nsp, "data", text)}})
	}
	require.NoError(tb, d.Append(bounded(tb), records))
}

func hears(tb testing.TB, d *streamsdriver.Driver, channels ...string) transport.LogSession {
	tb.Helper()
	s, err := d.OpenLog(bounded(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close(context.Background())) })
	for _, channel := range channels {
		require.NoError(tb, s.Listen(bounded(tb), channel))
	}
	return s
}

func textOf(r transport.Record) (text string) {
	_ = streamentry.Each(r.Payload, func(name, value []byte) {
		if string(name) == "data" {
			text = string(value)
		}
	})
	return text
}

// next returns the next record of a session, which has this text.
func next(tb testing.TB, s transport.LogSession, text string) transport.Record {
	tb.Helper()
	r, err := s.ReceiveRecord(bounded(tb))
	require.NoError(tb, err)
	require.Equal(tb, text, textOf(r))
	require.True(tb, r.Keep)
	return r
}

func texts(records []transport.Record) (all []string) {
	for _, r := range records {
		all = append(all, textOf(r))
	}
	return all
}

func bounds(tb testing.TB, d *streamsdriver.Driver, channel string) transport.Bounds {
	tb.Helper()
	b, err := d.Bounds(bounded(tb), channel)
	require.NoError(tb, err)
	return b
}

// TestLogOfANamespace: namespaces that share a stream have a log each, in which each record names the one before.
func TestLogOfANamespace(t *testing.T) {
	d := newDriver(t, redistest.New(t).Address(), streamsdriver.Config{})
	empty := bounds(t, d, chat)
	require.Equal(t, empty.Trimmed, empty.Newest)
	appendTo(t, d, chat, "before")
	s := hears(t, d, chat)
	start := bounds(t, d, chat)
	var records []transport.Record
	last := start.Newest
	for i := range 300 {
		appendTo(t, d, news, "other")
		appendTo(t, d, chat, fmt.Sprint("message ", i))
		r := next(t, s, fmt.Sprint("message ", i))
		require.Equal(t, last, r.Previous)
		require.Equal(t, start.Epoch, r.Epoch)
		records, last = append(records, r), r.Offset
	}
	for _, limit := range []transport.ReadLimit{{}, {Records: 7}, {Bytes: 100}} {
		var got []transport.Record
		for after := (transport.Position{Epoch: start.Epoch, Offset: start.Newest}); ; {
			some, err := d.Replay(bounded(t), chat, after, limit)
			require.NoError(t, err)
			if len(some) == 0 {
				break
			}
			if limit.Records > 0 {
				require.LessOrEqual(t, len(some), limit.Records)
			}
			got, after = append(got, some...), some[len(some)-1].Position()
		}
		require.Equal(t, records, got)
		got = nil
		for before := (transport.Offset{}); ; {
			some, err := d.Latest(bounded(t), chat, before, limit)
			require.NoError(t, err)
			if len(some) == 0 {
				break
			}
			got, before = append(some, got...), some[0].Offset
		}
		require.Equal(t, append([]string{"before"}, texts(records)...), texts(got))
	}
	_, err := d.Replay(bounded(t), chat, transport.Position{Epoch: start.Epoch,
		Offset: transport.Offset{Major: last.Major + 1}}, transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrFuture)
	_, err = d.Replay(bounded(t), chat, transport.Position{Epoch: "another1", Offset: last}, transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrEpoch)
}

// TestTrimmedEntries: what MAXLEN has removed is missed by a reader that was away, and not by one that has received it:
// also if the entries of other namespaces have pushed out all of its own.
func TestTrimmedEntries(t *testing.T) {
	server := redistest.New(t)
	d := newDriver(t, server.Address(), streamsdriver.Config{MaxLen: 100})
	away := newDriver(t, server.Address(), streamsdriver.Config{MaxLen: 100})
	appendTo(t, d, chat, "old")
	s := hears(t, d, chat)
	appendTo(t, d, chat, "seen")
	r := next(t, s, "seen")
	flood := func() {
		for range 20 {
			appendTo(t, d, news, make([]string, 50)...)
		}
	}
	flood()
	appendTo(t, d, chat, "new")
	r2 := next(t, s, "new")
	require.Equal(t, r.Offset, r2.Previous)
	flood()
	_, err := away.Replay(bounded(t), chat, r2.Position(), transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrTrimmed)
	require.Eventually(t, func() bool {
		got, err := d.Replay(bounded(t), chat, r2.Position(), transport.ReadLimit{})
		return err == nil && len(got) == 0
	}, patience, time.Millisecond, "the session proves that nothing is missing")
	require.Equal(t, r2.Offset, bounds(t, d, chat).Newest)
}

// TestLostEntries: whatever may have lost entries begins a new epoch, and what was there before is refused.
func TestLostEntries(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *redistest.Server){
		"FlushAll":     func(t *testing.T, r *redistest.Server) { r.Do(t, "FLUSHALL") },
		"Crash":        func(t *testing.T, r *redistest.Server) { r.Kill(t); r.Up(t) },
		"DeleteStream": func(t *testing.T, r *redistest.Server) { r.Do(t, "DEL", "s") },
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.New(t, "appendonly yes", "appendfsync everysec")
			d := newDriver(t, server.Address(), streamsdriver.Config{CheckInterval: 200 * time.Millisecond})
			s := hears(t, d, chat)
			appendTo(t, d, chat, "one")
			r := next(t, s, "one")
			before := r.Position()
			require.Equal(t, before.Offset, bounds(t, d, chat).Newest)
			lose(t, server)
			_, err := s.ReceiveRecord(bounded(t))
			require.Error(t, err, "the session ends")
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			var b transport.Bounds
			require.Eventually(t, func() bool { b, err = d.Bounds(bounded(t), chat); return err == nil }, patience,
				time.Millisecond)
			require.NotEqual(t, before.Epoch, b.Epoch)
			_, err = d.Replay(bounded(t), chat, before, transport.ReadLimit{})
			require.ErrorIs(t, err, transport.ErrEpoch)
			s = hears(t, d, chat)
			appendTo(t, d, chat, "two")
			r = next(t, s, "two")
			require.Equal(t, b.Epoch, r.Epoch)
			require.Equal(t, b.Newest, r.Previous)
			latest, err := d.Latest(bounded(t), chat, transport.Offset{}, transport.ReadLimit{})
			require.NoError(t, err)
			require.Equal(t, []string{"two"}, texts(latest), "what was before the new epoch is no part of the log")
		})
	}
}

// TestAwaySessions: a session is taken once, and only while it may be.
func TestAwaySessions(t *testing.T) {
	server := redistest.New(t)
	d := newDriver(t, server.Address(), streamsdriver.Config{})
	require.NoError(t, d.PutAway(bounded(t), "pid", []byte("a\x00\xff"), time.Hour))
	require.Equal(t, []string{"sio:session:pid"}, []string{server.Do(t, "KEYS", "*").Item(0).Text()})
	state, err := d.TakeAway(bounded(t), "pid")
	require.NoError(t, err)
	require.Equal(t, "a\x00\xff", string(state))
	_, err = d.TakeAway(bounded(t), "pid")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.NoError(t, d.PutAway(bounded(t), "pid", nil, time.Millisecond))
	require.Eventually(t, func() bool { return len(server.Do(t, "KEYS", "*").Items) == 0 }, patience,
		time.Millisecond, "it expires")
	server.Do(t, "LPUSH", "sio:session:list", "x")
	_, err = d.TakeAway(bounded(t), "list")
	require.Error(t, err, "somebody else has such a key")
}
