package engineio_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// TestManyIdleConnections opens connections of both versions that send nothing after their handshake, or nothing at
// all. They must not need a goroutine each, and timeouts must close them.
func TestManyIdleConnections(t *testing.T) {
	many := 10_000
	if raceEnabled {
		many = 1000 // the race detector keeps track of at most 8128 goroutines
	}
	if most := maxFiles(t)/2 - 200; many > most { // this process has both ends of each connection
		t.Logf("only %d connections, because of the limit of open files", most)
		many = most
	}
	const interval, timeout = 3 * time.Second, time.Second
	config := engineio.Config{PingInterval: interval, PingTimeout: timeout, AllowEIO3: true}
	h := serve(t, config, withoutLog, func(s *httptest.Server) {
		s.Config.ReadHeaderTimeout = interval // it closes connections without a request
	})
	all := make([]net.Conn, many)
	for i := range all {
		nc, err := net.Dial("tcp", h.http.Listener.Addr().String())
		require.NoError(t, err)
		all[i] = nc
		switch i % 10 {
		case 0: // nothing at all
		case 1: // half a request
			_, err = io.WriteString(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n")
		case 2: // a session whose client does not poll again
			_, err = io.WriteString(nc, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
		default:
			_, err = fmt.Fprintf(nc, "GET /socket.io/?EIO=%d&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: "+
				"Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n", 3+i%2)
		}
		require.NoError(t, err)
	}
	sessions := make([]*session, 0, many)
	for range many / 10 * 8 {
		sessions = append(sessions, h.session(t))
	}
	goroutines := runtime.NumGoroutine()
	most := many + many/10
	if runtime.GOOS == "linux" {
		most = many / 10 * 3 // connections that net/http serves with a goroutine each
	}
	require.LessOrEqual(t, goroutines, most+100, "number of goroutines")
	for _, c := range sessions {
		c.ended(t, engineio.PingTimeout)
	}
	require.Zero(t, h.Len())
	var group sync.WaitGroup
	for i, nc := range all {
		group.Go(func() {
			if i%10 == 2 {
				require.NoError(t, nc.Close()) // the HTTP server may keep an idle connection open
				return
			}
			_ = nc.SetReadDeadline(time.Now().Add(patience))
			_, err := io.Copy(io.Discard, nc)
			if timeout, is := err.(net.Error); is && timeout.Timeout() {
				t.Errorf("connection %d must be closed by the timeouts", i)
			}
			nc.Close()
		})
	}
	group.Wait()
}
