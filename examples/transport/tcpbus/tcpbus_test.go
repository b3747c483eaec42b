package tcpbus_test

import (
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/examples/transport/tcpbus"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) { conformance.Bus(t, harness(t)) }

func BenchmarkBus(b *testing.B) { conformance.BenchmarkBus(b, harness(b)) }

// harness runs a hub until the test ends.
func harness(tb testing.TB) conformance.Harness {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var hub tcpbus.Hub
	ln := &listener{Listener: inner}
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.Serve(ln)
	}()
	tb.Cleanup(func() {
		ln.Close()
		<-done
	})
	newBus := func(tb testing.TB, address string) transport.Bus {
		bus := tcpbus.New(address)
		tb.Cleanup(func() { bus.Close(tb.Context()) })
		return bus
	}
	return conformance.Harness{
		NewBus:         func(tb testing.TB) transport.Bus { return newBus(tb, ln.Addr().String()) },
		Sever:          func(testing.TB, transport.Bus) { hub.SeverSessions() },
		SeverPublisher: func(testing.TB, transport.Bus) { hub.SeverPublishers() },
		NoServer:       func(tb testing.TB) transport.Bus { return newBus(tb, "127.0.0.1:1") },
		Stall:          func(testing.TB, transport.Bus) func() { return ln.stall() },
	}
}

// listener makes connections that can be stalled: what is read from them or written to them waits until stall is over.
type listener struct {
	net.Listener

	stalled sync.RWMutex
}

func (ln *listener) stall() (resume func()) {
	ln.stalled.Lock()
	return sync.OnceFunc(ln.stalled.Unlock)
}

func (ln *listener) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	return stallingConn{conn, ln}, err
}

type stallingConn struct {
	net.Conn

	ln *listener
}

func (c stallingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.ln.pass()
	return n, err
}

func (c stallingConn) Write(p []byte) (int, error) {
	c.ln.pass()
	return c.Conn.Write(p)
}

func (ln *listener) pass() {
	ln.stalled.RLock()
	defer ln.stalled.RUnlock()
}
