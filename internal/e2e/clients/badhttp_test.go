package clients_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

const anyReason = ""

// badRequests violate the rules of Engine.IO.
var badRequests = []scenario{
	{name: "ProtocolVersion", run: func(f *fixture) {
		for _, eio := range []string{"EIO=3&", "EIO=5&", "EIO=&", "EIO=4x&", ""} {
			f.refuses("GET", eio+"transport=polling", 400, 5)
			s, err := f.dial(eio + "transport=websocket")
			if f.onNode && err == nil { // Node.js refuses it after it has been opened
				s.closed()
				continue
			}
			require.Error(f, err)
		}
	}},
	{name: "ProtocolVersionOfASession", run: func(f *fixture) {
		p := f.polling()
		f.refuses("GET", "EIO=3&transport=polling&sid="+p.sid, 400, 3)
		p.fine()
	}},
	{name: "UnknownTransport", run: func(f *fixture) {
		for _, transport := range []string{"", "transport=", "transport=tcp", "transport=Polling",
			"transport=webtransport", "transport=__proto__", "transport=constructor"} {
			f.refuses("GET", "EIO=4&"+transport, 400, 0)
		}
	}},
	{name: "UnknownSession", run: func(f *fixture) {
		for _, sid := range []string{"x", strings.Repeat("A", 20), "__proto__", "constructor", "%00",
			strings.Repeat("x", 2000), "../../etc"} {
			f.refuses("GET", "EIO=4&transport=polling&sid="+sid, 400, 1)
			f.refuses("POST", "EIO=4&transport=polling&sid="+sid, 400, 1)
			_, err := f.dial("EIO=4&transport=websocket&sid=" + sid)
			require.Error(f, err, "a client must not choose its session")
		}
	}},
	{name: "SocketIDIsNotASession", run: func(f *fixture) {
		p := f.polling()
		require.NotEqual(f, p.sid, p.id)
		f.refuses("GET", "EIO=4&transport=polling&sid="+p.id, 400, 1)
		p.fine()
	}},
	{name: "HandshakeWithAnotherMethod", run: func(f *fixture) {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			f.refuses(method, "EIO=4&transport=polling", 400, 2)
		}
	}},
	{name: "OtherMethodsOnASession", run: func(f *fixture) {
		p := f.polling()
		for _, method := range []string{"PUT", "DELETE", "PATCH"} {
			require.GreaterOrEqual(f, f.request(method, p.url(), nil, nil).Status, 400)
		}
		p.fine()
	}},
	{name: "WebSocketWithoutHandshake", run: func(f *fixture) {
		f.refuses("GET", "EIO=4&transport=websocket", 400, 3)
		p := f.polling()
		f.refuses("GET", "EIO=4&transport=websocket&sid="+p.sid, 400, 3)
		f.refuses("POST", "EIO=4&transport=websocket&sid="+p.sid, 400, 3)
		p.fine()
		for name, header := range map[string]string{
			"version": "Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
			"no key":  "Sec-WebSocket-Version: 13\r\n",
			"key":     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
		} {
			conn := f.stream("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: " +
				"Upgrade\r\nUpgrade: websocket\r\n" + header + "\r\n")
			answer := f.ended(conn)
			require.Regexp(f, `^HTTP/1\.1 4\d\d `, answer, name)
		}
	}},
	{name: "PollingOfASessionOnWebSocket", run: func(f *fixture) {
		s := f.member()
		f.refuses("GET", "EIO=4&transport=polling&sid="+s.sid, 400, 3)
		f.refuses("POST", "EIO=4&transport=polling&sid="+s.sid, 400, 3)
		s.fine()
	}},
	{name: "OtherPath", notOnNode: true, run: func(f *fixture) {
		for _, path := range []string{"/", "/socket.io", "/socket.iox/", "/socket.io/x", "/socket.io//",
			"/engine.io/"} {
			r := f.request("GET", f.server.url()+path+"?EIO=4&transport=polling", nil, nil)
			if path == "/socket.io" { // Node.js serves it too
				continue
			}
			require.Equal(f, 404, r.Status, path)
		}
	}},
	{name: "OtherOrigin", notOnNode: true, config: config{origins: []string{"https://good.example"}},
		run: func(f *fixture) {
			origin := func(o string) response {
				return f.request("GET", f.endpoint("http", "EIO=4&transport=polling"), nil, http.Header{"Origin": {o}})
			}
			for _, o := range []string{"https://evil.example", "http://good.example",
				"https://good.example.evil.example",
				"https://good.example:8443", "null", "file://", "x", "https://xgood.example"} {
				r := origin(o)
				require.Equal(f, 403, r.Status, o)
				require.Equal(f, 4, r.Code)
				require.Empty(f, r.Header.Get("Access-Control-Allow-Origin"))
			}
			r := origin("https://good.example")
			require.Equal(f, 200, r.Status)
			require.Equal(f, "https://good.example", r.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(f, 200, origin(f.server.url()).Status, "pages of the same origin are allowed")
		}},
	{name: "HugeURLAndHeaders", run: func(f *fixture) {
		r := f.request("GET", f.endpoint("http", "EIO=4&transport=polling&x="+strings.Repeat("x", 100_000)), nil, nil)
		require.Contains(f, []int{0, 400, 414, 431}, r.Status)
		r = f.request("GET", f.endpoint("http", "EIO=4&transport=polling"), nil,
			http.Header{"X-Long": {strings.Repeat("x", 100_000)}})
		require.Contains(f, []int{0, 400, 431}, r.Status)
	}},
	{name: "TwoPollsAtATime", run: func(f *fixture) {
		p := f.polling()
		first := make(chan response, 1)
		go func() { first <- p.get() }()
		second := p.get()
		if second.Status == 200 { // it arrived first
			second = <-first
		} else {
			<-first
		}
		require.Equal(f, 400, second.Status)
		p.over("transport error")
	}},
	{name: "TwoPostsAtATime", run: func(f *fixture) {
		p := f.polling()
		for range 2 {
			f.stream(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "+
				"x\r\nContent-Length: 10\r\n\r\n4", p.sid))
		}
		p.over("transport error")
	}},
	{name: "TooLargeBody", config: config{maxPayload: 1000}, run: func(f *fixture) {
		p := f.polling()
		require.Contains(f, []int{413, 0}, p.post(strings.Repeat("4", 1001)).Status)
		if !f.onNode { // on Node.js the session continues until its client closes it
			p.over("transport error")
		}
		p = f.polling() // without Content-Length
		r := f.request("POST", p.url(), io.MultiReader(strings.NewReader("4"),
			strings.NewReader(strings.Repeat("2", 1_000_000))), nil)
		require.Contains(f, []int{413, 0}, r.Status)
		f.nothingHeard()
	}},
	{name: "AnnouncedBodyIsTooLarge", config: config{maxPayload: 1000}, run: func(f *fixture) {
		p := f.polling()
		conn := f.stream(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "+
			"x\r\nContent-Length: 99999999999\r\n\r\n4x", p.sid))
		if !f.onNode {
			require.Regexp(f, `^HTTP/1\.1 413 `, f.ended(conn), "it must be refused before it has arrived")
		}
	}},
	{name: "TruncatedBody", run: func(f *fixture) {
		p := f.polling()
		conn := f.stream(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "+
			"x\r\nContent-Length: 100\r\n\r\n42[\"echo\"", p.sid))
		require.NoError(f, conn.Close())
		p.over("transport error")
	}},
	{name: "TruncatedPoll", run: func(f *fixture) {
		p := f.polling()
		conn := f.stream(fmt.Sprintf("GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n\r\n",
			p.sid))
		require.NoError(f, conn.Close())
		p.over("transport error")
	}},
	{name: "SlowBody", notOnNode: true, config: config{pingInterval: pingSoon, pingTimeout: pongLate},
		run: func(f *fixture) {
			p := f.polling()
			conn := f.stream(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "+
				"x\r\nContent-Length: 100000\r\n\r\n", p.sid))
			p.over(anyReason)
			f.ended(conn) // although the body is incomplete
		}},
	{name: "BinaryBody", run: func(f *fixture) {
		p := f.polling()
		r := f.request("POST", p.url(), bytes.NewReader([]byte{4, 0, 255}),
			http.Header{"Content-Type": {"application/octet-stream"}})
		require.Equal(f, 400, r.Status)
		p.over("transport error")
	}},
	{name: "MalformedBody", run: func(f *fixture) {
		for _, body := range []string{"9x", "x", "4\x1e", "\x1e4", "\x1e\x1e", "42[\"up\"]\x1e9", "{}"} {
			p := f.polling()
			p.post(body)
			if f.onNode && body == "4\x1e" { // Node.js keeps it until the next poll
				continue
			}
			p.over("parse error")
		}
	}},
	{name: "EmptyBody", run: func(f *fixture) {
		p := f.polling()
		p.post("")
		p.over("parse error")
	}},
	{name: "InvalidBase64", notOnNode: true, run: func(f *fixture) { // Node.js skips invalid characters
		p := f.polling()
		p.post("b!!!!")
		p.over("parse error")
	}},
	{name: "BodyIsNotUTF8", notOnNode: true, run: func(f *fixture) { // Node.js repairs it
		p := f.polling()
		p.post("42[\"echo\",\"\xff\xfe\"]")
		p.over(anyReason)
	}},
	{name: "CloseByPost", run: func(f *fixture) {
		p := f.polling()
		require.Equal(f, "ok", p.post("1").Body)
		p.over("transport close")
	}},
	{name: "PingsByTheClient", run: func(f *fixture) {
		p := f.polling()
		p.post("2")
		p.over("transport error")
	}},
	{name: "FloodOfPackets", run: func(f *fixture) {
		p := f.polling()
		const n = 5000
		packet := `42["up"]`
		require.Equal(f, "ok", p.post(strings.Repeat(packet+"\x1e", n-1)+packet).Body)
		for range n {
			require.Equal(f, "up", f.report("event", func(e serverEvent) bool { return e.ID == p.id }).Event)
		}
		p.fine()
	}},
}

// refuses requires that a request with this query is refused with this status and code of Engine.IO.
func (f *fixture) refuses(method, query string, status, code int) {
	f.Helper()
	r := f.request(method, f.endpoint("http", query), nil, nil)
	require.Equal(f, status, r.Status, "%s %s: %s", method, query, r.Body)
	require.Equal(f, code, r.Code, "%s %s: %s", method, query, r.Body)
}
