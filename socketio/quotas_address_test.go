package socketio_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

func TestUnjoinedClientsAreBounded(t *testing.T) {
	t.Run("OldestAreDisconnectedFirst", func(t *testing.T) {
		audit := newEvents[socketio.AuditEvent]()
		n := serve(t, func(c *socketio.Config) { c.MaxUnjoined = 3 }, audited(audit))
		joined := connected(n.Namespace)
		member := connect(t, n)
		joined.next(t)
		var idle []*peer
		for range 10 {
			idle = append(idle, dial(t, n))
		}
		for _, p := range idle[:7] {
			p.expect("closed")
			assert.Equal(t, string(socketio.QuotaUnjoined), reached(t, audit, socketio.AuditDisconnect).Reason)
		}
		honest := connect(t, n) // the oldest client has to go
		joined.next(t)
		idle[7].expect("closed")
		honest.sync("")
		member.sync("")
		assert.Equal(t, 2, n.Stats().Unjoined)
		idle[9].join("", "")
		assert.Equal(t, 1, n.Stats().Unjoined)
		_ = idle[8].conn.Close()
		eventually(t, "clients that have left do not count", func() bool { return n.Stats().Unjoined == 0 })
		assert.EqualValues(t, 8, n.Stats().Reached[socketio.QuotaUnjoined])
	})
	t.Run("BytesOfTheirRequestsCount", func(t *testing.T) {
		n := serve(t, func(c *socketio.Config) { c.MaxUnjoinedBytes = 40_000 })
		first := dial(t, n, "&x="+strings.Repeat("x", 15_000))
		second := dial(t, n, "&x="+strings.Repeat("x", 15_000))
		third := dial(t, n, "&x="+strings.Repeat("x", 15_000))
		first.expect("closed")
		for _, p := range []*peer{second, third} {
			p.join("", "")
		}
		onlyReached(t, n, socketio.QuotaUnjoined)
	})
	t.Run("ClosedServerKeepsNone", func(t *testing.T) {
		n := serve(t)
		for range 3 {
			dial(t, n)
		}
		require.NoError(t, n.Close(t.Context()))
		eventually(t, "no client is left", func() bool { return n.Stats().Unjoined == 0 })
	})
}

func TestQuotasPerAddress(t *testing.T) {
	byQuery := func(c *socketio.Config) {
		c.ClientAddress = func(r *http.Request) string { return r.URL.Query().Get("from") }
	}
	const from, elsewhere = "&from=192.0.2.1", "&from=2001:db8::1"
	// refused tries to connect, and returns the status.
	refused := func(t *testing.T, n *node, query string) int {
		t.Helper()
		w := httptest.NewRecorder()
		n.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/socket.io/?EIO=4&transport=polling"+query,
			nil))
		return w.Code
	}
	for name, c := range map[string]struct {
		quota socketio.Quota
		limit func(*socketio.Config)
		tries int // until one is refused
		fill  func(*testing.T, *node)
	}{
		"Connections": {socketio.QuotaConnectionsPerAddress,
			func(c *socketio.Config) { c.MaxConnectionsPerAddress = 2 }, 1,
			func(t *testing.T, n *node) {
				for range 2 {
					dial(t, n, from).join("", "")
				}
			}},
		"Unjoined": {socketio.QuotaUnjoinedPerAddress, func(c *socketio.Config) { c.MaxUnjoinedPerAddress = 2 }, 1,
			func(t *testing.T, n *node) {
				dial(t, n, from).join("", "")
				dial(t, n, from)
				dial(t, n, from)
			}},
		"Handshakes": {socketio.QuotaHandshakesPerAddress, func(c *socketio.Config) { c.MaxHandshakesPerSecond = 1 },
			100, func(*testing.T, *node) {}},
	} {
		t.Run(name, func(t *testing.T) {
			audit := newEvents[socketio.AuditEvent]()
			n := serve(t, c.limit, byQuery, audited(audit))
			joined := connected(n.Namespace)
			c.fill(t, n)
			status := refused(t, n, from)
			for tries := 1; status == http.StatusOK && tries < c.tries; tries++ {
				status = refused(t, n, from)
			}
			require.Equal(t, http.StatusTooManyRequests, status)
			e := reached(t, audit, socketio.AuditRefuse)
			assert.Equal(t, string(c.quota), e.Reason)
			assert.Equal(t, "192.0.2.1", e.Address)
			assert.Empty(t, e.Namespace)
			onlyReached(t, n, c.quota)

			honest := dial(t, n, elsewhere)
			honest.join("", "")
			for joined.next(t).Query().Get("from") != "2001:db8::1" {
			}
			honest.sync("")
			assert.Equal(t, 2, n.Stats().Addresses)
		})
	}
	t.Run("AllConnections", func(t *testing.T) {
		n := serve(t, func(c *socketio.Config) { c.MaxConnections = 1 })
		joined := connected(n.Namespace)
		p := connect(t, n)
		joined.next(t)
		require.Equal(t, http.StatusServiceUnavailable, refused(t, n, ""))
		onlyReached(t, n, socketio.QuotaConnections)
		p.sync("")
		n.errors.next(t)
	})
}
