package socketio_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// ways are the ways to run a server. They differ in the code that reads from the connections.
var ways = map[string]func(testing.TB, *socketio.Server) net.Listener{
	"HTTPServer": func(t testing.TB, s *socketio.Server) net.Listener {
		h := httptest.NewServer(s)
		t.Cleanup(h.Close)
		return h.Listener
	},
	"Serve": func(t testing.TB, s *socketio.Server) net.Listener { return served(t, s, listen(t)) },
	"TLS": func(t testing.TB, s *socketio.Server) net.Listener {
		h := httptest.NewTLSServer(s)
		t.Cleanup(h.Close)
		return h.Listener
	},
	"WrappedConnections": func(t testing.TB, s *socketio.Server) net.Listener {
		return served(t, s,
			wrapping{listen(t)})
	},
}

func listen(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func served(t testing.TB, s *socketio.Server, l net.Listener) net.Listener {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close(context.Background())
		<-done
	})
	return l
}

// wrapping is a listener that wraps its connections, as listeners that count or limit do.
type wrapping struct{ net.Listener }

func (w wrapping) Accept() (net.Conn, error) {
	nc, err := w.Listener.Accept()
	return struct{ net.Conn }{nc}, err
}

// serveBy starts a server in one of the ways.
func serveBy(t testing.TB, way string, change func(*socketio.Config)) (*socketio.Server, net.Listener) {
	var config socketio.Config
	change(&config)
	s, err := socketio.NewServer(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s, ways[way](t, s)
}

// rawClient is a client with direct access to its connection.
type rawClient struct {
	net.Conn
	tcp *net.TCPConn
	r   *bufio.Reader
}

func connectRaw(t testing.TB, way string, l net.Listener) *rawClient {
	t.Helper()
	tcp, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tcp.Close() })
	require.NoError(t, tcp.SetDeadline(time.Now().Add(10*patience)))
	c := &rawClient{Conn: tcp, tcp: tcp.(*net.TCPConn)}
	if way == "TLS" {
		c.Conn = tls.Client(tcp, &tls.Config{InsecureSkipVerify: true})
	}
	c.r = bufio.NewReader(c.Conn)
	return c
}

// joinRaw opens a WebSocket and joins the main namespace.
func joinRaw(t testing.TB, way string, l net.Listener) *rawClient {
	t.Helper()
	c := connectRaw(t, way, l)
	c.say(t, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n")
	response, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	require.Equal(t, 101, response.StatusCode)
	c.say(t, string(textFrames("40")))
	for {
		f, err := ws.ReadFrame(c.r)
		require.NoError(t, err)
		if strings.HasPrefix(string(f.Payload), "40{") {
			return c
		}
	}
}

func (c *rawClient) say(t testing.TB, text string) {
	t.Helper()
	_, err := io.WriteString(c.Conn, text)
	require.NoError(t, err)
}

// textFrames returns WebSocket frames as a client sends them.
func textFrames(packets ...string) []byte {
	var all []byte
	for _, p := range packets {
		all = append(all, ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(p))))...)
	}
	return all
}

// leave are the ways in which a client can leave.
var leave = map[string]func(*rawClient){
	"Closes": func(c *rawClient) { _ = c.tcp.Close() },
	"Resets": func(c *rawClient) { _ = c.tcp.SetLinger(0); _ = c.tcp.Close() },
	"Mute":   func(*rawClient) {}, // like a client without power: no more bytes arrive
}

// waiting registers a handler that waits until its client has left.
func waiting(s *socketio.Server, acknowledged bool) (began, ended *events[string]) {
	began, ended = newEvents[string](), newEvents[string]()
	s.OnConnection(func(c *socketio.Socket) {
		c.Once("wait", func(ctx context.Context) {
			began.add(c.ID())
			if acknowledged {
				_, err := c.EmitWithAck(context.Background(), "question")
				ended.add(fmt.Sprint(err))
				return
			}
			<-ctx.Done()
			ended.add(fmt.Sprint(context.Cause(ctx)))
		})
		c.On("x", func() {})
	})
	return began, ended
}

