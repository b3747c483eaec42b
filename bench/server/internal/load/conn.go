package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
)

// conn is the connection of a client.
type conn struct {
	fd    int
	index int
	addr  netip.AddrPort
	state state
	sid   string // the Engine.IO session, for polling
	rest  []byte // the part of an incomplete frame that was read

	next int   // number of the next message or acknowledgement
	sent int64 // when the outstanding request was sent, Unix nanoseconds
}

type state byte

const (
	responding state = iota // waits for an HTTP response: to the upgrade, or to the first request of polling
	joining                 // polling: waits for the response to the request with CONNECT
	polling                 // polling: waits for the response with the server's CONNECT
	opening                 // WebSocket: waits for the OPEN packet
	connecting              // WebSocket: waits for the server's CONNECT
	ready
)

// The example of RFC 6455, section 1.3.
const (
	secret = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// upgrade requests a WebSocket with the headers that the npm package ws sends.
func (c *conn) upgrade(path string) error {
	return c.write(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate; "+
		"client_max_window_bits\r\nHost: %s\r\n\r\n", path, secret, c.addr))
}

// handle handles what a client received and returns the incomplete rest.
func (l *loop) handle(c *conn, b []byte) (rest []byte, err error) {
	if l.polling {
		return l.poll(c, b)
	}
	if c.state == responding {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return b, nil
		}
		if head := b[:end]; !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(accept)) {
			return nil, fmt.Errorf("the upgrade was refused: %.300q", head)
		}
		c.state = opening
		b = b[end+4:]
		if l.dialect.hello != "" {
			if err := c.write(masked(nil, l.dialect.hello)); err != nil {
				return nil, err
			}
		}
	}
	for {
		payload, after, err := frame(b)
		if err != nil || payload == nil {
			return b, err
		}
		if err := l.dialect.packet(l, c, payload); err != nil {
			return nil, err
		}
		b = after
	}
}

// packet handles an Engine.IO packet.
func (l *loop) packet(c *conn, p []byte) error {
	switch {
	case p[0] == '4' && c.state == ready:
		return l.message(c, p)
	case p[0] == '2' && len(p) == 1:
		return c.write(masked(nil, "3"))
	case p[0] == '0' && c.state == opening:
		c.state = connecting
		return c.write(masked(nil, "40"))
	case bytes.HasPrefix(p, []byte(`40{"sid":"`)) && c.state == connecting:
		l.joined(c)
		return nil
	}
	return fmt.Errorf("unexpected packet %.200q", p)
}

func (l *loop) joined(c *conn) {
	c.state = ready
	l.opening--
	l.connected++
}

var errFrame = errors.New("not a text message in one frame")

// frame returns the payload of the first frame of b, nil if it is incomplete. It supports what the servers
// send: text messages in one frame, not compressed and not masked.
func frame(b []byte) (payload, rest []byte, err error) {
	if len(b) < 2 {
		return nil, b, nil
	}
	if b[0] != 0x81 {
		return nil, b, fmt.Errorf("%w: %.100q", errFrame, b)
	}
	n, at := int(b[1]), 2
	switch {
	case n == 126:
		if len(b) < 4 {
			return nil, b, nil
		}
		n, at = int(b[2])<<8|int(b[3]), 4
	case n > 126 || n == 0:
		return nil, b, fmt.Errorf("%w: %.100q", errFrame, b)
	}
	if len(b) < at+n {
		return nil, b, nil
	}
	return b[at : at+n], b[at+n:], nil
}

// masked appends a frame as clients send it.
func masked(b []byte, payload string) []byte {
	mask := [4]byte{0x5a, 0xc3, 0x17, 0x8e}
	b = append(b, 0x81)
	if n := len(payload); n < 126 {
		b = append(b, 0x80|byte(n))
	} else {
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}
