package natsdriver_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

func bounded(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// listening opens a session that listens to a channel.
func listening(tb testing.TB, d *natsdriver.Driver, channel string) transport.Session {
	tb.Helper()
	s, err := d.Open(bounded(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close(context.Background())) })
	require.NoError(tb, s.Listen(bounded(tb), channel))
	return s
}

func message(channel, payload string) transport.Message {
	return transport.Message{Channel: channel, Payload: []byte(payload)}
}

// passes requires that a message arrives.
func passes(tb testing.TB, d *natsdriver.Driver, s transport.Session, channel, payload string) {
	tb.Helper()
	require.NoError(tb, d.Publish(bounded(tb), message(channel, payload)))
	m, err := s.Receive(bounded(tb))
	require.NoError(tb, err)
	require.Equal(tb, message(channel, payload), m)
}

// end returns the final error of a session, and the messages before it.
func end(tb testing.TB, s transport.Session) (before []transport.Message, err error) {
	tb.Helper()
	for {
		m, err := s.Receive(bounded(tb))
		if err != nil {
			require.NotErrorIs(tb, err, context.DeadlineExceeded, "the session does not end")
			return before, err
		}
		before = append(before, m)
	}
}

// cutShort makes a call with a context that ends soon, and returns its error if it is the one that is wanted. The first
// contexts may end too soon on a busy machine, so each one takes twice as long as the one before it.
func cutShort(tb testing.TB, wanted func(err error) bool, call func(ctx context.Context) error) error {
	tb.Helper()
	for limit := 200 * time.Millisecond; ; limit *= 2 {
		ctx, cancel := context.WithTimeout(tb.Context(), limit)
		err := call(ctx)
		cancel()
		if wanted(err) {
			return err
		}
		require.ErrorIs(tb, err, context.DeadlineExceeded)
		require.Less(tb, limit, patience, "%v", err)
	}
}

// eventually publishes until it succeeds, as a cluster does with its next message.
func eventually(tb testing.TB, d *natsdriver.Driver, channel, payload string) {
	tb.Helper()
	for ctx := bounded(tb); ; {
		err := d.Publish(ctx, message(channel, payload))
		if err == nil {
			return
		}
		require.NoError(tb, ctx.Err(), "Publish: %v", err)
		<-time.After(5 * time.Millisecond)
	}
}
