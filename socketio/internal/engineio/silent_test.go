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

// TestManySilentConnections opens connections that say nothing after their handshake, or nothing at all, and sees that
// they cost little and are freed by timeouts.
func TestManySilentConnections(t *testing.T) {
	many := 10_000
	if raceEnabled {
		many = 1000 // the race detector keeps track of at most 8128 goroutines
	}
	if most := maxFiles(t)/2 - 200; many > most { // both ends are this process's
		t.Logf("%d connections only: no more files may be open", most)
		many = most
	}
	const interval, timeout = 3 * time.Second, time.Second
	h := serve(t, engineio.Config{PingInterval: interval, PingTimeout: timeout}, quietly, func(s *httptest.Server) {
		s.Config.ReadHeaderTimeout = interval // whose task it is to end those that send no request
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
		case 2: // a session that is never polled again
			_, err = io.WriteString(nc, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
		default:
			_, err = fmt.Fprintf(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n")
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
		most = many / 10 * 3 // those of net/http
	}
	require.LessOrEqual(t, goroutines, most+100, "more goroutines than connections may have")
	for _, c := range sessions {
		c.ended(t, engineio.PingTimeout)
	}
	require.Zero(t, h.Len())
	var group sync.WaitGroup
	for i, nc := range all {
		group.Go(func() {
			if i%10 == 2 {
				require.NoError(t, nc.Close()) // of an idle HTTP connection: its server may keep it
				return
			}
			_ = nc.SetReadDeadline(time.Now().Add(patience))
			_, err := io.Copy(io.Discard, nc)
			if timeout, is := err.(net.Error); is && timeout.Timeout() {
				t.Errorf("connection %d is still open", i)
			}
			nc.Close()
		})
	}
	group.Wait()
}
