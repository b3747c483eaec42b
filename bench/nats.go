package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/backplane-go/backplane/internal/freeport"
)

// startNATS starts a NATS server. It fails if nats-server is missing.
func (s *server) startNATS() (stop func(), err error) {
	binary, err := exec.LookPath("nats-server")
	if err != nil {
		return nil, err
	}
	port, err := freeport.Get()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "bench-nats-")
	if err != nil {
		return nil, err
	}
	s.nats = fmt.Sprintf("nats://127.0.0.1:%d", port)
	cmd := exec.Command(binary, "-a", "127.0.0.1", "-p", strconv.Itoa(port))
	process, stop, err := start(cmd, folder, func() error {
		nc, err := nats.Connect(s.nats)
		if err != nil {
			return err
		}
		s.natsVersion = nc.ConnectedServerVersion()
		nc.Close()
		return nil
	})
	s.servers = append(s.servers, process)
	return stop, err
}
