package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport/broker"
)

// watched is a connection that somebody reads all the time.
type watched struct {
	net.Conn
	ended atomic.Bool
}

func (w *watched) Ended() bool { return w.ended.Load() }

// A connection that is read all the time says itself that it has ended.
func TestPublisherReplacesAConnectionThatSaysSo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() { // closes each connection when the client has no more requests
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
	dialer := broker.TCP(ln.Addr().String())
	tcp := dialer.Dial
	dialer.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := tcp(ctx)
		if err != nil {
			return nil, err
		}
		return &watched{Conn: conn}, nil
	}
	p := broker.NewPublisher(dialer)
	defer p.Close(t.Context())
	used := func() (w *watched) {
		require.NoError(t, p.Do(t.Context(), func(c *broker.Conn) error { w = c.Conn.(*watched); return nil }))
		return w
	}
	first := used()
	require.Same(t, first, used(), "it is kept")
	first.ended.Store(true)
	second := used()
	require.NotSame(t, first, second)
	require.Same(t, second, used())
}

// The error of a function that says more than the end of the context is kept.
func TestErrorThatWrapsTheEndOfTheContextIsKept(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	p := broker.NewPublisher(broker.TCP(ln.Addr().String()))
	ctx, cancel := context.WithCancel(t.Context())
	reason := errors.New("the reason")
	err = p.Do(ctx, func(*broker.Conn) error {
		cancel()
		<-ctx.Done()
		return fmt.Errorf("%w: %w", ctx.Err(), reason)
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, reason)
	require.NoError(t, p.Close(t.Context()))
}
