package engineio

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// closed handles a close frame.
func (s *socket) closed(payload []byte) {
	last := goodbyeNormal
	if len(payload) > 0 {
		code, reason := ws.ParseCloseFrameData(payload)
		switch {
		case !isCloseCode(code):
			s.fail(errCloseCode, goodbyeProtocol)
			return
		case !utf8.ValidString(reason):
			s.fail(errNoUTF8, goodbyeText)
			return
		}
		last = fixedFrame(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))), nil)
	}
	s.broken = true // nothing may follow
	if s.probing {
		s.reject(last)
		return
	}
	s.conn.goodbye(last)
}

var errCloseCode = errors.New("engineio: a close frame with a code that no endpoint may send")

// isCloseCode reports whether an endpoint may send a code: those of RFC 6455, 7.4, those registered since, and those that are for libraries
// and applications.
func isCloseCode(code ws.StatusCode) bool {
	switch code {
	case 1004, 1005, 1006: // without a meaning yet, or for what never was a frame
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}

// violation is the goodbye to a client whose frames are against the rules.
func violation(err error) *Frame {
	switch err {
	case errTooLarge:
		return goodbyeTooBig
	case errNoUTF8:
		return goodbyeText
	}
	return goodbyeProtocol
}

// reject ends a probe, with a close frame if last is not nil. The session can be upgraded anew before the client knows.
func (s *socket) reject(last *Frame) {
	s.broken = true
	s.conn.disown(s)
	if last != nil {
		if nc, ok := s.nc.(interface{ SetWriteDeadline(time.Time) error }); ok { // where a write may wait
			_ = nc.SetWriteDeadline(time.Now().Add(lingerTimeout))
		}
		_, _ = s.nc.Write(last.webSocket()) // what a probe is sent is so little that there is room
	}
	s.cut()
}

// goodbye is called when the client has said its own: the session ends, and the connection when last has been written.
func (c *Conn) goodbye(last *Frame) {
	c.mu.Lock()
	c.answered = true
	departed := c.departed
	c.mu.Unlock()
	if departed {
		c.end("", nil, nil)
		return
	}
	c.end(TransportClose, nil, last)
}

// parting reports whether frames and a close frame are still to be sent to a client that has closed its side of the connection.
func (c *Conn) parting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() != isClosing || c.departed {
		return false
	}
	c.answered = true
	return true
}
