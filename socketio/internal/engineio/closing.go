package engineio

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

var errCloseCode = errors.New("engineio: close frame with a code that no endpoint may send")

// handleClose handles a close frame and answers with a close frame that has the same code.
func (s *socket) handleClose(payload []byte) {
	last := closeNormal
	if len(payload) > 0 {
		code, reason := ws.ParseCloseFrameData(payload)
		switch {
		case !wsframe.ValidCloseCode(code):
			s.fail(errCloseCode, closeProtocolError)
			return
		case !utf8.ValidString(reason):
			s.fail(wsframe.ErrNotUTF8, closeInvalidText)
			return
		}
		last = wsframe.NewEncodedFrame(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))), nil)
	}
	s.broken = true // no frame may follow a close frame
	if s.probing {
		s.rejectProbe(last)
		return
	}
	s.session.answerClose(last)
}

// violationClose returns the close message for a client whose frames violate the protocol.
func violationClose(err error) *wsframe.Frame {
	switch err {
	case wsframe.ErrTooLarge:
		return closeTooBig
	case wsframe.ErrNotUTF8:
		return closeInvalidText
	}
	return closeProtocolError
}

// rejectProbe ends a probe. It sends last, a close frame, unless last is nil. A new probe may begin before the
// client learns of the end.
func (s *socket) rejectProbe(last *wsframe.Frame) {
	s.broken = true
	s.session.removeProbe(s)
	if last != nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
		_, _ = s.conn.Write(last.Plain()) // a probe is sent so little that it fits into the socket's buffer
	}
	s.conn.Cut()
}

// answerClose is called when the client has sent a close frame. It ends the session at once, and the connection
// after last has been written.
func (c *Conn) answerClose(last *wsframe.Frame) {
	c.mu.Lock()
	c.clientClosed = true
	flushed := c.flushed
	c.mu.Unlock()
	if flushed {
		c.end("", nil, nil)
		return
	}
	c.end(TransportClose, nil, last)
}

// owesClose reports whether queued frames and a close message still have to be sent to a client that has closed
// its side of the connection.
func (c *Conn) owesClose() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() != isClosing || c.flushed {
		return false
	}
	c.clientClosed = true
	return true
}
