package natstest

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// JetStream returns a change of the options of a server that enables JetStream, with a folder of the test.
func JetStream(tb testing.TB) func(o *server.Options) {
	return func(o *server.Options) { o.JetStream, o.StoreDir = true, tb.TempDir() }
}
