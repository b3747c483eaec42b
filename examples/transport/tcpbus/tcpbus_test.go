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

func TestConformance(t *testing.T) {
	ln := listen(t)
	bus := tcpbus.Bus(ln.Addr().String())
	conformance.Bus(t, conformance.Harness{
		NewBus: func(testing.TB) transport.Bus { return bus },
		Sever:  func(testing.TB, transport.Bus) { ln.sever() },
	})
}

// listener remembers its connections, so that they can be cut.
type listener struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

// listen runs a hub until the test ends.
func listen(t *testing.T) *listener {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &listener{Listener: inner}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tcpbus.Serve(ln)
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln
}

func (ln *listener) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	if err == nil {
		ln.mu.Lock()
		ln.conns = append(ln.conns, conn)
		ln.mu.Unlock()
	}
	return conn, err
}

func (ln *listener) sever() {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for _, conn := range ln.conns {
		conn.Close()
	}
	ln.conns = nil
}
