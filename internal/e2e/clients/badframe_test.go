package clients_test

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// frame returns a WebSocket frame with these first bytes and a mask of zeros, which leaves the payload unchanged.
func frame(first byte, payload string) []byte {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	return append(append(out, 0, 0, 0, 0), payload...)
}

// badFrames violate the rules of WebSocket or of the upgrade to it.
var badFrames = []scenario{
	{name: "InvalidFrames", config: config{maxPayload: 1000}, run: func(f *fixture) {
		for name, p := range map[string][]byte{
			"not masked":           {0x81, 1, '4'},
			"reserved bits":        frame(0xf1, "4"),
			"compressed, unasked":  frame(0xc1, "4"),
			"reserved opcode":      frame(0x83, "4"),
			"reserved control":     frame(0x8b, "4"),
			"control in fragments": frame(0x09, "x"),
			"long control":         frame(0x89, strings.Repeat("x", 126)),
			"continues nothing":    frame(0x80, "4"),
			"two beginnings":       append(frame(0x01, "4"), frame(0x01, "4")...),
			"no UTF-8":             frame(0x81, "42[\"\xff\"]"),
			"half a character":     frame(0x81, "42[\"\xe2\x82\"]"),
			"close without code":   frame(0x88, "x"),
			"close with bad code":  frame(0x88, "\x00\x01"),
			"length of 2^63":       {0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			"length of 2^40":       {0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x'},
			"too large":            frame(0x81, strings.Repeat("4", 1001)),
			"too large in pieces": append(frame(0x01, strings.Repeat("4", 600)),
				frame(0x80, strings.Repeat("4", 600))...),
			"no frame at all": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		} {
			s := f.member()
			s.bytes(p)
			code := s.closed()
			want := map[string]string{"too large": "1009", "too large in pieces": "1009", "length of 2^63": "1009",
				"length of 2^40": "1009", "no UTF-8": "1007", "half a character": "1007"}[name]
			if want == "" {
				want = "1002"
			}
			if strings.HasPrefix(name, "close ") || name == "length of 2^63" || name == "no frame at all" || f.onNode {
				want = code // both are allowed
			}
			require.Equal(f, want, code, name)
			f.goneFor(s.id, anyReason)
			f.healthy.fine()
		}
	}},
	{name: "AnyNumberOfSmallFragments", config: config{maxPayload: 1000}, run: func(f *fixture) {
		s := f.member()
		text := `420["echo","` + strings.Repeat("ü", 100) + `"]`
		s.bytes(frame(0x01, ""))
		for i := range len(text) { // cuts characters in two
			s.bytes(frame(0x00, text[i:i+1]))
			s.bytes(frame(0x89, "between"))
		}
		s.bytes(frame(0x80, ""))
		for p := s.next(); p != "between"; p = s.next() {
		}
		for {
			if p := s.next(); p != "between" {
				require.Equal(f, `430["`+strings.Repeat("ü", 100)+`"]`, p)
				break
			}
		}
	}},
	{name: "TruncatedFrame", run: func(f *fixture) {
		s := f.member()
		p := frame(0x81, `420["echo","x"]`)
		s.bytes(p[:len(p)-3])
		require.NoError(f, s.conn.Close())
		f.goneFor(s.id, "transport close")
	}},
	{name: "FrameThatDoesNotEnd", config: config{pingInterval: pingSoon, pingTimeout: pongLate}, run: func(f *fixture) {
		s := f.member()
		p := frame(0x81, `420["echo","x"]`)
		s.mute.Store(true)
		s.bytes(p[:len(p)-3])
		s.closed()
		f.goneFor(s.id, "ping timeout")
	}},
	{name: "PacketsWithoutType", run: func(f *fixture) {
		for _, p := range []string{"9", "x", "-", "{}"} {
			s := f.member()
			s.text(p)
			s.closed()
			f.goneFor(s.id, "parse error")
		}
	}},
	{name: "EmptyMessage", run: func(f *fixture) {
		s := f.member()
		s.text("")
		s.closed()
		f.goneFor(s.id, "parse error")
	}},
	{name: "PingByTheClient", run: func(f *fixture) {
		s := f.member()
		s.text("2")
		s.closed()
		f.goneFor(s.id, "transport error")
	}},
	{name: "PacketsOutOfOrder", notOnNode: true, run: func(f *fixture) { // Node.js ignores them
		for _, p := range []string{"0", `0{"sid":"x"}`, "5", "2probe"} {
			s := f.member()
			s.text(p)
			s.closed()
			f.goneFor(s.id, "transport error")
		}
	}},
	{name: "UnsolicitedPong", run: func(f *fixture) {
		s := f.member()
		s.text("3", "3", "3x", "6")
		s.fine()
	}},
	{name: "SecondWebSocketOfASession", config: config{upgradeTimeout: time.Second}, run: func(f *fixture) {
		s := f.member()
		if second, err := f.dial("EIO=4&transport=websocket&sid=" + s.sid); err == nil {
			second.text("2probe")
			second.closed()
		}
		s.fine()
	}},
	{name: "TwoUpgradesAtATime", run: func(f *fixture) {
		p := f.polling()
		one, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
		require.NoError(f, err)
		one.text("2probe")
		one.expect("3probe")
		if two, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid); err == nil {
			two.closed()
		}
		one.text("5", `420["echo","upgraded"]`)
		one.expect(`430["upgraded"]`)
	}},
	{name: "UpgradeWithWrongPackets", run: func(f *fixture) {
		for _, word := range []string{"5", "2", "2probx", "40", "x", `42["echo"]`} {
			p := f.polling()
			s, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
			require.NoError(f, err)
			s.text(word)
			if word == "5" && f.onNode { // Node.js upgrades
				continue
			}
			s.closed()
			p.fine() // polling still works
		}
	}},
	{name: "UpgradeThatStalls", config: config{upgradeTimeout: time.Second}, run: func(f *fixture) {
		for _, words := range [][]string{nil, {"2probe"}} {
			p := f.polling()
			s, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
			require.NoError(f, err)
			s.text(words...)
			s.closed()
			p.fine()
		}
	}},
	{name: "SecondWebSocketAfterUpgrade", run: func(f *fixture) {
		p := f.polling()
		s, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
		require.NoError(f, err)
		s.text("2probe")
		s.expect("3probe")
		other, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
		require.NoError(f, err, "it must be accepted")
		require.Equal(f, "", other.closed(), "it must be closed without a code")
		s.text("5")
		s.fine()
		other, err = f.dial("EIO=4&transport=websocket&sid=" + p.sid)
		require.NoError(f, err)
		require.Equal(f, "", other.closed())
		s.fine()
	}},
	{name: "UpgradeWhoseConnectionBreaks", run: func(f *fixture) {
		p := f.polling()
		s, err := f.dial("EIO=4&transport=websocket&sid=" + p.sid)
		require.NoError(f, err)
		s.text("2probe")
		s.expect("3probe")
		require.NoError(f, s.conn.Close())
		p.fine()
		// The next attempt succeeds when the server has noticed the end of the first. Until then it closes others.
		for answer := ""; answer != "3probe"; answer = s.next() {
			s, err = f.dial("EIO=4&transport=websocket&sid=" + p.sid)
			require.NoError(f, err)
			s.text("2probe")
		}
		s.text("5")
		s.fine()
	}},
}
