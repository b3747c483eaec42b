package connect

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// embedded is the value of --nats for a server inside the process of a command that runs all nodes.
const embedded = "embedded"

// readyTimeout limits how long it may take until the server inside the process accepts clients.
const readyTimeout = 10 * time.Second

// forLog is how much larger than a message what a log keeps may be, in bytes.
const forLog = 4 << 10

// embed starts a server for the nodes of this process. Programs on the same machine can connect to it, too.
func (s *NATS) embed(f *Flags) error {
	switch {
	case !f.alone:
		return &cli.UsageError{Reason: "--nats embedded is only for demo, which runs all nodes: give a URL"}
	case f.nats.creds != "":
		return &cli.UsageError{Reason: "--nats-creds: the embedded server has no users: omit it"}
	case f.nats.ca != "":
		return &cli.UsageError{Reason: "--nats-ca: the embedded server has no certificate: omit it"}
	case f.nats.payload > server.MAX_PAYLOAD_MAX_SIZE:
		return &cli.UsageError{Reason: fmt.Sprintf("--nats-max-payload: the embedded server allows at most %d",
			server.MAX_PAYLOAD_MAX_SIZE)}
	}
	options := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		MaxPayload: int32(min(max(f.nats.payload, defaultNATSPayload)+forLog, server.MAX_PAYLOAD_MAX_SIZE)),
	}
	if f.log != nil && f.log.on {
		folder, err := os.MkdirTemp("", "backplane-demo")
		if err != nil {
			return fmt.Errorf("the embedded NATS server: %w", err)
		}
		options.JetStream, options.StoreDir = true, folder
	}
	remove := func() {
		if options.StoreDir != "" {
			_ = os.RemoveAll(options.StoreDir) // what is left is in the folder for temporary files
		}
	}
	running, err := server.NewServer(options)
	if err != nil {
		remove()
		return fmt.Errorf("the embedded NATS server: %w", err)
	}
	stop := func() {
		running.Shutdown()
		running.WaitForShutdown()
		remove()
	}
	running.Start()
	if !running.ReadyForConnections(readyTimeout) {
		stop()
		return errors.New("the embedded NATS server does not start")
	}
	s.url, s.stop = running.ClientURL(), stop
	return nil
}
