// Package natstest runs NATS servers for tests: one server, or a cluster of three, inside the test process or in
// processes of their own. They listen on ports of the loopback interface that the system chooses. A server can be
// restarted on its port.
//
// # Files
//
//   - natstest.go: a server
//   - cluster.go: a cluster
//   - tls.go: a server with TLS
//   - jetstream.go: a server that keeps messages
//   - process.go, natsd: a server, or three, in processes of their own, with JetStream
package natstest

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// patience limits each step of this package, so that a test fails instead of hanging.
const patience = 60 * time.Second

// Server is a server that runs until the test ends.
type Server struct {
	options *server.Options
	running *server.Server
}

// New starts a server. change may change its options; nil changes nothing.
func New(tb testing.TB, change func(o *server.Options)) *Server {
	tb.Helper()
	s := &Server{options: &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, NoSystemAccount: true,
	}}
	if change != nil {
		change(s.options)
	}
	s.Up(tb)
	tb.Cleanup(s.stop)
	return s
}

// Address returns the host and port for clients.
func (s *Server) Address() string {
	return net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port))
}

// URL returns the URL for clients.
func (s *Server) URL() string { return "nats://" + s.Address() }

// Running returns the server itself. After Up it is another one.
func (s *Server) Running() *server.Server { return s.running }

// Up starts the server, again after Down, and waits until it accepts clients.
func (s *Server) Up(tb testing.TB) {
	tb.Helper()
	running, err := server.NewServer(s.options.Clone())
	if err != nil {
		tb.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(patience) {
		running.Shutdown()
		tb.Fatal("natstest: the server does not start")
	}
	s.running = running
	if a, ok := running.Addr().(*net.TCPAddr); ok {
		s.options.Port = a.Port // the same after Down
	}
	if a := running.ClusterAddr(); a != nil {
		s.options.Cluster.Port = a.Port
	}
}

// Down ends the server, which closes the connections of its clients, and waits until it has ended.
func (s *Server) Down(testing.TB) { s.stop() }

func (s *Server) stop() {
	s.running.Shutdown()
	s.running.WaitForShutdown()
}

// Answered reports for each connection of a client whether the client has answered a PING of the server since it was
// connected.
func (s *Server) Answered() ([]bool, error) {
	connections, err := s.running.Connz(&server.ConnzOptions{})
	if err != nil {
		return nil, err
	}
	var answered []bool
	for _, c := range connections.Conns {
		answered = append(answered, c.RTT != "" && c.RTT != "0s")
	}
	return answered, nil
}
