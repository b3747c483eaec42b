package engineio_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// endedByQuota waits for the end of a session by a quota.
func (s *session) endedByQuota(t *testing.T, name quota.Name) {
	t.Helper()
	var e *quota.Error
	require.ErrorAs(t, s.ended(t, engineio.Reason(name)), &e)
	require.Equal(t, name, e.Quota)
	require.Positive(t, e.Limit)
}

// requireEcho checks that messages still pass in both directions.
func requireEcho(t *testing.T, client *socket, s *session) {
	t.Helper()
	client.send(t, "4hello")
	require.Equal(t, "hello", s.text(t))
	require.True(t, s.Send(text("hello"), engineio.SendOptions{}))
	require.Equal(t, "4hello", client.text(t))
}

func TestRates(t *testing.T) {
	h := serve(t, engineio.Config{Rates: quota.RateLimits{Events: 10, Bytes: 10_000}})
	honest, member := h.connect(t)

	flood := func(frame ws.Frame) func(*testing.T) *session {
		return func(t *testing.T) *session {
			s, c := h.connect(t)
			go func() {
				p := masked(frame)
				for {
					if _, err := s.Write(p); err != nil {
						return
					}
				}
			}()
			return c
		}
	}
	for name, attack := range map[string]struct {
		by      func(*testing.T) *session
		reached quota.Name
	}{
		"Messages": {flood(ws.NewTextFrame([]byte("4x"))), quota.EventRate},
		"Pings":    {flood(ws.NewPingFrame([]byte("x"))), quota.EventRate},
		"Noops":    {flood(ws.NewTextFrame([]byte("6"))), quota.EventRate},
		"Large":    {flood(ws.NewBinaryFrame(make([]byte, 9000))), quota.ByteRate},
		"Polling": {func(t *testing.T) *session {
			p, c := h.poll(t)
			for range 20 {
				if p.post(t, strings.TrimSuffix(strings.Repeat("4x\x1e", 10), "\x1e")).status != 200 {
					break
				}
			}
			return c
		}, quota.EventRate},
		"LargePolling": {func(t *testing.T) *session {
			p, c := h.poll(t)
			p.post(t, "4"+strings.Repeat("x", 60_000))
			return c
		}, quota.ByteRate},
	} {
		t.Run(name+"AreCutOff", func(t *testing.T) {
			attack.by(t).endedByQuota(t, attack.reached)
		})
	}
	requireEcho(t, honest, member)
}

// byHeader takes the client's address from a header, because all clients of a test have the same address.
func byHeader(r *http.Request) string { return r.Header.Get("X-From") }

func TestLimitsOfAnAddress(t *testing.T) {
	const one, other = "192.0.2.1", "2001:db8::1"

	t.Run("Sessions", func(t *testing.T) {
		h := serve(t, engineio.Config{Address: byHeader, PerAddress: quota.AddressLimits{Sessions: 2}})
		first, c := h.connect(t, "X-From", one)
		h.connect(t, "X-From", one)
		_, status, _ := h.tryDial(t, "", "X-From", one)
		require.Equal(t, http.StatusTooManyRequests, status)
		require.Equal(t, http.StatusTooManyRequests, h.request(t, "GET", "transport=polling", "", "X-From", one).status)
		honest, member := h.connect(t, "X-From", other)
		requireEcho(t, honest, member)
		require.Equal(t, 2, h.Addresses())
		_ = first.Close()
		c.ended(t, engineio.TransportClose)
		h.connect(t, "X-From", one)
	})
	t.Run("SessionsThatHaveNotJoined", func(t *testing.T) {
		h := serve(t, engineio.Config{Address: byHeader, PerAddress: quota.AddressLimits{Unjoined: 2}})
		_, c := h.connect(t, "X-From", one)
		h.connect(t, "X-From", one)
		_, status, _ := h.tryDial(t, "", "X-From", one)
		require.Equal(t, http.StatusTooManyRequests, status)
		for range 3 { // only the first call counts
			c.Joined()
		}
		h.connect(t, "X-From", one)
		_, status, _ = h.tryDial(t, "", "X-From", one)
		require.Equal(t, http.StatusTooManyRequests, status)
	})
	t.Run("Handshakes", func(t *testing.T) {
		asked := 0
		h := serve(t, engineio.Config{Address: byHeader, PerAddress: quota.AddressLimits{Handshakes: 1},
			Admit: func(*http.Request) error { asked++; return nil }})
		refused := 0
		for range 50 {
			if h.request(t, "GET", "transport=polling", "", "X-From", one).status == http.StatusTooManyRequests {
				refused++
			}
		}
		require.GreaterOrEqual(t, refused, 20, "the limit must refuse handshakes beyond five seconds' worth")
		require.Equal(t, 50-refused, asked, "Admit must not be called for requests that are refused")
		require.Equal(t, 200, h.request(t, "GET", "transport=polling", "", "X-From", other).status)
	})
	t.Run("RefusedHandshakesLeaveNothing", func(t *testing.T) {
		h := serve(t, engineio.Config{Address: byHeader, PerAddress: quota.AddressLimits{Sessions: 2},
			MaxConnections: 1})
		h.connect(t, "X-From", one)
		for range 5 {
			_, status, _ := h.tryDial(t, "", "X-From", other)
			require.Equal(t, http.StatusServiceUnavailable, status)
		}
		require.Equal(t, 1, h.Addresses())
	})
}

