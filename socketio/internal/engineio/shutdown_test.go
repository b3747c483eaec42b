package engineio_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

func TestShutdown(t *testing.T) {
	t.Run("SendsACloseMessageToAllClients", func(t *testing.T) {
		h := serve(t, engineio.Config{ShutdownTimeout: patience})
		s, c := h.connect(t)
		p, polling := h.poll(t)
		later := p.getAsync(t)
		polling.waitForPoll(t)
		idle, idleSession := h.poll(t)
		for range 100 {
			c.Send(text("x"), engineio.SendOptions{})
		}
		idleSession.Send(text("y"), engineio.SendOptions{})
		done := make(chan error, 1)
		go func() { done <- h.Shutdown(context.Background()) }()
		for range 100 {
			require.Equal(t, "4x", s.text(t), "queued frames must come first")
		}
		s.requireCloseFrame(t, ws.StatusGoingAway)
		require.NoError(t, s.Close())
		require.Equal(t, "1", receive(t, later, "the poll's answer").body)
		for _, c := range []*session{c, polling, idleSession} {
			c.ended(t, engineio.ServerShutdown)
		}
		require.Equal(t, 503, h.request(t, "GET", "transport=polling", "").status)
		_, status, _ := h.tryDial(t, "")
		require.Equal(t, 503, status)
		select {
		case err := <-done:
			t.Fatalf("Shutdown returned %v before the last client had received a close message", err)
		default:
		}
		require.Equal(t, "4y", idle.get(t).body)
		require.Equal(t, "1", idle.get(t).body)
		require.NoError(t, receive(t, done, "Shutdown"))
		require.Zero(t, h.Len())
	})

	t.Run("DoesNotWaitLongerThanItsContext", func(t *testing.T) {
		h := serve(t, engineio.Config{ShutdownTimeout: patience})
		_, c := h.poll(t) // its client does not poll again
		s, stuck := h.connect(t)
		fillSocket(t, stuck, text(strings.Repeat("x", 100_000)))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, h.Shutdown(ctx), context.DeadlineExceeded)
		c.ended(t, engineio.ServerShutdown)
		stuck.ended(t, engineio.ServerShutdown)
		_ = s
	})

	t.Run("DoesNotWaitLongerThanShutdownTimeout", func(t *testing.T) {
		h := serve(t, engineio.Config{ShutdownTimeout: 20 * time.Millisecond})
		_, polled := h.poll(t) // its client does not poll again
		_, before := h.poll(t)
		before.Close(engineio.ForcedClose) // the close packet waits for the next poll
		_, stuck := h.connect(t)           // its client does not read
		fillSocket(t, stuck, text(strings.Repeat("x", 100_000)))
		s, silent := h.connect(t) // its client does not answer the close frame
		require.NoError(t, receive(t, async(func() error { return h.Shutdown(context.Background()) }), "Shutdown"))
		for _, c := range []*session{polled, stuck, silent} {
			c.ended(t, engineio.ServerShutdown)
		}
		before.ended(t, engineio.ForcedClose)
		s.requireCloseFrame(t, ws.StatusGoingAway)
	})

	t.Run("TwiceAndAfterClose", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		h.connect(t)
		require.NoError(t, h.Close())
		require.NoError(t, h.Close())
		require.NoError(t, h.Shutdown(context.Background()))
	})

	t.Run("ServerWithoutSessions", func(t *testing.T) {
		require.NoError(t, serve(t, engineio.Config{}).Shutdown(context.Background()))
	})

	t.Run("WaitsForTheReceiver", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		s, c := h.connect(t)
		busy, release := make(chan struct{}), make(chan struct{})
		c.handle = func(bool, []byte) {
			close(busy)
			<-release
		}
		s.send(t, "4x")
		receive(t, busy, "the message")
		done := make(chan error, 1)
		go func() { done <- h.Close() }()
		s.requireClosed(t)
		select {
		case <-done:
			t.Fatal("Close returned while a message was being handled")
		case <-c.closed:
			t.Fatal("Closed was called while a message was being handled")
		case <-time.After(20 * time.Millisecond):
		}
		close(release)
		require.NoError(t, receive(t, done, "Close"))
		c.ended(t, engineio.ServerShutdown)
	})
}

// async calls f on another goroutine, and sends its error when it has returned.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func TestClose(t *testing.T) {
	h := serve(t, engineio.Config{})

	t.Run("SendsWhatIsQueuedAndACloseFrame", func(t *testing.T) {
		s, c := h.connect(t)
		c.Send(text("last"), engineio.SendOptions{})
		c.Close(engineio.ForcedClose)
		c.Close(engineio.TransportError) // too late to matter
		c.ended(t, engineio.ForcedClose)
		require.Equal(t, "4last", s.text(t))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
		require.Empty(t, c.closed, "Closed must be called only once")
	})

	t.Run("ClientMayAnswerTheCloseFrame", func(t *testing.T) {
		s, c := h.connect(t)
		c.Close(engineio.ForcedClose)
		require.Equal(t, ws.OpClose, s.read(t).Header.OpCode)
		s.send(t, "4too late")
		s.write(t, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
		s.requireClosed(t)
		c.ended(t, engineio.ForcedClose)
		require.Empty(t, c.messages)
	})

	t.Run("InOpen", func(t *testing.T) {
		closed := make(chan *session, 1)
		h := serve(t, engineio.Config{Open: func(c *engineio.Conn) engineio.Receiver {
			s := newSession(c)
			c.Send(text("no"), engineio.SendOptions{})
			c.Close(engineio.ForcedClose)
			closed <- s
			return s
		}})
		a := h.request(t, "GET", "transport=polling", "")
		sid := parseHello(t, a.body).SID
		require.Equal(t, "4no", h.request(t, "GET", "transport=polling&sid="+sid, "").body)
		require.Equal(t, "1", h.request(t, "GET", "transport=polling&sid="+sid, "").body)
		receive(t, closed, "Open").ended(t, engineio.ForcedClose)

		s := h.dial(t, "")
		parseHello(t, s.text(t))
		require.Equal(t, "4no", s.text(t))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
		receive(t, closed, "Open").ended(t, engineio.ForcedClose)
	})

	t.Run("FromTheReceiver", func(t *testing.T) {
		s, c := h.connect(t)
		c.handle = func(_ bool, data []byte) {
			c.Send(text("bye, "+string(data)), engineio.SendOptions{})
			c.Close(engineio.ForcedClose)
		}
		_, err := s.Write(append(masked(ws.NewTextFrame([]byte("4one"))), masked(ws.NewTextFrame([]byte("4two")))...))
		require.NoError(t, err)
		require.Equal(t, "4bye, one", s.text(t))
		s.requireCloseFrame(t, ws.StatusNormalClosure)
		c.ended(t, engineio.ForcedClose)
	})

	t.Run("PanicInOpenEndsOneRequest", func(t *testing.T) {
		h := serve(t, engineio.Config{Open: func(*engineio.Conn) engineio.Receiver { panic("a test panics") }},
			withoutLog)
		_, err := h.try(context.Background(), "GET", h.http.URL+"/socket.io/?EIO=4&transport=polling", nil)
		require.Error(t, err)
		nc := h.dialRaw(t)
		_, err = nc.Write([]byte(handshakeRequest))
		require.NoError(t, err)
		require.Zero(t, readAnswer(nc).status)
		require.Eventually(t, func() bool { return h.Len() == 0 }, patience, time.Millisecond)
	})
}
