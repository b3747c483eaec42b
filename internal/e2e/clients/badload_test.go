package clients_test

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// loads are clients that follow the protocol but are many or slow.
var loads = []scenario{
	{name: "ClientsThatJoinNothing", config: config{connectTimeout: 2 * time.Second}, run: func(f *fixture) {
		s, p, refused := f.socket(), f.poll(), f.socket()
		refused.text("40/unknown,")
		s.closed()
		refused.closed()
		p.unknown()
	}},
	{name: "ClientThatDoesNotAnswerPings", config: config{pingInterval: pingSoon, pingTimeout: pongLate},
		run: func(f *fixture) {
			s := f.member()
			s.mute.Store(true)
			p := f.polling() // the client never polls again
			s.closed()
			f.goneFor(s.id, "ping timeout")
			f.goneFor(p.id, "ping timeout")
		}},
	{name: "ManySilentConnections", config: config{connectTimeout: 800 * time.Millisecond}, run: func(f *fixture) {
		const n = 600
		var mute []net.Conn
		for range n { // no request
			mute = append(mute, f.stream(""))
		}
		var sockets []*rawSocket
		for range n / 2 { // no connect packet
			s, err := f.dial("EIO=4&transport=websocket")
			require.NoError(f, err)
			sockets = append(sockets, s)
		}
		const request = "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\n" +
			"Host: x\r\nContent-Length: 1000\r\n\r\n"
		for i := range n / 4 {
			f.stream(request[:20+i%60]) // half a request
		}
		f.healthy.fine()
		for _, s := range sockets {
			s.closed()
		}
		f.healthy.fine()
		for _, c := range mute {
			_ = c.Close()
		}
	}},
	{name: "ClientThatDoesNotRead", notOnNode: true, run: func(f *fixture) {
		// a connection that is not read, with its own room
		conn := f.stream("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: " +
			"Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		_, err := conn.Write(frame(0x81, `40{"rooms":["slow"]}`))
		require.NoError(f, err)
		id := f.report("connection", func(e serverEvent) bool { return len(e.Rooms) == 2 }).ID
		text := strings.Repeat("x", 100_000)
		for i := 0; ; i++ {
			_, err := f.server.run(f.ctx, emit("flood", i, text))
			require.NoError(f, err)
			f.healthy.expect(fmt.Sprintf(`42["flood",%d,"%s"]`, i, text))
			if len(f.must(op{Call: "fetchSockets"}.to("slow")).Sockets) == 0 {
				break
			}
		}
		f.goneFor(id, "send queue full")
	}},
	{name: "ClientThatDoesNotPoll", notOnNode: true, run: func(f *fixture) {
		p := f.polling()
		text := strings.Repeat("x", 100_000)
		for i := 0; ; i++ {
			f.must(emit("flood", i, text))
			f.healthy.expect(fmt.Sprintf(`42["flood",%d,"%s"]`, i, text))
			if len(f.must(op{Call: "fetchSockets"}.to(p.id)).Sockets) == 0 {
				break
			}
		}
		f.goneFor(p.id, "send queue full")
	}},
	{name: "ClientThatRequestsFasterThanItReads", run: func(f *fixture) {
		const n = 4000 // all answers may be queued at the same time, so no more than SendQueue
		s := f.member()
		var p []byte
		for i := range n {
			p = append(p, frame(0x81, fmt.Sprintf(`42%d["echo","%d"]`, i, i))...)
		}
		s.bytes(p)
		for i := range n {
			if i%1000 == 0 {
				f.healthy.fine()
			}
			s.expect(fmt.Sprintf(`43%d["%d"]`, i, i))
		}
	}},
	{name: "ManySlowBodies", notOnNode: true, config: config{pingInterval: pingSoon, pingTimeout: pongLate},
		run: func(f *fixture) {
			const n = 50
			var polls []*rawPoll
			for range n {
				p := f.polling()
				polls = append(polls, p)
				f.stream(fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "+
					"x\r\nContent-Length: 1000\r\n\r\n42", p.sid))
				f.healthy.fine()
			}
			for _, p := range polls {
				f.goneFor(p.id, anyReason)
			}
		}},
}
