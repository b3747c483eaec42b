package engineio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestVersion3Heartbeat(t *testing.T) {
	const interval, timeout = 100 * time.Millisecond, 900 * time.Millisecond
	config := engineio.Config{PingInterval: interval, PingTimeout: timeout}
	h := serve3(t, config)

	t.Run("OverWebSocket", func(t *testing.T) {
		t.Parallel()
		s, c := h.connect(t)
		var began time.Time
		for range 5 {
			began = time.Now()
			s.send(t, "2")
			require.Equal(t, "3", s.text(t))
		}
		c.ended(t, engineio.PingTimeout)
		require.GreaterOrEqual(t, time.Since(began), interval+timeout, "the client must have the whole time")
		s.requireClosed(t)
	})

	t.Run("OverPolling", func(t *testing.T) {
		t.Parallel()
		p, c := h.poll(t)
		for range 3 {
			require.Equal(t, 200, p.post(t, "1:2").status)
			require.Equal(t, "1:3", p.get(t).body)
		}
		later := p.getAsync(t)
		c.ended(t, engineio.PingTimeout)
		require.Equal(t, "1:1", receive(t, later, "the poll's answer").body)
		require.Equal(t, 400, p.get(t).status)
	})

	t.Run("AfterAnUpgrade", func(t *testing.T) {
		t.Parallel()
		p, c := h.poll(t)
		s := p.upgrade(t)
		s.send(t, "2")
		require.Equal(t, "3", s.text(t))
		c.ended(t, engineio.PingTimeout)
	})

	t.Run("MessagesDoNotReplacePings", func(t *testing.T) {
		t.Parallel()
		s, c := h.connect(t)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for tick := time.NewTicker(interval); ; {
				select {
				case <-stop:
					return
				case <-tick.C:
					_, _ = s.Write(masked(ws.NewTextFrame([]byte("4x")))) // fails when the session has ended
				}
			}
		}()
		c.ended(t, engineio.PingTimeout)
	})

	t.Run("PongFromTheClient", func(t *testing.T) {
		t.Parallel()
		s, c := h.connect(t)
		s.send(t, "3")
		require.Error(t, c.ended(t, engineio.TransportError))
	})

	t.Run("PongsAreLimited", func(t *testing.T) {
		t.Parallel()
		h := serve3(t, engineio.Config{SendQueue: 10})
		p, c := h.poll(t)
		p.post(t, strings.Repeat("1:2", 11)) // and no poll
		require.Error(t, c.ended(t, engineio.SendQueueFull))
	})

	t.Run("PingWaitsWhileTheReceiverIsFull", func(t *testing.T) {
		t.Parallel()
		h, room := serveWithoutRoom(t, config)
		h.version = "3"
		s, c := h.connect(t)
		s.send(t, "4x")
		c.text(t)
		s.send(t, "2") // the client sends no other ping before it has the pong
		for range 10 { // noop packets, several in the time for a ping
			require.Equal(t, "6", s.text(t))
		}
		room()
		answer := s.text(t)
		for answer == "6" {
			answer = s.text(t)
		}
		require.Equal(t, "3", answer)
	})

	t.Run("NothingIsReadWhileTheReceiverIsFull", func(t *testing.T) {
		t.Parallel()
		h, room := serveWithoutRoom(t, config)
		h.version = "3"
		s, c := h.connect(t)
		for range 2 {
			s.send(t, "4"+strings.Repeat("x", 100_000))
		}
		c.text(t)
		for range 10 {
			require.Equal(t, "6", s.text(t))
		}
		room()
		require.Len(t, c.text(t), 100_000)
	})

	t.Run("PollingWhileTheReceiverIsFull", func(t *testing.T) {
		t.Parallel()
		h, room := serveWithoutRoom(t, config)
		h.version = "3"
		p, c := h.poll(t)
		posted := make(chan answer, 1)
		go func() {
			a, _ := p.try(t.Context(), "POST", h.http.URL+h.root()+p.query(), strings.NewReader("2:4x2:4y1:2"))
			posted <- a // without a status if there was an error
		}()
		c.text(t)
		for range 10 {
			require.Equal(t, "1:6", p.get(t).body)
		}
		room()
		require.Equal(t, "y", c.text(t))
		room()
		require.Equal(t, 200, receive(t, posted, "the response").status)
	})

	t.Run("ClientThatIsGoneWhileTheReceiverIsFull", func(t *testing.T) {
		t.Parallel()
		h, _ := serveWithoutRoom(t, config)
		h.version = "3"
		p, c := h.poll(t)
		go func() {
			_, _ = p.try(t.Context(), "POST", h.http.URL+h.root()+p.query(), strings.NewReader("2:4x2:4y"))
		}()
		c.text(t)
		c.ended(t, engineio.PingTimeout)
	})
}
