package engineio

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

var errCloseCode = errors.New("engineio: close frame with a code that no endpoint may send")

// handleClose handles a close frame. Its answer has the same code.
func (s *socket) handleClose(payload []byte) {
	last := goodbyeNormal
	if len(payload) > 0 {
		code, reason := ws.ParseCloseFrameData(payload)
		switch {
		case !wsframe.ValidCloseCode(code):
			s.fail(errCloseCode, goodbyeProtocol)
			return
		case !utf8.ValidString(reason):
			s.fail(wsframe.ErrNotUTF8, goodbyeText)
			return
		}
		last = wsframe.NewEncodedFrame(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))), nil)
	}
	s.broken = true // nothing may follow
	if s.probing {
		s.rejectProbe(last)
		return
	}
	s.session.answerGoodbye(last)
}

// violationGoodbye returns the goodbye to a client whose frames break the rules.
func violationGoodbye(err error) *wsframe.Frame {
	switch err {
	case wsframe.ErrTooLarge:
		return goodbyeTooBig
	case wsframe.ErrNotUTF8:
		return goodbyeText
	}
	return goodbyeProtocol
}

// rejectProbe ends a probe, with a close frame if last is not nil. The session can be upgraded again before the
// client knows.
func (s *socket) rejectProbe(last *wsframe.Frame) {
	s.broken = true
	s.session.removeProbe(s)
	if last != nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
		_, _ = s.conn.Write(last.Plain()) // a probe gets so little that there is room
	}
	s.conn.Cut()
}

// answerGoodbye is called when the client has said goodbye. The session ends, and the connection after last has
// been written.
func (c *Conn) answerGoodbye(last *wsframe.Frame) {
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

// owesGoodbye reports whether frames and a goodbye still have to be sent to a client that has closed its side of
// the connection.
func (c *Conn) owesGoodbye() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase.Load() != isClosing || c.flushed {
		return false
	}
	c.clientClosed = true
	return true
}
