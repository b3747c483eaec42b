package engineio

import (
	"errors"
	"io"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/accept"
	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// socket is a WebSocket: a session's transport, or a probe that is to become it. It is the connection's
// netpoll.Handler.
type socket struct {
	session *Conn
	conn    netpoll.Conn
	writer  *netpoll.Writer // nil if a goroutine writes, because writes may block
	form    wsframe.Form

	// only for the reader
	in      wsframe.Decoder
	kept    []byte // input that has not been decoded
	reserve quota.Account
	paused  bool // the receiver has no room
	last    bool // there is no more input: the rest is decoded even if the receiver has no room
	probing bool
	broken  bool // input is ignored: the client has broken the protocol or has sent a close frame
	entered bool // the receiver may be called
}

// newSocket returns a socket for a WebSocket whose handshake has succeeded. p is the protocol of the handshake.
func newSocket(c *Conn, a *accepted, p *protocol) *socket {
	config := &c.server.config
	s := &socket{session: c}
	s.in.Limit, s.in.Memory, s.in.Deflate = int64(config.MaxPayload), config.Memory, a.deflate
	s.form.Binary = p.binary
	if a.deflate {
		s.form.Compress = config.CompressMin
	}
	if h, ok := a.nc.(accept.Hijacked); ok {
		s.conn, s.kept = h.TakeOver()
	} else {
		s.conn, s.kept = c.server.pollers.Conn(a.nc), a.early
	}
	c.server.traffic.bytesRead.Add(uint64(len(s.kept)))
	if !s.conn.Blocks() {
		s.writer = c.server.writers.Pick()
	}
	return s
}

// start starts reading. If the connection has been cut, reading ends at once.
func (s *socket) start() { s.conn.Start(s, len(s.kept) > 0) }

// Next implements netpoll.Handler. It decodes input that was kept.
func (s *socket) Next(buf []byte, here *sched.Slot) netpoll.Step {
	s.paused = s.paused && s.session.isPaused()
	switch {
	case !s.paused && len(s.kept) > 0:
		s.replay(buf, here)
		return netpoll.Again
	case s.paused && len(s.kept) >= readAhead:
		return netpoll.Wait
	}
	return netpoll.Read
}

// replay decodes some of the input that was kept.
func (s *socket) replay(buf []byte, here *sched.Slot) {
	n := copy(buf[netpoll.Reserve:], s.kept)
	rest := s.decode(buf, n, here)
	if s.kept = s.kept[n-len(rest):]; len(s.kept) == 0 {
		s.kept = nil
	}
	s.reserve.Settle(s.session.server.config.Memory, len(s.kept))
}

// Input implements netpoll.Handler.
func (s *socket) Input(buf []byte, n int, here *sched.Slot) (more bool) {
	s.session.server.traffic.bytesRead.Add(uint64(n))
	if s.paused {
		s.keep(buf[netpoll.Reserve : netpoll.Reserve+n])
	} else if rest := s.decode(buf, n, here); len(rest) > 0 {
		s.keep(rest)
	}
	return !s.paused && len(s.kept) > 0
}

// End implements netpoll.Handler. It decodes the input that was kept. The connection stays open if a close
// message still has to be sent to the client.
func (s *socket) End(buf []byte, err error, here *sched.Slot) (done bool) {
	s.last, s.paused = true, false
	for len(s.kept) > 0 {
		s.replay(buf, here)
	}
	return err != io.EOF || s.probing || !s.session.owesClose()
}

// Closed implements netpoll.Handler.
func (s *socket) Closed(err error) {
	if s.probing {
		s.session.abandonProbe(s)
	} else {
		s.session.end(TransportClose, err, nil)
	}
	s.in.Reset()
	_ = s.conn.Close() // may be closed already; with TLS, Close sends a close_notify
	s.session.server.group.Done()
}

// decode handles the events in buf[netpoll.Reserve:netpoll.Reserve+n]. It returns the input that the receiver
// has no room for.
func (s *socket) decode(buf []byte, n int, here *sched.Slot) (rest []byte) {
	if s.broken {
		return nil
	}
	rest = s.in.Join(buf[:netpoll.Reserve+n], netpoll.Reserve)
	for more := true; more; {
		var e wsframe.Event
		var err error
		e, rest, err = s.in.Next(rest)
		switch {
		case err != nil:
			s.fail(err, violationClose(err))
			more = false
		case e.Op == 0:
			more = false
		case e.Op.IsControl():
			more = s.handleControl(e)
		default:
			more = s.handleMessage(e, here)
		}
	}
	if s.entered {
		s.entered = false
		s.session.leave()
	}
	if s.broken {
		return nil
	}
	return rest
}

// handleMessage handles a message. more is false if the receiver has no room for another one. After the end of
// the session, messages are dropped until the client sends a close frame.
func (s *socket) handleMessage(e wsframe.Event, here *sched.Slot) (more bool) {
	p, err := s.parse(e)
	if s.probing {
		return s.handleProbe(p, err)
	}
	if !s.enter() {
		// If the session is open, a request from before the upgrade is still being handled. Clients send no
		// messages over the WebSocket until they have its response.
		s.session.end(TransportError, errOverlap, closeProtocolError)
		return true
	}
	o := outcome{reason: ParseError, err: err}
	if err == nil {
		if e.Shared && (p.kind == typeMessage || p.kind == typeBinary) {
			p.data = append(make([]byte, 0, len(p.data)), p.data...)
		}
		o = s.session.receive(p, here)
	}
	switch {
	case o.reason != "":
		s.session.end(o.reason, o.err, closeMessage(o.reason))
	case o.full && !s.last:
		s.pause()
	}
	return !s.paused
}

func (s *socket) parse(e wsframe.Event) (packet, error) {
	if e.Op == ws.OpText {
		return s.session.protocol.packets.parseText(e.Data)
	}
	return s.session.protocol.packets.parseBinary(e.Data)
}

// enter calls Conn.enter once for all messages that are decoded together.
func (s *socket) enter() bool {
	if !s.entered {
		s.entered = s.session.enter()
	}
	return s.entered
}

// handleControl handles a control frame. more is false if all further input is ignored.
func (s *socket) handleControl(e wsframe.Event) (more bool) {
	switch e.Op {
	case ws.OpClose:
		s.handleClose(e.Data)
		return false
	case ws.OpPing:
		return s.answerPing(e.Data)
	}
	return true
}

// answerPing sends a pong. It returns false if the client sends too many pings, or does not read the pongs.
func (s *socket) answerPing(payload []byte) bool {
	pong := ws.MustCompileFrame(ws.NewPongFrame(payload))
	if s.probing {
		if n, err := s.conn.Write(pong); err != nil || n < len(pong) {
			s.rejectProbe(nil)
			return false
		}
		return true
	}
	c := s.session
	if s.enter() {
		if reason, err := c.spend(len(payload)); err != nil {
			c.end(reason, err, closeMessage(reason))
			return false
		}
	}
	return c.phase.Load() != isOpen || c.Send(wsframe.NewEncodedFrame(pong, nil), SendOptions{NoCompress: true})
}

// fail ends the session or the probe because the client violated the WebSocket protocol.
func (s *socket) fail(err error, last *wsframe.Frame) {
	s.broken = true
	if s.probing {
		s.rejectProbe(last)
		return
	}
	reason := quotaReason(err)
	if reason != TransportError {
		last = nil
	}
	s.session.end(reason, err, last)
}

// quotaReason returns the name of the quota that err is about, or TransportError.
func quotaReason(err error) Reason {
	var e *quota.Error
	if errors.As(err, &e) {
		return Reason(e.Quota)
	}
	return TransportError
}

// useForm makes senders compress frames for s, if they are to be compressed. The caller holds the session's mu.
func (s *socket) useForm() {
	if s.form.Compress > 0 {
		s.session.deflates.Store(&s.form)
	}
}

// schedule makes the writer write the session's queue. The caller holds the session's mu and has set scheduled.
func (s *socket) schedule() {
	if s.writer != nil {
		s.writer.Push(&s.session.output)
		return
	}
	s.session.server.group.Add(1)
	go s.writeBlocking()
}