// The server notices when a client leaves, whatever the client's handlers do. It ends their contexts, and frees the
// client's memory.
func TestEndOfAClientIsNoticedBehindEvents(t *testing.T) {
	for way := range ways {
		for how, leave := range leave {
			for _, acknowledged := range []bool{false, true} {
				name := way + how + "WhileContextIsWaitedFor"
				events := 300
				if acknowledged {
					name = way + how + "WhileAcknowledgementIsAwaited"
					events = 5000
				}
				t.Run(name, func(t *testing.T) {
					const clients = 5
					s, l := serveBy(t, way, func(c *socketio.Config) {
						if how == "Mute" { // no client answers pings: this must suffice until their events have come
							c.PingInterval, c.PingTimeout = time.Second, 3*time.Second
						}
					})
					began, ended := waiting(s, acknowledged)
					all := []*rawClient{joinRaw(t, way, l)} // the first one, for what the server keeps for all clients
					before := descriptors(t) - 2            // both ends of its connection
					for range clients {
						c := joinRaw(t, way, l)
						all = append(all, c)
						c.say(t, string(textFrames(`42["wait"]`)))
						began.next(t)
						c.say(t, strings.Repeat(string(textFrames(`42["x"]`)), events))
					}
					for _, c := range all {
						leave(c)
					}
					for range clients {
						assert.Equal(t, socketio.ErrDisconnected.Error(), ended.next(t))
					}
					require.Eventually(t, func() bool { return s.ClientsCount() == 0 }, patience, time.Millisecond)
					for _, c := range all {
						_ = c.tcp.Close()
					}
					assert.Eventually(t, func() bool { return descriptors(t) <= before }, patience, 5*time.Millisecond,
						"all file descriptors must be closed: %d are open, before: %d", descriptors(t), before)
				})
			}
		}
	}
}

// descriptors returns the number of open files of this process, 0 if it is unknown.
func descriptors(t testing.TB) int {
	open, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return len(open)
}

// The server also notices when a polling client leaves while its request waits for handlers.
func TestEndOfAPollingClientIsNoticedBehindEvents(t *testing.T) {
	for _, way := range []string{"HTTPServer", "Serve", "TLS"} {
		for _, how := range []string{"GivesUp", "Mute"} {
			t.Run(way+how, func(t *testing.T) {
				s, l := serveBy(t, way, func(c *socketio.Config) {
					c.MaxEvents, c.PingInterval, c.PingTimeout = 16, 500*time.Millisecond, time.Second
				})
				began, ended := waiting(s, false)
				c := pollRaw(t, way, l)
				c.post(t, `42["wait"]`)
				require.Equal(t, 200, c.status(t))
				began.next(t)
				c.post(t, strings.Repeat(`42["x"]`+"\x1e", 300)+`42["x"]`)
				require.Eventually(t, func() bool { return s.ClientsCount() == 1 }, patience, time.Millisecond)
				if how == "GivesUp" {
					time.Sleep(20 * time.Millisecond) // until the request arrives
					_ = c.tcp.Close()
				}
				assert.Equal(t, socketio.ErrDisconnected.Error(), ended.next(t))
				require.Eventually(t, func() bool { return s.ClientsCount() == 0 }, patience, time.Millisecond)
			})
		}
	}
}

// pollRaw opens a polling session and joins the main namespace.
func pollRaw(t testing.TB, way string, l net.Listener) *pollingClient {
	t.Helper()
	c := &pollingClient{rawClient: connectRaw(t, way, l)}
	c.get(t, "")
	hello := c.body(t)
	_, rest, _ := strings.Cut(hello, `"sid":"`)
	id, _, _ := strings.Cut(rest, `"`)
	c.query = "&sid=" + id
	c.post(t, "40")
	require.Equal(t, 200, c.status(t))
	c.get(t, c.query)
	require.Contains(t, c.body(t), `40{"sid":"`)
	return c
}

// pollingClient is a rawClient that polls.
type pollingClient struct {
	*rawClient
	query string
}

