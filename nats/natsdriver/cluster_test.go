package natsdriver_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// at returns a driver that is connected to one server of a cluster.
func at(tb testing.TB, s *natstest.Server) *natsdriver.Driver {
	return closed(tb, natsdriver.New(s.URL()))
}

// The buses are connected to different servers.
func TestConformanceOnThreeServers(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	var next atomic.Int64
	conformance.Bus(t, conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			one, other := next.Add(1), next.Add(1) // sessions and publisher, too
			return closed(tb, natsdriver.NewWithServers(c.Servers[one%3].URL(), c.Servers[other%3].URL(),
				natsdriver.Config{}))
		},
	})
}

// Whoever listens hears what is published on another server from then on, although the servers tell each other in their
// own time.
func TestListenIsActiveOnAllServers(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	here := at(t, c.Servers[0])
	elsewhere := []*natsdriver.Driver{at(t, c.Servers[1]), at(t, c.Servers[2])}
	for _, d := range elsewhere {
		require.NoError(t, d.Publish(bounded(t), message("nobody", "opens the connections")))
	}
	s, err := here.Open(bounded(t))
	require.NoError(t, err)
	defer s.Close(context.Background())
	for i := range 300 {
		channel := fmt.Sprint("channel ", i)
		require.NoError(t, s.Listen(bounded(t), channel))
		passes(t, elsewhere[i%2], s, channel, "the first")
	}
}

// While a server does not hear from another one, Listen does not say that it does.
func TestListenWaitsForTheOtherServers(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	here, there := at(t, c.Servers[0]), at(t, c.Servers[1])
	s := listening(t, here, "a")
	passes(t, there, s, "a", "before")

	resume := c.StallRoutes()
	t.Cleanup(resume)
	listened := make(chan error, 1)
	go func() { listened <- s.Listen(bounded(t), "b") }()
	elsewhere := at(t, c.Servers[2])
	for i := range 20 { // the third server hears, and takes its time with it
		require.NoError(t, elsewhere.Publish(bounded(t), message("a", fmt.Sprint(i))))
	}
	select {
	case err := <-listened:
		require.Fail(t, "Listen returned", "%v", err)
	default:
	}
	resume()
	require.NoError(t, <-listened)
	require.NoError(t, there.Publish(bounded(t), message("b", "after")))
	for {
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		if m.Channel == "b" {
			require.Equal(t, "after", string(m.Payload))
			return
		}
	}
}

// A server that does not get the messages of another one is no reason to say that all is well.
func TestPublishReportsServersThatAreApart(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	d := at(t, c.Servers[0])
	s := listening(t, at(t, c.Servers[1]), "a")
	passes(t, d, s, "a", "before")

	resume := c.StallRoutes()
	t.Cleanup(resume)
	sent := func(err error) bool { return !errors.Is(err, transport.ErrNotSent) }
	err := cutShort(t, sent, func(ctx context.Context) error { return d.Publish(ctx, message("a", "late")) })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	resume()
	m, err := s.Receive(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "late", string(m.Payload))
	passes(t, d, s, "a", "after")
}

// A cluster goes on with the servers that are left, and trusts one that comes back only when messages reach it.
func TestServerIsKilledAndComesBack(t *testing.T) {
	c := natstest.NewCluster(t, nil)
	here, there := at(t, c.Servers[0]), at(t, c.Servers[1])
	moving := closed(t, natsdriver.New(c.Servers[2].URL()+","+c.Servers[0].URL(), nats.DontRandomize()))
	stays, ends := listening(t, there, "a"), listening(t, moving, "a")
	passes(t, here, stays, "a", "before")
	passes(t, moving, stays, "a", "before")
	for range 2 {
		m, err := ends.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, "before", string(m.Payload))
	}

	c.Servers[2].Down(t)
	_, err := end(t, ends)
	require.ErrorIs(t, err, natsdriver.ErrDisconnected)
	passes(t, here, stays, "a", "during")
	eventually(t, moving, "a", "moved")
	m, err := stays.Receive(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "moved", string(m.Payload))
	require.NoError(t, stays.Listen(bounded(t), "b"), "the others confirm")

	c.Servers[2].Up(t)
	back := at(t, c.Servers[2])
	passes(t, back, stays, "b", "from the server that came back")
	passes(t, here, listening(t, back, "c"), "c", "to it")
}

// Clients leave a server that is about to shut down for another one.
func TestLameDuck(t *testing.T) {
	c := natstest.NewCluster(t, func(o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = time.Second, 100*time.Millisecond
	})
	d := closed(t, natsdriver.New(c.Servers[2].URL()+","+c.Servers[0].URL(), nats.DontRandomize()))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	stopped := make(chan struct{})
	running := c.Servers[2].Running()
	go func() { defer close(stopped); running.LameDuckShutdown() }()
	defer func() { <-stopped }()
	_, err := end(t, s)
	require.ErrorIs(t, err, natsdriver.ErrLameDuck)
	s = listening(t, d, "a")
	eventually(t, d, "a", "after")
	m, err := s.Receive(bounded(t))
	require.NoError(t, err)
	require.Equal(t, message("a", "after"), m)
}

// The addresses that servers advertise may be of another network. Listen and Publish say so.
func TestUnreachableServerIsNamed(t *testing.T) {
	c := natstest.NewCluster(t, func(o *server.Options) { o.ClientAdvertise = "127.0.0.1:1" })
	d := at(t, c.Servers[0])
	s, err := d.Open(bounded(t))
	require.NoError(t, err)
	defer s.Close(context.Background())
	named := func(err error) bool { return errors.Is(err, natsdriver.ErrWitness) }
	err = cutShort(t, named, func(ctx context.Context) error { return d.Publish(ctx, message("a", "not sent")) })
	require.ErrorIs(t, err, transport.ErrNotSent)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "127.0.0.1:1")

	known := closed(t, natsdriver.New(c.URL(), nats.IgnoreDiscoveredServers()))
	passes(t, known, listening(t, known, "a"), "a", "the servers of the URL are enough")
}
