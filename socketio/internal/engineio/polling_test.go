package engineio_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

func TestPolling(t *testing.T) {
	h := serve(t, engineio.Config{MaxPayload: 10_000})

	t.Run("Handshake", func(t *testing.T) {
		a := h.request(t, "GET", "transport=polling", "")
		require.Equal(t, 200, a.status)
		require.Equal(t, "text/plain; charset=UTF-8", a.header.Get("Content-Type"))
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.Empty(t, a.header.Get("Set-Cookie"))
		got := parseHello(t, a.body)
		require.Len(t, got.SID, 20)
		require.Equal(t, hello{SID: got.SID, Upgrades: []string{"websocket"}, PingInterval: 25000, PingTimeout: 20000,
			MaxPayload: 10000}, got)
		require.Equal(t, "polling", h.sessionOf(t, got.SID).Transport())
	})

	t.Run("MessagesOfAPayload", func(t *testing.T) {
		p, c := h.poll(t)
		a := p.post(t, "4hello\x1ebAQIDBA==\x1e4\x1e4ü\x1ebAQ\x1eb")
		require.Equal(t, answer{200, "ok", a.header}, a)
		require.Equal(t, "text/html", a.header.Get("Content-Type"))
		require.Equal(t, "hello", c.text(t))
		require.Equal(t, wsframe.Part{Binary: true, Data: []byte{1, 2, 3, 4}}, receive(t, c.messages, "a message"))
		require.Equal(t, "", c.text(t))
		require.Equal(t, "ü", c.text(t))
		require.Equal(t, wsframe.Part{Binary: true, Data: []byte{1}}, receive(t, c.messages, "base64 without padding"))
		require.Equal(t, wsframe.Part{Binary: true, Data: []byte{}}, receive(t, c.messages, "no bytes"))
	})

	t.Run("PollGetsEverythingThatIsQueued", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(text("one"), engineio.SendOptions{})
		c.Send(wsframe.NewFrame(wsframe.Part{Data: []byte("two")},
			wsframe.Part{Binary: true, Data: []byte{1, 2, 3, 4}}), engineio.SendOptions{})
		c.Send(text(""), engineio.SendOptions{})
		c.Send(wsframe.NewFrame(), engineio.SendOptions{})
		require.Equal(t, "4one\x1e4two\x1ebAQIDBA==\x1e4", p.get(t).body)
	})

	t.Run("PollWaits", func(t *testing.T) {
		p, c := h.poll(t)
		later := p.getAsync(t)
		c.waitForPoll(t)
		require.True(t, c.Send(text("now"), engineio.SendOptions{Volatile: true}),
			"a volatile frame must be sent while a poll waits")
		require.Equal(t, "4now", receive(t, later, "the poll's answer").body)
		require.False(t, c.Send(text("now"), engineio.SendOptions{Volatile: true}),
			"a volatile frame must be dropped while no poll waits")
	})

	t.Run("DuplicatePollEndsTheSession", func(t *testing.T) {
		p, c := h.poll(t)
		first := p.getAsync(t)
		c.waitForPoll(t)
		second := p.get(t)
		require.Equal(t, 400, second.status)
		a := receive(t, first, "the first poll's answer")
		require.Equal(t, 200, a.status)
		require.Equal(t, "1", a.body, "the first poll must receive a close packet")
		require.Error(t, c.ended(t, engineio.TransportError))
		require.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, p.get(t).body)
	})

	t.Run("DuplicatePostEndsTheSession", func(t *testing.T) {
		p, c := h.poll(t)
		slow, write := h.slowBody(t, p)
		write("4")
		p.postUntilRefused(t)
		require.Error(t, c.ended(t, engineio.TransportError))
		require.NotEqual(t, 200, receive(t, slow, "the first request's answer").status)
	})

	t.Run("AbortedPollEndsTheSession", func(t *testing.T) {
		p, c := h.poll(t)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = p.try(ctx, "GET", p.http.URL+"/socket.io/?EIO=4&"+p.query(), nil)
		}()
		c.waitForPoll(t)
		cancel()
		require.Error(t, c.ended(t, engineio.TransportError))
		<-done
	})

	t.Run("ClosePacketEndsTheSession", func(t *testing.T) {
		p, c := h.poll(t)
		later := p.getAsync(t)
		c.waitForPoll(t)
		require.Equal(t, "ok", p.post(t, "4last\x1e1\x1e4late").body)
		require.Equal(t, "6", receive(t, later, "the poll's answer").body)
		require.NoError(t, c.ended(t, engineio.TransportClose))
		require.Equal(t, "last", c.text(t))
		require.Empty(t, c.messages)
		require.Equal(t, 400, p.get(t).status)
	})

	for _, c := range []struct {
		name, body string
		reason     engineio.Reason
	}{
		{"UnknownType", "abc", engineio.ParseError},
		{"Empty", "", engineio.ParseError},
		{"EmptyPacket", "4x\x1e", engineio.ParseError},
		{"NotUTF8", "4\xff", engineio.ParseError},
		{"NotBase64", "bA*==", engineio.ParseError},
		{"TruncatedBase64", "bAQIDB", engineio.ParseError}, // base64 never has five characters
		{"Open", "0{}", engineio.TransportError},
		{"Ping", "2", engineio.TransportError},
		{"Upgrade", "5", engineio.TransportError},
	} {
		t.Run("Malformed"+c.name, func(t *testing.T) {
			p, s := h.poll(t)
			require.Equal(t, 400, p.post(t, c.body).status)
			require.Error(t, s.ended(t, c.reason))
			require.Equal(t, 400, p.get(t).status)
		})
	}

	t.Run("NoopAndPongAreAccepted", func(t *testing.T) {
		p, c := h.poll(t)
		require.Equal(t, 200, p.post(t, "6\x1e3\x1e4x").status)
		require.Equal(t, "x", c.text(t))
	})

	t.Run("BinaryBodyEndsTheSession", func(t *testing.T) {
		p, c := h.poll(t)
		require.Equal(t, 400, p.request(t, "POST", p.query(), "4x", "Content-Type", "application/octet-stream").status)
		require.Error(t, c.ended(t, engineio.TransportError))
	})

	t.Run("CloseSendsQueuedFrames", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(text("one"), engineio.SendOptions{})
		c.Close(engineio.ForcedClose)
		require.NoError(t, c.ended(t, engineio.ForcedClose))
		require.False(t, c.Send(text("late"), engineio.SendOptions{}))
		require.Equal(t, "4one", p.get(t).body, "queued frames must wait for the client")
		require.Equal(t, "1", p.get(t).body, "the close packet must come alone, because clients drop packets that "+
			"come with it")
		require.Equal(t, 400, p.get(t).status)
	})

	t.Run("CloseSendsQueuedFramesHoweverManyThereAre", func(t *testing.T) {
		for n := range 40 {
			p, c := h.poll(t)
			for range n {
				c.Send(text("x"), engineio.SendOptions{})
			}
			c.Close(engineio.ForcedClose)
			if n > 0 {
				require.Equal(t, strings.Repeat("4x\x1e", n-1)+"4x", p.get(t).body)
			}
			require.Equal(t, "1", p.get(t).body)
			c.ended(t, engineio.ForcedClose)
		}
	})

	t.Run("ClosePacketEndsAClosingSession", func(t *testing.T) {
		p, c := h.poll(t)
		c.Send(text("one"), engineio.SendOptions{})
		c.Close(engineio.ForcedClose)
		c.ended(t, engineio.ForcedClose)
		require.Equal(t, "ok", p.post(t, "4x").body)
		require.Equal(t, "4one", p.get(t).body)
		require.Equal(t, "ok", p.post(t, "4x\x1e1").body)
		require.Equal(t, 400, p.get(t).status)
		require.Empty(t, c.messages)
	})

	t.Run("CloseAnswersAPoll", func(t *testing.T) {
		p, c := h.poll(t)
		later := p.getAsync(t)
		c.waitForPoll(t)
		c.Close(engineio.ForcedClose)
		require.Equal(t, "1", receive(t, later, "the poll's answer").body)
		c.ended(t, engineio.ForcedClose)
	})

	t.Run("CloseFromTheReceiver", func(t *testing.T) {
		p, c := h.poll(t)
		c.handle = func(bool, []byte) { c.Close(engineio.ForcedClose) }
		require.Equal(t, 200, p.post(t, "4x\x1e4y").status)
		c.ended(t, engineio.ForcedClose)
		require.Equal(t, "1", p.get(t).body)
	})

	require.Zero(t, h.closeAll(t), "sessions that have ended must not be counted")
}

