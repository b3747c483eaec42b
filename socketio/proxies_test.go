package socketio_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// All values that identify the client are those of the client, not those of the proxy.
func TestClientBehindATrustedProxyIsIdentified(t *testing.T) {
	audit, again := newEvents[socketio.AuditEvent](), newEvents[*http.Request]()
	n := serve(t, audited(audit), func(c *socketio.Config) {
		c.TrustedProxies, c.MaxConnectionsPerAddress = []string{"127.0.0.1"}, 1
		c.Reauthenticate = time.Millisecond
		c.Admit = func(r *http.Request) error { again.add(r); return nil }
	})
	joined := connected(n.Namespace)
	request := func(method, query, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, n.url+"/socket.io/?EIO=4&transport=polling"+query,
			strings.NewReader(body))
		require.NoError(t, err)
		r.Header = http.Header{"X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Host": {"chat.example"},
			"X-Forwarded-Proto": {"https"}, "Origin": {"https://chat.example"}}
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(answer)
	}
	status, open := request("GET", "", "")
	require.Equal(t, 200, status, open)
	sid := strings.Split(open, `"`)[3]
	status, _ = request("POST", "&sid="+sid, "40")
	require.Equal(t, 200, status)

	h := joined.next(t).Handshake()
	require.Equal(t, "203.0.113.7", h.Address)
	require.True(t, h.Secure)
	require.True(t, h.XDomain)
	require.Equal(t, "chat.example", h.Headers["host"])
	require.Equal(t, "203.0.113.7", audit.next(t).Address)
	for range 2 { // at first, and when Admit is called again
		r := again.next(t)
		require.Equal(t, []string{"203.0.113.7:0", "chat.example"}, []string{r.RemoteAddr, r.Host})
		require.NotNil(t, r.TLS)
	}
	status, _ = request("GET", "", "")
	require.Equal(t, 429, status, "the client must be refused: it already has a connection through another proxy")
}
