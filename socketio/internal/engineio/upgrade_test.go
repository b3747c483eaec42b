package engineio_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// upgrade upgrades a polling client to a WebSocket.
func (p *pollingClient) upgrade(t testing.TB) *socket {
	t.Helper()
	s := p.dial(t, "&sid="+p.sid)
	s.send(t, "2probe")
	require.Equal(t, "3probe", s.text(t))
	s.send(t, "5")
	return s
}

func TestUpgrade(t *testing.T) {
	h := serve(t, engineio.Config{})

	t.Run("InTheOrderOfTheClient", func(t *testing.T) {
		p, c := h.poll(t)
		later := p.getAsync(t)
		c.waitForPoll(t)
		s := p.dial(t, "&sid="+p.sid)
		require.Equal(t, "polling", c.Transport())
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		require.Equal(t, "6", receive(t, later, "the poll's answer").body,
			"the poll must end, so that the client can stop polling")
		require.Equal(t, "polling", c.Transport())
		c.Send(text("queued"), engineio.SendOptions{})
		_, err := s.Write(append(masked(ws.NewTextFrame([]byte("5"))), masked(ws.NewTextFrame([]byte("4at once")))...))
		require.NoError(t, err)
		require.Equal(t, "at once", c.text(t))
		require.Equal(t, "websocket", c.Transport())
		require.Equal(t, "4queued", s.text(t))
		c.Send(text("x"), engineio.SendOptions{})
		require.Equal(t, "4x", s.text(t))
		require.NoError(t, s.Close())
		c.ended(t, engineio.TransportClose)
	})

	t.Run("PollDuringTheUpgradeIsAnsweredSoon", func(t *testing.T) {
		p, _ := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		require.Equal(t, "6", p.get(t).body)
		s.send(t, "5")
	})

	t.Run("MessagesOfARequestDuringTheUpgrade", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		require.Equal(t, 200, p.post(t, "4by request").status)
		require.Equal(t, "by request", c.text(t))
		s.send(t, "5")
		s.send(t, "4by socket")
		require.Equal(t, "by socket", c.text(t))
	})

	t.Run("NoRequestsAfterwards", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.upgrade(t)
		s.send(t, "4x")
		c.text(t)
		require.JSONEq(t, `{"code":3,"message":"Bad request"}`, p.get(t).body)
		require.Equal(t, 400, p.post(t, "4y").status)
		s.send(t, "4z")
		require.Equal(t, "z", c.text(t), "the session must continue")
	})

	t.Run("OneWebSocketOnly", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		p.dial(t, "&sid="+p.sid).requireCloseFrame(t, 0) // while another one is a probe
		s.send(t, "5")
		s.send(t, "4x")
		c.text(t)
		p.dial(t, "&sid="+p.sid).requireCloseFrame(t, 0) // when another one is the transport
		s.send(t, "4y")
		require.Equal(t, "y", c.text(t))
	})

	t.Run("NotForASessionThatBeganAsAWebSocket", func(t *testing.T) {
		s, c := h.connect(t)
		h.dial(t, "&sid="+c.ID()).requireCloseFrame(t, 0)
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("RefusedWebSocketMayHaveSentMore", func(t *testing.T) {
		s, c := h.connect(t)
		nc := h.dialRaw(t)
		_, err := io.WriteString(nc, strings.Replace(requestLine, "EIO", "sid="+c.ID()+"&EIO",
			1)+handshakeHeaders+"\r\n"+strings.Repeat(string(masked(ws.NewTextFrame([]byte("2probe")))), 1000))
		require.NoError(t, err)
		other := &socket{Conn: nc, r: bufio.NewReader(nc)}
		require.Equal(t, 101, other.status(t))
		other.requireCloseFrame(t, 0)
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("RefusedWebSocketDoesNotHoldUpClose", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		_, c := h.connect(t)
		s := h.dial(t, "&sid="+c.ID())
		require.Equal(t, ws.OpClose, s.read(t).Header.OpCode)
		require.NoError(t, receive(t, async(h.Close), "Close")) // although the client does not close the connection
		s.requireClosed(t)
	})

	t.Run("UnknownSession", func(t *testing.T) {
		_, status, body := h.tryDial(t, "&sid=AAAAAAAAAAAAAAAAAAAA")
		require.Equal(t, 400, status)
		require.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, body)
	})

	for name, frames := range map[string][]string{
		"UpgradeWithoutAProbe":  {"5"},
		"AMessageInstead":       {"4x"},
		"APingThatIsNoProbe":    {"2other"},
		"WhatIsNoPacket":        {"x"},
		"AMessageBeforeUpgrade": {"2probe", "4x"},
		"AProbeTwice":           {"2probe", "2probe"},
	} {
		t.Run("WrongOrder"+name, func(t *testing.T) {
			p, c := h.poll(t)
			s := p.dial(t, "&sid="+p.sid)
			for _, f := range frames {
				s.send(t, f)
			}
			if len(frames) > 1 {
				require.Equal(t, "3probe", s.text(t))
			}
			s.requireClosed(t)
			require.Empty(t, c.messages)
			require.Equal(t, 200, p.post(t, "4still polling").status)
			require.Equal(t, "still polling", c.text(t))
			again := p.upgrade(t)
			again.send(t, "4and again")
			require.Equal(t, "and again", c.text(t), "there may be another probe after one that failed")
		})
	}

	t.Run("ProbeThatBreaksTheRulesOfWebSocket", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		_, err := s.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("2probe"))))
		require.NoError(t, err)
		s.requireCloseFrame(t, ws.StatusProtocolError)
		p.upgrade(t).send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("PingsOfAProbeAreAnswered", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		for _, packet := range []string{"2probe", "5"} {
			s.write(t, ws.NewPingFrame([]byte(packet)))
			pong := s.read(t)
			require.Equal(t, ws.OpPong, pong.Header.OpCode)
			require.Equal(t, packet, string(pong.Payload))
			s.send(t, packet)
			if packet == "2probe" {
				require.Equal(t, "3probe", s.text(t))
			}
		}
		s.send(t, "4x")
		require.Equal(t, "x", c.text(t))
	})

	t.Run("ProbeThatSendsACloseFrame", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		s.write(t, ws.NewCloseFrame(nil))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
		require.Equal(t, 200, p.post(t, "4x").status)
		require.Equal(t, "x", c.text(t))
	})

	t.Run("EndOfTheSessionEndsAProbe", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		require.Equal(t, 200, p.post(t, "1").status)
		s.requireClosed(t)
		c.ended(t, engineio.TransportClose)
	})

	t.Run("CloseDuringTheUpgrade", func(t *testing.T) {
		p, c := h.poll(t)
		s := p.dial(t, "&sid="+p.sid)
		s.send(t, "2probe")
		require.Equal(t, "3probe", s.text(t))
		c.Send(text("x"), engineio.SendOptions{})
		c.Close(engineio.ForcedClose)
		c.ended(t, engineio.ForcedClose)
		s.send(t, "5")
		require.Equal(t, "4x", s.text(t))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
	})
}

func TestUpgradeTimeout(t *testing.T) {
	h := serve(t, engineio.Config{UpgradeTimeout: time.Second})
	for name, frames := range map[string][]string{"Silent": nil, "ProbedOnly": {"2probe"}} {
		t.Run(name, func(t *testing.T) {
			p, c := h.poll(t)
			s := p.dial(t, "&sid="+p.sid)
			for _, f := range frames {
				s.send(t, f)
				require.Equal(t, "3probe", s.text(t))
			}
			s.requireClosed(t)
			c.Send(text("x"), engineio.SendOptions{})
			require.Equal(t, "4x", p.get(t).body, "the session must continue to poll")
		})
	}
}

func TestNoUpgrades(t *testing.T) {
	h := serve(t, engineio.Config{NoUpgrades: true})
	a := h.request(t, "GET", "transport=polling", "")
	got := parseHello(t, a.body)
	require.Empty(t, got.Upgrades)
	_, status, _ := h.tryDial(t, "&sid="+got.SID)
	require.Equal(t, 400, status)
}
