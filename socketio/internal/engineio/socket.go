package engineio

import (
	"errors"
	"io"
	"net"

	"github.com/gobwas/ws"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// socket is a WebSocket of a session: its transport, or a probe that wants to become it. One goroutine at a time reads from it.
type socket struct {
	conn    *Conn
	nc      io.WriteCloser
	raw     rawWriter // nil: nc cannot be written without blocking, as with TLS
	writer  *writer   // nil: a goroutine of its own writes while there is something to write
	polled  polled
	arrival *arrival      // not nil: it is none yet
	woken   chan struct{} // tells a reader that waits; nil: a poller reads

	// The reader's own.
	in      inbound
	ahead   []byte // has been read, but not handed over
	reserve quota.Account
	paused  bool // because the receiver has no room
	last    bool // the client has gone: the receiver gets what there is
	probing bool
	broken  bool        // the client broke the rules: what comes is not looked at any more
	entered bool        // the session's receiver may be called
	here    *sched.Slot // of the poller's goroutine that reads; nil: a goroutine of its own reads
}

// rawWriter is the part of a syscall.RawConn that writes.
type rawWriter interface {
	Write(f func(fd uintptr) (done bool)) error
}

// newSocket makes a socket of an accepted WebSocket.
func newSocket(c *Conn, a *accepted) *socket {
	in := inbound{limit: int64(c.server.config.MaxPayload), deflate: a.deflate, memory: c.server.config.Memory}
	if s := arrived(a.nc); s != nil {
		s.conn, s.in, s.writer = c, in, c.server.writers.pick()
		return s
	}
	s := &socket{conn: c, nc: a.nc, in: in, ahead: a.early}
	switch server := c.server; {
	case server.pollers.adopt(s, a.nc):
		s.writer = server.writers.pick()
	default:
		s.woken = make(chan struct{}, 1)
		if raw := rawConn(a.nc); raw != nil {
			s.raw, s.writer = raw, server.writers.pick()
		}
	}
	return s
}

// start begins to read, which ends at once if s was cut. a is what s was made of.
func (s *socket) start(a *accepted) {
	if s.arrival != nil {
		return // the poller is at it
	}
	if s.polled.poller != nil {
		s.polled.poller.watch(s)
		return
	}
	go func() {
		in := &reader{socket: s, nc: a.nc}
		s.finish(in.read())
	}()
}

// drained hands over what was read ahead when nothing more comes from the client. It is false if a close frame is still to be sent: then
// reading ends only with the session.
func (s *socket) drained(sc *scratch, err error) bool {
	s.last, s.paused = true, false
	for len(s.ahead) > 0 {
		s.replay(sc)
	}
	return err != io.EOF || s.probing || !s.conn.parting()
}

// finish is called when reading has come to an end.
func (s *socket) finish(err error) {
	if s.probing {
		s.conn.abandon(s)
	} else {
		s.conn.end(TransportClose, err, nil)
	}
	s.in.account.Settle(s.conn.server.config.Memory, 0)
	_ = s.nc.Close() // it may be closed already; with TLS it says goodbye
	s.conn.server.group.Done()
}

// handle handles n bytes that were read to s.in.space(sc.buf).
func (s *socket) handle(sc *scratch, n int) {
	if s.paused {
		s.keep(sc.buf[:n])
	} else if rest := s.feed(sc, n); len(rest) > 0 {
		s.keep(rest)
	}
}

// feed hands over what was read. It returns what the receiver has no room for.
func (s *socket) feed(sc *scratch, n int) (rest []byte) {
	if s.broken {
		return nil
	}
	rest, err := s.in.feed(sc, n, s)
	if err != nil {
		s.fail(err, violation(err))
	}
	if s.entered {
		s.entered = false
		s.conn.leave()
	}
	if s.broken {
		return nil
	}
	return rest
}

// fail ends the session, or the probe, because the client broke the rules of WebSocket.
func (s *socket) fail(err error, last *Frame) {
	s.broken = true
	if s.probing {
		s.reject(last)
		return
	}
	reason := reasonOf(err, TransportError)
	if reason != TransportError {
		last = nil
	}
	s.conn.end(reason, err, last)
}

// reasonOf is the name of the limit that an error tells of, otherwise if it tells of none.
func reasonOf(err error, otherwise Reason) Reason {
	var e *quota.Error
	if errors.As(err, &e) {
		return Reason(e.Quota)
	}
	return otherwise
}

// message implements sink. After the session's end it drops what comes, and waits for a close frame.
func (s *socket) message(binary bool, data []byte, shared bool) bool {
	p, err := packet{kind: typeBinary, data: data}, error(nil)
	if !binary {
		p, err = textPacket(data)
	}
	if s.probing {
		return s.probed(p, err)
	}
	if !s.enter() {
		// If the session is open, a request of the time before the upgrade is still being handled. No client sends
		// messages before it has its answer.
		s.conn.end(TransportError, errOverlap, goodbyeProtocol)
		return true
	}
	o := outcome{reason: ParseError, err: err}
	if err == nil {
		if shared && (p.kind == typeMessage || p.kind == typeBinary) {
			p.data = append(make([]byte, 0, len(p.data)), p.data...)
		}
		o = s.conn.receive(p, s.here)
	}
	switch {
	case o.reason != "":
		s.conn.end(o.reason, o.err, goodbye(o.reason))
	case o.full && !s.last:
		s.pause()
	}
	return !s.paused
}

// enter is Conn.enter, unless that was called since something was read.
func (s *socket) enter() bool {
	if !s.entered {
		s.entered = s.conn.enter()
	}
	return s.entered
}

// control implements sink.
func (s *socket) control(op ws.OpCode, payload []byte) bool {
	switch {
	case op == ws.OpClose:
		s.closed(payload)
		return false
	case op == ws.OpPing && s.probing:
		pong := ws.MustCompileFrame(ws.NewPongFrame(payload))
		if n, err := s.nc.Write(pong); err != nil || n < len(pong) {
			s.reject(nil) // it sends pings, and reads nothing
			return false
		}
	case op == ws.OpPing:
		if s.enter() {
			if reason, err := s.conn.spend(len(payload)); err != nil {
				s.conn.end(reason, err, goodbye(reason))
				return false
			}
		}
		return s.conn.answer(payload)
	}
	return true
}

// cut closes the connection under whoever reads and writes.
func (s *socket) cut() {
	if s.woken != nil {
		select {
		case s.woken <- struct{}{}: // to a reader that waits for this
		default:
		}
	}
	switch nc := s.nc.(type) {
	case interface{ cut() }:
		nc.cut()
	case interface{ NetConn() net.Conn }:
		_ = nc.NetConn().Close() // TLS would wait for its goodbye to be written
	default:
		_ = nc.Close()
	}
}

// halfClose tells the client that nothing follows, while it may still be sending.
func (s *socket) halfClose() {
	if nc, ok := s.nc.(interface{ CloseWrite() error }); ok {
		_ = nc.CloseWrite() // if the client is gone, reading will tell
	}
}

// schedule has c's queue written. The caller holds c.mu and has set c.scheduled.
func (s *socket) schedule(c *Conn) {
	if s.writer != nil {
		s.writer.push(c)
		return
	}
	c.server.group.Add(1)
	go s.writeBlocking()
}

// answer sends a pong. It is false when the client sends pings and reads nothing.
func (c *Conn) answer(payload []byte) bool {
	pong := fixedFrame(ws.MustCompileFrame(ws.NewPongFrame(payload)), nil)
	return c.phase.Load() != isOpen || c.Send(pong, SendOptions{NoCompress: true})
}