func TestMemoryOfAllQueues(t *testing.T) {
	const mb = 1 << 20
	begin := func(t *testing.T) (h *testServer, memory *quota.Budget) {
		memory = quota.NewBudget(mb)
		h = serve(t, engineio.Config{Memory: memory})
		honest, member := h.connect(t)
		t.Cleanup(func() {
			requireEcho(t, honest, member)
			require.NoError(t, h.Close())
			require.Eventually(t, func() bool { return memory.Used() == 0 }, patience, time.Millisecond,
				"memory must be released")
		})
		return h, memory
	}
	// requireSomeLose checks that some sessions are ended, and not all.
	requireSomeLose := func(t *testing.T, all []*session) {
		t.Helper()
		lost := 0
		require.Eventually(t, func() bool {
			for _, s := range all {
				select {
				case e := <-s.closed:
					require.Equal(t, engineio.Reason(quota.Memory), e.reason, "%v", e.err)
					lost++
				default:
				}
			}
			return lost >= 2
		}, patience, time.Millisecond)
		require.Less(t, lost, len(all))
	}

	t.Run("HalfMessages", func(t *testing.T) {
		h, memory := begin(t)
		var all []*session
		for range 4 {
			s, c := h.connect(t)
			all = append(all, c)
			p := masked(ws.NewTextFrame([]byte("4" + strings.Repeat("x", 700_000))))
			_, _ = s.Write(p[:len(p)-10]) // the connection may be cut
		}
		requireSomeLose(t, all)
		require.LessOrEqual(t, memory.Used(), int64(3*mb))
	})
	t.Run("HalfBodies", func(t *testing.T) {
		h, _ := begin(t)
		var all []*session
		for range 4 {
			p, c := h.poll(t)
			all = append(all, c)
			nc := h.dialRaw(t)
			_, _ = fmt.Fprintf(nc, "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"+
				"Content-Length: 900000\r\n\r\n4", p.sid)
			_, _ = io.WriteString(nc, strings.Repeat("x", 700_000))
		}
		requireSomeLose(t, all)
	})
	t.Run("QueuesOfClientsThatDoNotRead", func(t *testing.T) {
		h, memory := begin(t)
		var all []*session
		for range 4 {
			_, c := h.poll(t)
			all = append(all, c)
			for range 10 {
				c.Send(text(strings.Repeat("x", 70_000)), engineio.SendOptions{})
			}
		}
		requireSomeLose(t, all)
		require.LessOrEqual(t, memory.Used(), int64(2*mb))
	})
	t.Run("BroadcastsCountOnce", func(t *testing.T) {
		h, memory := begin(t)
		frame := text(strings.Repeat("x", 500_000))
		for i := range 100 {
			_, c := h.poll(t)
			require.True(t, c.Send(frame, engineio.SendOptions{Copy: i + 1}))
			require.True(t, c.Send(text("x"), engineio.SendOptions{}))
		}
		require.LessOrEqual(t, memory.Used(), int64(6*500_000), "the frame must not count 100 times")
	})
}
