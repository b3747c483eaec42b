package socketio_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/backplane-go/backplane/socketio"
)

// A server that has a port to itself. Shutdown stops it.
func ExampleServer_Serve() {
	io, err := socketio.NewServer(socketio.Config{})
	if err != nil {
		log.Fatal(err)
	}
	serve := func(address string) error {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		return io.Serve(listener)
	}
	served := make(chan error, 1)
	go func() { served <- serve("127.0.0.1:0") }()

	fmt.Println(io.Shutdown(context.Background()))
	<-served // socketio.ErrServerClosed
	// Output: <nil>
}

// A server behind nginx or haproxy, with the configurations in examples/proxy. It takes the clients' addresses
// from their headers.
func ExampleConfig_trustedProxies() {
	config := socketio.Config{
		TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8"},
		Hosts:          []string{"chat.example"},
	}
	io, err := socketio.NewServer(config)
	if err != nil {
		log.Fatal(err)
	}
	io.OnConnection(func(s *socketio.Socket) {
		h := s.Handshake()
		log.Println(h.Address, h.Secure, h.Headers["host"]) // for example 203.0.113.7 true chat.example
	})
	fmt.Println(io.Close(context.Background()))
	// Output: <nil>
}
