package socketio_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// poller is a client that polls by hand.
type poller struct {
	t    *testing.T
	url  string
	left []string // packets that arrived together with others
}

func poll(t *testing.T, n *node) *poller {
	t.Helper()
	p := &poller{t: t, url: n.url + "/socket.io/?EIO=4&transport=polling"}
	var hello struct{ SID string }
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(p.next(), "0")), &hello))
	p.url += "&sid=" + hello.SID
	return p
}

func (p *poller) do(method, body string) string {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url, strings.NewReader(body))
	require.NoError(p.t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, response.StatusCode, "%s", text)
	return string(text)
}

func (p *poller) send(packets ...string) {
	p.t.Helper()
	require.Equal(p.t, "ok", p.do(http.MethodPost, strings.Join(packets, "\x1e")))
}

func (p *poller) next() string {
	p.t.Helper()
	if len(p.left) == 0 {
		p.left = strings.Split(p.do(http.MethodGet, ""), "\x1e")
	}
	packet := p.left[0]
	p.left = p.left[1:]
	return packet
}

func TestPolling(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	n := serve(t)
	joined := newEvents[*socketio.Socket]()
	n.OnConnection(func(s *socketio.Socket) {
		s.On("echo", func(data []byte, ack func([]byte)) { ack(append(data, '!')) })
		joined.add(s)
	})
	p := poll(t, n)
	p.send("40")
	require.Contains(t, p.next(), `40{"sid":"`)
	s := joined.next(t)
	assert.Equal(t, "polling", s.Transport())
	p.send(`451-7["echo",{"_placeholder":true,"num":0}]`, "bSGk=")
	assert.Equal(t, `461-7[{"_placeholder":true,"num":0}]`, p.next())
	assert.Equal(t, "bSGkh", p.next())
	require.NoError(t, n.Emit(t.Context(), "a"))
	require.NoError(t, s.Emit("b"))
	assert.Equal(t, `42["a"]`, p.next())
	assert.Equal(t, `42["b"]`, p.next())
	gone := newEvents[string]()
	s.OnDisconnect(gone.add)
	p.send("41")
	assert.Equal(t, "client namespace disconnect", gone.next(t))
	p.send("1")
}
