package socketio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

func TestServe(t *testing.T) {
	for name, end := range map[string]func(*socketio.Server) error{
		"UntilShutdown": func(s *socketio.Server) error { return s.Shutdown(context.Background()) },
		"UntilClose":    func(s *socketio.Server) error { return s.Close(context.Background()) },
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

// The http.Server that HTTPServer returns closes connections that have no request.
func TestHTTPServer(t *testing.T) {
	const timeout = 200 * time.Millisecond
	s, err := socketio.NewServer(socketio.Config{BodyTimeout: timeout})
	require.NoError(t, err)
	defer s.Close(context.Background())
	server := socketio.HTTPServer("127.0.0.1:0", s)
	require.NotZero(t, server.ReadHeaderTimeout)
	require.NotZero(t, server.IdleTimeout)
	require.Zero(t, server.ReadTimeout+server.WriteTimeout,
		"ReadTimeout and WriteTimeout must not be set: they would end polls")
	require.Equal(t, "127.0.0.1:0", server.Addr)
	server.ReadHeaderTimeout, server.IdleTimeout = timeout, timeout
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	for _, request := range []string{
		"", "POST /other HTTP/1.1\r\n", "GET /other HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
	} {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
		_, err = nc.Write([]byte(request))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, nc)
		var late net.Error
		require.False(t, errors.As(err, &late) && late.Timeout(), "%q: the connection must be closed", request)
		require.NoError(t, nc.Close())
	}
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}
