package socketio_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

func TestServe(t *testing.T) {
	for name, end := range map[string]func(*socketio.Server) error{
		"UntilShutdown": func(s *socketio.Server) error { return s.Shutdown(context.Background()) },
		"UntilClose":    (*socketio.Server).Close,
	} {
		t.Run(name, func(t *testing.T) {
			io, err := socketio.NewServer(socketio.Config{})
			require.NoError(t, err)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			served := make(chan error, 1)
			go func() { served <- io.Serve(l) }()
			nc, err := net.Dial("tcp", l.Addr().String())
			require.NoError(t, err)
			defer nc.Close()
			require.NoError(t, end(io))
			require.ErrorIs(t, <-served, socketio.ErrServerClosed)
			require.ErrorIs(t, io.Serve(l), socketio.ErrServerClosed)
		})
	}
}
