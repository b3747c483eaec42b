package natsdriver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

func TestRestartEndsTheSession(t *testing.T) {
	server := natstest.New(t, nil)
	d := closed(t, natsdriver.New(server.URL()))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	server.Down(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, natsdriver.ErrDisconnected)
	natstest.Until(t, "the publisher to notice", func() bool {
		err := d.Publish(bounded(t), message("a", "during"))
		require.Error(t, err)
		return errors.Is(err, transport.ErrNotSent)
	})
	_, err = d.Open(bounded(t))
	require.Error(t, err)

	server.Up(t)
	passes(t, d, listening(t, d, "a"), "a", "after")
}

// The connection that publishes was closed between two messages: that is no outage.
func TestClosedPublisherIsReplaced(t *testing.T) {
	server := natstest.New(t, nil)
	publishers := proxy.Start(t, server.Address())
	d := closed(t, natsdriver.NewWithServers(server.URL(), publishers.Address(), natsdriver.Config{}))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	publishers.Sever()
	for i := range 3 {
		eventually(t, d, "a", fmt.Sprint(i))
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, message("a", fmt.Sprint(i)), m, "and nothing is doubled")
	}
}

// A server asks idle clients whether they are there, and closes the connections of those that do not answer.
func TestIdleConnectionsAnswerTheServer(t *testing.T) {
	server := natstest.New(t, func(o *server.Options) { o.PingInterval, o.MaxPingsOut = 20*time.Millisecond, 1000 })
	d := closed(t, natsdriver.New(server.URL()))
	s := listening(t, d, "a")
	require.NoError(t, d.Publish(bounded(t), message("other", "opens the connection")))
	natstest.Until(t, "pings to be answered", func() bool {
		in, err := server.Answered()
		require.NoError(t, err)
		return len(in) == 2 && in[0] && in[1]
	})
	passes(t, d, s, "a", "after")
}

// A slow consumer's connection is closed. The session has what came before that, and then ends.
func TestSlowConsumerIsALoss(t *testing.T) {
	server := natstest.New(t, func(o *server.Options) { o.MaxPending = 4 << 20 })
	sessions := proxy.Start(t, server.Address())
	d := closed(t, natsdriver.NewWithServers(sessions.Address(), server.URL(), natsdriver.Config{}))
	s := listening(t, d, "a")
	resume := proxy.Stall(sessions)
	sent := 0
	for ; server.Running().NumSlowConsumers() == 0; sent++ {
		payload := fmt.Sprint(sent, " ", strings.Repeat("x", 256<<10))
		require.NoError(t, d.Publish(bounded(t), message("a", payload)))
	}
	require.NoError(t, d.Publish(bounded(t), message("a", "lost")))
	resume()

	before, err := end(t, s)
	require.ErrorIs(t, err, natsdriver.ErrDisconnected)
	require.Less(t, len(before), sent)
	for i, m := range before {
		require.True(t, strings.HasPrefix(string(m.Payload), fmt.Sprint(i, " ")), "message %d", i)
	}
}

// A network that swallows bytes does not close connections.
func TestHalfOpenConnectionEndsTheSession(t *testing.T) {
	server := natstest.New(t, nil)
	sessions := proxy.Start(t, server.Address())
	d := closed(t, natsdriver.NewWithServers(sessions.Address(), server.URL(),
		natsdriver.Config{CheckInterval: 200 * time.Millisecond}))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	resume := proxy.Stall(sessions)
	_, err := end(t, s)
	require.ErrorIs(t, err, broker.ErrSilent)
	resume()
	passes(t, d, listening(t, d, "b"), "b", "after")
}

// What other clients publish arrives as it is, on this subject and on no other.
func TestForeignMessages(t *testing.T) {
	server := natstest.New(t, nil)
	foreign, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer foreign.Close()
	d := closed(t, natsdriver.New(server.URL()))
	s := listening(t, d, "a")
	for _, subject := range []string{"a", "backplane", "backplane.a.b", "backplane.A", "other.a", "backplane.%61"} {
		require.NoError(t, foreign.Publish(subject, []byte("elsewhere")))
	}
	odd := nats.NewMsg("backplane.a")
	odd.Header.Set("Key", "value")
	odd.Reply, odd.Data = "somebody", []byte("\x00\r\nMSG backplane.a 1 5\r\n\xff")
	require.NoError(t, foreign.PublishMsg(odd))
	require.NoError(t, foreign.Publish("backplane.a", nil))
	require.NoError(t, foreign.Flush())
	for _, want := range []string{string(odd.Data), ""} {
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, message("a", want), m)
	}
	passes(t, d, s, "a", "after")
}

func TestManyListens(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	d, other := at(t, c.Servers[0]), at(t, c.Servers[1])
	s := listening(t, d, "first")
	channels := make([]string, 10_000)
	for i := range channels {
		channels[i] = fmt.Sprint("room ", i)
	}
	require.NoError(t, s.(transport.MultiListener).ListenAll(bounded(t), channels...))
	for _, i := range []int{0, 1, 4_999, 9_998, 9_999} {
		passes(t, other, s, channels[i], "hello")
	}
	require.NoError(t, s.Unlisten(bounded(t), channels[0]))
	require.NoError(t, other.Publish(bounded(t), message(channels[0], "not heard")))
	passes(t, other, s, "first", "hello")
	require.NoError(t, s.Close(context.Background()))
}
