package engineio_test

import (
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestHeartbeat(t *testing.T) {
	const interval, timeout = 30 * time.Millisecond, 2 * time.Second // a client on a busy machine has to answer in time
	h := serve(t, engineio.Config{PingInterval: interval, PingTimeout: timeout})

	t.Run("OverWebSocket", func(t *testing.T) {
		t.Parallel()
		s, c := h.connect(t)
		var began time.Time // before the last ping was sent
		for range 5 {
			require.Equal(t, "2", s.text(t))
			began = time.Now()
			s.send(t, "3")
		}
		require.Equal(t, "2", s.text(t))
		c.ended(t, engineio.PingTimeout)
		require.GreaterOrEqual(t, time.Since(began), timeout, "the client must have the whole timeout to answer")
		s.requireClosed(t)
	})

	t.Run("OverPolling", func(t *testing.T) {
		t.Parallel()
		p, c := h.poll(t)
		for range 3 {
			require.Equal(t, "2", p.get(t).body)
			require.Equal(t, 200, p.post(t, "3").status)
		}
		require.Equal(t, "2", p.get(t).body)
		later := p.getAsync(t)
		c.ended(t, engineio.PingTimeout)
		require.Equal(t, "1", receive(t, later, "the poll's answer").body)
		require.Equal(t, 400, p.get(t).status)
	})

	t.Run("ClientThatStopsPollingTimesOut", func(t *testing.T) {
		t.Parallel()
		_, c := h.poll(t)
		c.ended(t, engineio.PingTimeout)
	})

	t.Run("MessageExtendsTheTimeByOneTimeout", func(t *testing.T) {
		t.Parallel()
		h := serve(t, engineio.Config{PingInterval: 10 * time.Millisecond, PingTimeout: 2 * time.Second})
		s, c := h.connect(t)
		require.Equal(t, "2", s.text(t))
		began := time.Now()
		time.Sleep(time.Second) // half of the timeout
		s.send(t, "4x")
		c.text(t)
		c.ended(t, engineio.PingTimeout)
		require.GreaterOrEqual(t, time.Since(began), 2800*time.Millisecond, "the message must extend the time")
	})

	t.Run("FurtherMessagesDoNotExtendTheTime", func(t *testing.T) {
		t.Parallel()
		h := serve(t, engineio.Config{PingInterval: 10 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
		s, c := h.connect(t)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					if _, err := s.Write(masked(ws.NewTextFrame([]byte("4x")))); err != nil {
						return
					}
				}
			}
		}()
		c.ended(t, engineio.PingTimeout) // messages must not replace pongs
	})

	t.Run("PongStartsTheInterval", func(t *testing.T) {
		t.Parallel()
		h := serve(t, engineio.Config{PingInterval: 50 * time.Millisecond, PingTimeout: 10 * time.Second})
		s, _ := h.connect(t)
		for range 3 { // each long before the timeout of the previous ping
			require.Equal(t, "2", s.text(t))
			s.send(t, "3")
		}
	})

	t.Run("AfterAnUpgrade", func(t *testing.T) {
		t.Parallel()
		p, c := h.poll(t)
		s := p.upgrade(t)
		require.Equal(t, "2", s.text(t))
		s.send(t, "3")
		require.Equal(t, "2", s.text(t))
		c.ended(t, engineio.PingTimeout)
	})
}
