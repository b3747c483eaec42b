package broker_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport/broker"
)

// newProbed returns a session that probes, without a connection.
func newProbed(probe func(context.Context) error) *broker.Session {
	none := func(context.Context, ...string) (int, error) { return 0, nil }
	return broker.NewSession(broker.Config{
		Subscribe: none, Unsubscribe: none, Close: func() error { return nil },
		Probe: probe, ProbeInterval: time.Second,
	})
}

func TestAnsweredProbesKeepTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan struct{})
		s := newProbed(func(context.Context) error { asked <- struct{}{}; return nil })
		probes := 0
		go func() {
			for range asked {
				if probes++; probes%5 == 0 { // a few answers may be late
					s.Alive()
				}
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.Receive(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, s.Close(t.Context()))
		close(asked)
		synctest.Wait()
		require.InDelta(t, 60, probes, 1)
	})
}

func TestSilentBrokerEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		s := newProbed(func(context.Context) error { probes++; return nil })
		_, err := s.Receive(t.Context())
		require.ErrorIs(t, err, broker.ErrSilent)
		require.Equal(t, 10, probes)
		require.NoError(t, s.Close(t.Context()))
	})
}

func TestFailedProbeEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := newProbed(func(context.Context) error { return broken })
		_, err := s.Receive(t.Context())
		require.ErrorIs(t, err, broken)
		require.NoError(t, s.Close(t.Context()))
	})
}

// A probe may wait for a connection of its own.
func TestCloseInterruptsAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProbed(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		time.Sleep(time.Minute)
		require.NoError(t, s.Close(t.Context()))
	})
}

// A dialer that does not look at its context delays nobody, and its connection does not leak.
func TestDialerMayIgnoreItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		dialer := broker.Dialer{Dial: func(context.Context) (net.Conn, error) {
			time.Sleep(time.Minute)
			return client, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := dialer.Connect(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		_, err = server.Read(make([]byte, 1)) // ends when the connection is closed
		require.Error(t, err)
		require.Equal(t, time.Minute, time.Since(start))
	})
}