// closeAll closes all sessions, and returns how many remain open.
func (h *testServer) closeAll(t testing.TB) int {
	t.Helper()
	h.byID.Range(func(_, s any) bool { s.(*session).Close(engineio.ForcedClose); return true })
	return h.Len()
}

// waitForPoll waits until a poll waits.
func (s *session) waitForPoll(t testing.TB) {
	t.Helper()
	require.Eventually(t, s.Polls, patience, time.Millisecond, "no poll waits")
}

// slowBody begins a request with packets. The test writes its body with the func that slowBody returns.
func (h *testServer) slowBody(t testing.TB, p *pollingClient) (<-chan answer, func(string)) {
	t.Helper()
	nc := h.dialRaw(t)
	_, err := fmt.Fprintf(nc, "POST /socket.io/?EIO=4&%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		p.query())
	require.NoError(t, err)
	out := make(chan answer, 1)
	go func() { out <- readAnswer(nc) }()
	return out, func(s string) {
		_, err := nc.Write([]byte(s))
		require.NoError(t, err)
	}
}

// postUntilRefused posts until that ends the session. The server may not have begun to read the request that is
// to overlap.
func (p *pollingClient) postUntilRefused(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return p.post(t, "6").status == http.StatusBadRequest }, patience,
		time.Millisecond)
}

