package natsdriver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// jetStream returns JetStream by another client.
func jetStream(tb testing.TB, url string) jetstream.JetStream {
	tb.Helper()
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	require.NoError(tb, err)
	ended := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(ended) })
	tb.Cleanup(func() { nc.Close(); <-ended })
	js, err := jetstream.New(nc)
	require.NoError(tb, err)
	return js
}

// change changes the configuration of a stream.
func change(tb testing.TB, js jetstream.JetStream, stream string, f func(c *jetstream.StreamConfig)) {
	tb.Helper()
	s, err := js.Stream(bounded(tb), stream)
	require.NoError(tb, err)
	config := s.CachedInfo().Config
	f(&config)
	_, err = js.UpdateStream(bounded(tb), config)
	require.NoError(tb, err)
}

func prepared(tb testing.TB, d *natsdriver.Driver) *natsdriver.Driver {
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
func appendTo(tb testing.TB, d *natsdriver.Driver, channel string, payloads ...string) []transport.Record {
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

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("message ", i))
	}
	return all
}

// replayAll replays what follows a position, in pieces.
func replayAll(
	tb testing.TB, d *natsdriver.Driver, channel string, after transport.Position,
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

// start returns the position before everything that is kept on a channel.
func start(tb testing.TB, d *natsdriver.Driver, channel string) transport.Position {
	tb.Helper()
	b, err := d.Bounds(bounded(tb), channel)
	require.NoError(tb, err)
	return transport.Position{Epoch: b.Epoch, Offset: b.Trimmed}
}

// requireNewEpoch requires that positions from before are refused, and that the log works.
func requireNewEpoch(tb testing.TB, d *natsdriver.Driver, channel string, before transport.Position) {
	tb.Helper()
	_, err := d.Replay(bounded(tb), channel, before, transport.ReadLimit{})
	require.ErrorIs(tb, err, transport.ErrEpoch)
	now := start(tb, d, channel)
	require.NotEqual(tb, before.Epoch, now.Epoch)
	s := hears(tb, d, channel)
	want := appendTo(tb, d, channel, "in the new epoch")
	heard, err := s.ReceiveRecord(bounded(tb))
	require.NoError(tb, err)
	require.Equal(tb, want[0].Position(), heard.Position())
	require.Equal(tb, now.Offset, heard.Previous)
	got, err := replayAll(tb, d, channel, now)
	require.NoError(tb, err)
	require.Equal(tb, []transport.Record{heard}, got)
}

func hears(tb testing.TB, d *natsdriver.Driver, channel string) transport.LogSession {
	tb.Helper()
	s, err := d.OpenLog(bounded(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close(context.Background())) })
	require.NoError(tb, s.Listen(bounded(tb), channel))
	return s
}

// appendUntil appends until stop is closed, and returns the payloads of those that were acknowledged.
func appendUntil(tb testing.TB, d *natsdriver.Driver, channel, name string, stop <-chan struct{}) <-chan []string {
	acknowledged := make(chan []string, 1)
	ctx := bounded(tb)
	go func() {
		var all []string
		for i := 0; ctx.Err() == nil; i++ {
			payload := fmt.Sprint(name, " ", i)
			if d.Append(ctx, kept(channel, payload)) == nil {
				all = append(all, payload)
			}
			select {
			case <-stop:
				acknowledged <- all
				return
			default:
			}
		}
		acknowledged <- nil
	}()
	return acknowledged
}

// requireEach requires that a log has each of the messages once, in order.
func requireEach(tb testing.TB, want []string, log []transport.Record) {
	tb.Helper()
	require.NotEmpty(tb, want)
	seen, at := make(map[string]bool), 0
	for _, r := range log {
		p := string(r.Payload)
		require.False(tb, seen[p], "%q is there twice", p)
		seen[p] = true
		if at < len(want) && p == want[at] {
			at++
		}
	}
	require.Equal(tb, len(want), at, "a message that was acknowledged is missing, or out of order: %q",
		append(want, "")[at])
}

// endOf receives until a session ends, and returns its error.
func endOf(tb testing.TB, s transport.LogSession) (before []transport.Record, err error) {
	tb.Helper()
	for ctx := bounded(tb); ; {
		r, err := s.ReceiveRecord(ctx)
		if err != nil {
			require.False(tb, errors.Is(err, context.DeadlineExceeded), "the session does not end")
			return before, err
		}
		before = append(before, r)
	}
}
