package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestRoomsSpanAllNodes(t *testing.T) {
	onEachBus(t, func(t *testing.T, c config) {
		n := start(t, c)
		a, b, elsewhere := join(t, n.urls[0], "r"), join(t, n.urls[1], "r"), join(t, n.urls[1], "other")
		a.meet(t, "r", 2)
		b.meet(t, "r", 2)
		a.send(t, `["say","r","from a"]`)
		b.expect(t, `["said","r","from a"]`)
		b.send(t, `["say","r","from b, \"quoted\""]`)
		a.expect(t, `["said","r","from a"]`, `["said","r","from b, \"quoted\""]`)
		b.expect(t, `["said","r","from b, \"quoted\""]`)

		large := strings.Repeat("x", 15_000) // more than a notification of PostgreSQL carries
		a.send(t, `["say","r","`+large+`"]`)
		a.expect(t, `["said","r","`+large+`"]`)
		b.expect(t, `["said","r","`+large+`"]`)

		b.send(t, `["leave","r"]`)
		b.expect(t, `["left","r"]`)
		a.send(t, `["say","r","alone"]`, `["say","other","and now you"]`)
		a.expect(t, `["said","r","alone"]`)
		elsewhere.expect(t, `["said","other","and now you"]`) // and nothing before it
		b.send(t, `["who","other"]`)
		b.expect(t, `["here","other",1]`) // b has received nothing else either
		b.stop()
		elsewhere.stop()
		a.meet(t, "other", 0)
	})
}

func TestSlowClientIsDisconnectedAndDelaysNobody(t *testing.T) {
	onEachBus(t, func(t *testing.T, c config) {
		n := start(t, c)
		fast, remote, slow := join(t, n.urls[0], "r"), join(t, n.urls[1], "r"), connectWithoutReading(t, n.urls[0], "r")
		fast.meet(t, "r", 3)
		said := `["said","r","` + strings.Repeat("x", 15_000) + `"]`
		for left := `["here","r",2]`; ; {
			fast.send(t, strings.Replace(said, "said", "say", 1), `["who","r"]`)
			fast.expect(t, said)
			remote.expect(t, said)
			if got := receive(t, fast.got, left); got == left {
				break
			}
		}
		var err error
		for require.NoError(t, slow.SetWriteDeadline(time.Now().Add(timeout))); err == nil; {
			_, err = slow.Write(masked(ws.NewPongFrame(nil))) // fails when the connection has been cut
		}
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		fast.send(t, `["say","r","on we go"]`)
		fast.expect(t, `["said","r","on we go"]`)
		remote.expect(t, `["said","r","on we go"]`)
	})
}

func TestShutdownDisconnectsClientsAndLeavesNothing(t *testing.T) {
	onEachBus(t, func(t *testing.T, c config) {
		n := start(t, c)
		a, b := join(t, n.urls[0], "r"), join(t, n.urls[1])
		silent := connectWithoutReading(t, n.urls[1], "r") // does not answer the close frame
		a.meet(t, "r", 2)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for _, v := range []*visitor{a, b} {
				for got := range v.got {
					if got == "closed 1001 the server shuts down" {
						v.stop()
						break
					}
				}
			}
		}()
		n.stop() // checks for goroutines, so the visitors must end first
		receive(t, ended, "the end of the visitors")
		require.NoError(t, silent.SetReadDeadline(time.Now().Add(timeout)))
		_, err := io.Copy(io.Discard, silent)
		require.NoError(t, err, "the connection must be closed")
	})
}

func TestFrameIsSharedAndVolatileIsDropped(t *testing.T) {
	h := newHub(config{})
	clients := []*client{newClient(h, nil), newClient(h, nil)}
	for _, c := range clients {
		h.Add(c, "r")
	}
	event, err := backplane.NewArgs("news", "text")
	require.NoError(t, err)
	p := &backplane.Packet{Args: event, Flags: backplane.Flags{Volatile: true}}
	h.Broadcast(p, backplane.Selector{Rooms: []string{"r"}})
	require.Same(t, &(<-clients[0].queue)[0], &(<-clients[1].queue)[0], "both received the same bytes")
	for range 2 * maxQueue {
		h.Broadcast(p, backplane.Selector{})
	}
	require.Len(t, clients[0].queue, maxQueue)
	require.Equal(t, 2, h.Len(), "a volatile event that does not fit disconnects no client")
}

func TestClientsLearnAboutGaps(t *testing.T) {
	proxy := pgtest.NewProxy(t, pgtest.Database(t))
	n := start(t, config{listen: "127.0.0.1:0", postgres: proxy.URL(), heartbeat: 25 * time.Second})
	v := join(t, n.urls[0], "r")
	require.NotZero(t, proxy.Cut())
	v.expect(t, `["missed"]`)
	v.send(t, `["who","r"]`)
	v.expect(t, `["here","r",1]`)
}