func TestPollingLimits(t *testing.T) {
	t.Run("OversizedBodies", func(t *testing.T) {
		h := serve(t, engineio.Config{MaxPayload: 100})
		p, c := h.poll(t)
		require.Equal(t, 200, p.post(t, "4"+strings.Repeat("x", 99)).status,
			"a body of exactly the limit must be accepted")
		require.Len(t, c.text(t), 99)
		for name, body := range map[string]string{
			"OfKnownLength": "Content-Length: 101\r\n\r\n4" + strings.Repeat("x", 100),
			"OfUnknownLength": "Transfer-Encoding: chunked\r\n\r\n65\r\n4" + strings.Repeat("x",
				100) + "\r\n0\r\n\r\n",
			"ThatHasNotCome":  "Content-Length: 1000000000\r\n\r\n4x",
			"OfEndlessChunks": "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("a\r\n4xxxxxxxxx\r\n", 100),
			"WithAContentType": "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 101\r\n\r\n4" +
				strings.Repeat("x", 100),
		} {
			t.Run(name, func(t *testing.T) {
				p, c := h.poll(t)
				waiting := p.getAsync(t)
				nc := h.dialRaw(t)
				_, err := fmt.Fprintf(nc, "POST /socket.io/?EIO=4&%s HTTP/1.1\r\nHost: x\r\n%s", p.query(), body)
				require.NoError(t, err)
				a := readAnswer(nc)
				require.Equal(t, 413, a.status)
				require.Empty(t, a.body, "the response must have no body, as in Node.js")
				require.ErrorContains(t, c.ended(t, engineio.TransportError), "larger than")
				require.Contains(t, []int{200, 400}, receive(t, waiting, "the answer to the poll").status,
					"the poll must end with the session, or be refused after it")
				require.Equal(t, 400, p.get(t).status)
				require.Empty(t, c.messages)
			})
		}
	})

	t.Run("SlowBody", func(t *testing.T) {
		h := serve(t, engineio.Config{PingTimeout: 100 * time.Millisecond})
		p, c := h.poll(t)
		slow, write := h.slowBody(t, p)
		write("4aaaa")
		require.Equal(t, 400, receive(t, slow, "the answer").status)
		require.Error(t, c.ended(t, engineio.TransportError))
	})

	t.Run("TruncatedBody", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		p, c := h.poll(t)
		nc := h.dialRaw(t)
		_, err := fmt.Fprintf(nc, "POST /socket.io/?EIO=4&%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4abc",
			p.query())
		require.NoError(t, err)
		require.NoError(t, nc.Close())
		require.Error(t, c.ended(t, engineio.TransportError))
		require.Empty(t, c.messages, "packets of an incomplete body must not be delivered")
	})

	t.Run("EndOfTheSessionAbortsABody", func(t *testing.T) {
		h := serve(t, engineio.Config{})
		p, c := h.poll(t)
		slow, write := h.slowBody(t, p)
		write("4aaaa")
		p.postUntilRefused(t)
		require.Equal(t, 400, receive(t, slow, "the answer, long before the body's deadline").status)
		c.ended(t, engineio.TransportError)
	})
}