func (c *pollingClient) get(t testing.TB, query string) {
	t.Helper()
	c.say(t, "GET /socket.io/?EIO=4&transport=polling"+query+" HTTP/1.1\r\nHost: x\r\n\r\n")
}

func (c *pollingClient) post(t testing.TB, body string) {
	t.Helper()
	c.say(t, fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: x\r\n"+
		"Content-Length: %d\r\n\r\n%s", c.query, len(body), body))
}

func (c *pollingClient) body(t testing.TB) string {
	t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode, string(body))
	return string(body)
}

func (c *pollingClient) status(t testing.TB) int {
	t.Helper()
	response, err := http.ReadResponse(c.r, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// A client is not disconnected because its handlers are slow, no matter how much it has sent, and none of its
// events is lost.
func TestClientWithASlowHandlerIsKept(t *testing.T) {
	for way := range ways {
		for name, size := range map[string]int{"LittleIsSent": 10, "MoreThanIsReadAhead": 2000} {
			if way == "WrappedConnections" && size > 1000 {
				continue // it is impossible to tell whether such a client is alive
			}
			t.Run(way+name, func(t *testing.T) {
				t.Parallel()
				const events = 1000
				s, l := serveBy(t, way, func(c *socketio.Config) {
					c.MaxEvents, c.PingInterval, c.PingTimeout = 16, 200*time.Millisecond, 2*time.Second
				})
				hold, got := make(chan struct{}), newEvents[int]()
				s.OnConnection(func(c *socketio.Socket) {
					c.On("x", func(i int, _ string) {
						<-hold
						got.add(i)
					})
				})
				c := joinRaw(t, way, l)
				go func() { // answers pings
					for {
						f, err := ws.ReadFrame(c.r)
						if err != nil {
							return
						}
						if string(f.Payload) == "2" {
							go func() { _, _ = c.Write(textFrames("3")) }()
						}
					}
				}()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for i := range events {
						_, _ = c.Write(textFrames(fmt.Sprintf(`42["x",%d,"%s"]`, i, strings.Repeat("x", size))))
					}
				}()
				time.Sleep(5 * time.Second) // longer than PingInterval and PingTimeout together
				require.Equal(t, 1, s.SocketsCount(), "the client must stay connected")
				close(hold)
				for i := range events {
					require.Equal(t, i, got.next(t))
				}
				<-sent
				_ = c.tcp.Close()
			})
		}
	}
}

// The memory for events that wait for handlers is bounded, and freed when the client leaves.
func TestMemoryOfUnhandledEventsIsBounded(t *testing.T) {
	const clients, limit, each = 10, 1 << 20, 70 << 20
	for way := range ways {
		t.Run(way, func(t *testing.T) {
			s, l := serveBy(t, way, func(c *socketio.Config) {
				c.MaxEventBytes, c.PingInterval, c.PingTimeout = limit, time.Second, time.Second
			})
			began, ended := waiting(s, true)
			chunk := textFrames(`42["x","` + strings.Repeat("x", 100_000) + `"]`)
			before := heap()
			var all []*rawClient
			for range clients {
				c := joinRaw(t, way, l)
				all = append(all, c)
				c.say(t, string(textFrames(`42["wait"]`)))
				began.next(t)
				_ = c.tcp.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				for n := 0; n < each; n += len(chunk) {
					if _, err := c.Write(chunk); err != nil {
						break // the server does not read any more
					}
				}
			}
			assert.Less(t, heap()-before, clients*(2*limit+(1<<20)),
				"number of bytes in use while events wait for handlers")
			for _, c := range all {
				_ = c.tcp.Close()
			}
			for range clients {
				ended.next(t)
			}
			require.Eventually(t, func() bool { return s.ClientsCount() == 0 }, patience, time.Millisecond)
			assert.Eventually(t, func() bool { return heap()-before < 4<<20 }, patience, 50*time.Millisecond,
				"number of bytes in use after the clients have left")
		})
	}
}

// heap returns the number of bytes in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
