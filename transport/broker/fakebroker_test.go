package broker_test

import (
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBroker is a small broker without a protocol: it knows which client subscribes to which topic, and queues
// what is to be written.
type fakeBroker struct {
	// serve reads the requests of a client and executes them until the connection breaks.
	serve func(x *fakeBroker, c *client)

	mu      sync.Mutex // guards the fields below; holding it gives all messages one order
	clients map[*client]struct{}
}

type client struct {
	net.Conn

	out    chan []byte
	topics map[string]string // topic to subscription id; guarded by fakeBroker.mu
}

// start runs the broker.
func (x *fakeBroker) start() (address string, stop func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	x.clients = make(map[*client]struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			c := &client{Conn: conn, out: make(chan []byte, 1<<16), topics: make(map[string]string)}
			x.mu.Lock()
			x.clients[c] = struct{}{}
			x.mu.Unlock()
			running.Go(func() {
				for line := range c.out {
					c.Write(line)
				}
			})
			running.Go(func() {
				x.serve(x, c)
				x.disconnect(func(other *client) bool { return other == c })
			})
		}
		x.disconnect(func(*client) bool { return true })
	})
	return ln.Addr().String(), func() {
		ln.Close()
		running.Wait()
	}, nil
}

// listen runs the broker until the test ends and returns a test harness for it. newBus returns a bus that opens
// its sessions at one address and publishes at another.
func (x *fakeBroker) listen(t *testing.T, newBus func(sessions, publisher string) transport.Bus) conformance.Harness {
	address, stop, err := x.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	sessions, publishers := proxy.Start(t, address), proxy.Start(t, address)
	closing := func(tb testing.TB, bus transport.Bus) transport.Bus {
		tb.Cleanup(func() { bus.(transport.Closer).Close(tb.Context()) })
		return bus
	}
	return conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return closing(tb, newBus(sessions.Address(), publishers.Address()))
		},
		Sever:          func(testing.TB, transport.Bus) { sessions.Sever() },
		SeverPublisher: func(testing.TB, transport.Bus) { publishers.Sever() },
		NoServer:       func(tb testing.TB) transport.Bus { return closing(tb, newBus("127.0.0.1:1", "127.0.0.1:1")) },
		Stall:          func(testing.TB, transport.Bus) func() { return proxy.Stall(sessions, publishers) },
		Leftovers:      func(testing.TB) []string { return sessions.Connections() },
	}
}

// do calls f if the client is still connected, while holding mu.
func (x *fakeBroker) do(c *client, f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, connected := x.clients[c]; connected {
		f()
	}
}

// publish sends to each subscriber of topic what message returns for its subscription id. The caller holds mu.
func (x *fakeBroker) publish(topic string, message func(subscription string) []byte) {
	for c := range x.clients {
		if subscription, listens := c.topics[topic]; listens {
			x.send(c, message(subscription))
		}
	}
}

// send queues data for a client. A client that reads too slowly is disconnected. The caller holds mu.
func (x *fakeBroker) send(c *client, data []byte) {
	if _, connected := x.clients[c]; !connected {
		return
	}
	select {
	case c.out <- data:
	default:
		x.drop(c)
	}
}

func (x *fakeBroker) drop(c *client) {
	delete(x.clients, c)
	close(c.out)
	c.Close()
}

func (x *fakeBroker) disconnect(which func(*client) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for c := range x.clients {
		if which(c) {
			x.drop(c)
		}
	}
}
