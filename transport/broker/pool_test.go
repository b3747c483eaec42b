package broker_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

func TestPoolLendsEachPublisherOnce(t *testing.T) {
	p := broker.NewPool(broker.TCP("127.0.0.1:1"), 2)
	one, err := p.Take(t.Context())
	require.NoError(t, err)
	two, err := p.Take(t.Context())
	require.NoError(t, err)
	require.NotSame(t, one, two)
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() {
		_, err := p.Take(ctx)
		waits <- err
	}()
	cancel()
	require.ErrorIs(t, <-waits, context.Canceled)
	p.Give(two)
	again, err := p.Take(t.Context())
	require.NoError(t, err)
	require.Same(t, two, again)
	_, err = p.Take(ctx)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, p.Close(t.Context()))
	err = one.Do(t.Context(), func(*broker.Conn) error { return nil })
	require.ErrorIs(t, err, transport.ErrClosed)
}

// Requests of a driver that need not wait for each other.
func ExamplePool() {
	server, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and sends nothing
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	pool := broker.NewPool(broker.TCP(server.Addr().String()), 4)
	defer pool.Close(ctx)

	publisher, err := pool.Take(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Give(publisher)
	err = publisher.Do(ctx, func(c *broker.Conn) error {
		_, err := fmt.Fprintln(c, "PING")
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}
