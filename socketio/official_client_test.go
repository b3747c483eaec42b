package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
)

// official treats packets as socket.io-client 4.8 does: it keeps events that arrive before the greeting until the
// greeting arrives. A string at the end of an event is the offset, once the event's listeners have been called.
type official struct {
	t           *testing.T
	pid, offset string
	id          string
	connected   bool
	kept        []officialEvent
	pending     *officialEvent // its attachments have not arrived yet
	greeted     func(recovered bool)
	listener    func(event string, args []any)
}

type officialEvent struct {
	args        []any
	attachments int
}

// attempt is one connection of the client. It lasts until it breaks, or until the listener ends it.
type attempt struct {
	transport string // "websocket" or "polling"
	received  int    // bytes that the client receives before the connection breaks
	silent    bool   // the server does not notice
}

// errEnough is the value of the panic with which a listener ends the connection.
var errEnough = errors.New("enough")

func (c *official) run(url string, a attempt) {
	c.t.Helper()
	w := &weak{left: a.received, silent: a.silent}
	c.t.Cleanup(w.close)
	c.connected = false
	c.pending = nil
	auth := ""
	if c.pid != "" {
		claims := map[string]string{"pid": c.pid}
		if c.offset != "" {
			claims["offset"] = c.offset
		}
		p, err := json.Marshal(claims)
		require.NoError(c.t, err)
		auth = string(p)
	}
	defer func() {
		if v := recover(); v != nil && v != errEnough {
			panic(v)
		}
		if !a.silent {
			w.close()
		}
	}()
	if a.transport == "websocket" {
		c.overWebSocket(url, auth, w)
	} else {
		c.overPolling(url, auth, w)
	}
}

func (c *official) overWebSocket(url, auth string, w *weak) {
	conn, early, _, err := ws.Dialer{NetDial: w.dial}.Dial(c.t.Context(),
		strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return
	}
	var r io.Reader = conn
	if early != nil {
		r = early
	}
	if wsutil.WriteClientText(conn, []byte("40"+auth)) != nil {
		return
	}
	for {
		data, op, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{r, conn})
		switch {
		case err != nil:
			return
		case op == ws.OpBinary:
			c.attachment()
		default:
			c.packet(string(data))
		}
	}
}

func (c *official) overPolling(url, auth string, w *weak) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return w.dial(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	url += "/socket.io/?EIO=4&transport=polling"
	do := func(method, body string) (string, bool) {
		r, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
		require.NoError(c.t, err)
		response, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			return "", false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return string(text), err == nil && response.StatusCode == http.StatusOK
	}
	opened, ok := do(http.MethodGet, "")
	if !ok {
		return
	}
	var hello struct{ SID string }
	require.NoError(c.t, json.Unmarshal([]byte(opened[1:]), &hello))
	url += "&sid=" + hello.SID
	if _, ok = do(http.MethodPost, "40"+auth); !ok {
		return
	}
	for {
		body, ok := do(http.MethodGet, "")
		if !ok {
			return
		}
		for _, packet := range strings.Split(body, "\x1e") {
			if packet[0] == 'b' {
				c.attachment()
			} else {
				c.packet(packet)
			}
		}
	}
}

// packet handles a text packet of Engine.IO.
func (c *official) packet(text string) {
	switch {
	case strings.HasPrefix(text, "40"):
		var hello struct{ SID, PID string }
		require.NoError(c.t, json.Unmarshal([]byte(text[2:]), &hello))
		recovered := hello.PID == c.pid
		if recovered {
			require.Equal(c.t, c.id, hello.SID)
		}
		c.id, c.pid, c.connected = hello.SID, hello.PID, true
		c.greeted(recovered)
		kept := c.kept
		c.kept = nil
		for _, e := range kept {
			c.emit(e)
		}
	case strings.HasPrefix(text, "42"), strings.HasPrefix(text, "45"):
		var e officialEvent
		start := strings.IndexByte(text, '[')
		require.NoError(c.t, json.Unmarshal([]byte(text[start:]), &e.args), "%s", text)
		if text[1] == '5' {
			_, err := fmt.Sscanf(text[2:], "%d-", &e.attachments)
			require.NoError(c.t, err)
			c.pending = &e
			return
		}
		c.event(e)
	}
}

func (c *official) attachment() {
	if c.pending.attachments--; c.pending.attachments == 0 {
		e := *c.pending
		c.pending = nil
		c.event(e)
	}
}

func (c *official) event(e officialEvent) {
	if c.connected {
		c.emit(e)
	} else {
		c.kept = append(c.kept, e)
	}
}

func (c *official) emit(e officialEvent) {
	last, isString := e.args[len(e.args)-1].(string)
	require.True(c.t, isString, "every event must have an offset: %v", e.args)
	defer func() { c.offset = last }()
	c.listener(e.args[0].(string), slices.Clip(e.args[1:len(e.args)-1]))
}

// weak makes connections that break together once they have received a number of bytes.
type weak struct {
	silent bool

	mu    sync.Mutex // guards all below
	left  int
	conns []net.Conn
}

func (w *weak) dial(_ context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).Dial(network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn)
	return &weakConn{Conn: conn, w: w}, nil
}

func (w *weak) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
}

type weakConn struct {
	net.Conn
	w *weak
}

func (c *weakConn) Read(p []byte) (int, error) {
	c.w.mu.Lock()
	p = p[:min(len(p), max(c.w.left, 0))]
	c.w.mu.Unlock()
	if len(p) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	n = min(n, max(c.w.left, 0))
	c.w.left -= n
	if n == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close does not tell the server if the connection breaks silently.
func (c *weakConn) Close() error {
	if c.w.silent {
		return nil
	}
	return c.Conn.Close()
}