func TestBadMessageDisconnectsOnlyItsClient(t *testing.T) {
	n := start(t, config{listen: "127.0.0.1:0", heartbeat: 25 * time.Second})
	other := join(t, n.urls[0], "r")
	fragment := func(op ws.OpCode, fin bool, size int) []byte {
		return masked(ws.NewFrame(op, fin, []byte(strings.Repeat("x", size))))
	}
	for name, c := range map[string]struct {
		sent []byte
		want string
	}{
		"NoJSON":    {masked(ws.NewTextFrame([]byte("hello"))), "closed 1007 no event"},
		"NoEvent":   {masked(ws.NewTextFrame([]byte("{}"))), "closed 1007 no event"},
		"NoStrings": {masked(ws.NewTextFrame([]byte(`["join",{}]`))), "closed 1007 arguments are strings"},
		"Unknown":   {masked(ws.NewTextFrame([]byte(`["said","r","x"]`))), "closed 1008 unknown event"},
		"NotUTF8":   {masked(ws.NewTextFrame([]byte{0xff})), "closed 1007 not UTF-8"},
		"Binary":    {masked(ws.NewBinaryFrame([]byte("x"))), "closed 1003 not text"},
		"Unmasked":  {ws.MustCompileFrame(ws.NewTextFrame([]byte("x"))), "closed 1002 not WebSocket"},
		"TooLarge":  {fragment(ws.OpText, true, maxMessage+1), "closed 1009 message too large"},
		"TooManyParts": {append(fragment(ws.OpText, false, maxMessage), fragment(ws.OpContinuation, true, 1)...),
			"closed 1009 message too large"},
		"CloseFrame":    {masked(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye"))), "closed 1000"},
		"RoomAfterRoom": {masked(ws.NewTextFrame([]byte(`["join","one more"]`))), "closed 1008 too many rooms"},
	} {
		t.Run(name, func(t *testing.T) {
			v := connect(t, n.urls[0], true)
			if name == "RoomAfterRoom" {
				for i := range maxRooms {
					// Wait for each answer before sending the next message: a client that sends without reading
					// is disconnected.
					room := strings.Repeat("x", i)
					v.send(t, `["join","`+room+`"]`)
					v.expect(t, `["joined","`+room+`"]`)
				}
			}
			_, err := v.conn.Write(c.sent)
			require.NoError(t, err)
			v.expect(t, c.want)
			v.expect(t, "gone")
			other.send(t, `["say","r","unharmed"]`)
			other.expect(t, `["said","r","unharmed"]`)
		})
	}
}

func TestHeartbeat(t *testing.T) {
	n := start(t, config{listen: "127.0.0.1:0", heartbeat: time.Second})
	rude, polite := connect(t, n.urls[0], false), connect(t, n.urls[0], true)
	for last := ""; last != "gone"; {
		last = receive(t, rude.got, "the end of who does not answer")
	}
	for range 3 {
		polite.expect(t, "ping")
	}
	_, err := polite.conn.Write(masked(ws.NewPingFrame([]byte("you too?"))))
	require.NoError(t, err)
	for got := ""; got != "pong you too?"; {
		if got = receive(t, polite.got, "the answer to a ping"); got != "pong you too?" {
			require.Equal(t, "ping", got)
		}
	}
}

func TestOrigin(t *testing.T) {
	n := start(t, config{listen: "127.0.0.1:0", heartbeat: 25 * time.Second,
		origins: "https://friend.example,https://other.example"})
	host := strings.TrimSuffix(strings.TrimPrefix(n.urls[0], "ws://"), "/")
	for origin, want := range map[string]int{
		"":                           http.StatusSwitchingProtocols,
		"http://" + host:             http.StatusSwitchingProtocols,
		"https://other.example":      http.StatusSwitchingProtocols,
		"https://other.example:8443": http.StatusForbidden,
		"http://other.example":       http.StatusForbidden,
		"http://" + host + ".evil":   http.StatusForbidden,
		"null":                       http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		require.Equal(t, want, request(t, n.urls[0], header), "a page of %q", origin)
	}
	response, err := http.Get("http://" + host)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "a request that is not a WebSocket handshake")
	http.DefaultClient.CloseIdleConnections()
}

func TestRunReturnsTheErrorOfANodeThatCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	c := config{listen: "127.0.0.1:0," + taken.Addr().String(), heartbeat: time.Second}
	require.ErrorContains(t, run(t.Context(), c, io.Discard), "bind")
	c.postgres = "postgres://127.0.0.1:1/nowhere?connect_timeout=5"
	require.Error(t, run(t.Context(), c, io.Discard))
}

// README.md says to type these lines.
func TestTalk(t *testing.T) {
	n := start(t, config{listen: "127.0.0.1:0,127.0.0.1:0", heartbeat: 25 * time.Second})
	listener := join(t, n.urls[1], "lobby")
	listener.meet(t, "lobby", 1)
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- talk(t.Context(), n.urls[0], in, out)
		_ = out.Close()
	}()
	lines := bufio.NewScanner(printed)
	for _, step := range [][2]string{
		{`["join","lobby"]`, `["joined","lobby"]`},
		{`["say","lobby","hello"]`, `["said","lobby","hello"]`},
		{`["who","lobby"]`, `["here","lobby",2]`},
	} {
		_, err := io.WriteString(typed, step[0]+"\n")
		require.NoError(t, err)
		require.True(t, lines.Scan())
		require.Equal(t, step[1], lines.Text())
	}
	listener.expect(t, `["said","lobby","hello"]`)
	_, err := io.WriteString(typed, `["say","lobby","the last"]`+"\n")
	require.NoError(t, err)
	require.NoError(t, typed.Close())
	require.True(t, lines.Scan())
	require.Equal(t, `["said","lobby","the last"]`, lines.Text(), "the last line is not lost")
	require.True(t, lines.Scan())
	require.Equal(t, "closed: 1000 ", lines.Text())
	require.False(t, lines.Scan())
	require.NoError(t, receive(t, ended, "the end of the client"))
	listener.expect(t, `["said","lobby","the last"]`)
}
