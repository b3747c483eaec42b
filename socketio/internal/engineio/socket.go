package engineio

import (
	"io"
	"net"
	"syscall"

	"github.com/gobwas/ws"
)

// socket is a WebSocket of a session: its transport, or a probe that wants to become it. One goroutine reads from it.
type socket struct {
	conn     *Conn
	nc       net.Conn
	raw      syscall.RawConn // nil: nc cannot be read and written without blocking, as with TLS
	writer   *writer         // nil: a goroutine of its own writes while there is something to write
	readable func(fd uintptr) bool

	// The reader's own.
	in      inbound
	got     *scratch // what was read, by readable
	n       int
	err     error
	probing bool
	broken  bool // the client broke the rules: what comes is not looked at any more
	entered bool // the session's receiver may be called
}

// newSocket makes a socket of an accepted WebSocket.
func newSocket(c *Conn, a *accepted) *socket {
	s := &socket{conn: c, nc: a.nc, in: inbound{limit: int64(c.server.config.MaxPayload), deflate: a.deflate}}
	if raw := rawConn(a.nc); raw != nil {
		s.raw, s.writer = raw, c.server.writers.pick()
		s.readable = s.tryRead
	}
	return s
}

// run reads until the connection ends. early is what came with the handshake.
func (s *socket) run(early []byte) {
	defer s.conn.server.group.Done()
	err := s.read(early)
	if s.probing {
		s.conn.abandon(s)
	} else {
		s.conn.end(TransportClose, err, nil)
	}
	_ = s.nc.Close() // it may be closed already; with TLS it says goodbye
}

func (s *socket) read(early []byte) error {
	for len(early) > 0 {
		sc := scratches.Get().(*scratch)
		n := copy(s.in.space(sc.buf), early)
		early = early[n:]
		s.handle(sc, n)
		scratches.Put(sc)
	}
	if s.raw == nil {
		return s.readBlocking()
	}
	for {
		// While nothing comes, only the goroutine waits: its buffer is borrowed when there is something to read.
		if err := s.raw.Read(s.readable); err != nil {
			return err
		}
		if s.n > 0 {
			s.handle(s.got, s.n)
		}
		scratches.Put(s.got)
		s.got = nil
		switch {
		case s.err != nil:
			return s.err
		case s.n == 0:
			return io.EOF
		}
	}
}

// tryRead reads what there is. It is false when there is nothing.
func (s *socket) tryRead(fd uintptr) bool {
	sc := scratches.Get().(*scratch)
	n, again, err := readFD(fd, s.in.space(sc.buf))
	if again {
		scratches.Put(sc)
		return false
	}
	s.got, s.n, s.err = sc, n, err
	return true
}

// readBlocking is read for connections that have to be asked for data with a buffer in hand.
func (s *socket) readBlocking() error {
	sc := &scratch{buf: make([]byte, 2<<10)}
	for {
		n, err := s.nc.Read(s.in.space(sc.buf))
		if n > 0 {
			s.handle(sc, n)
		}
		if err != nil {
			return err
		}
	}
}

// handle handles what was read.
func (s *socket) handle(sc *scratch, n int) {
	if s.broken {
		return
	}
	if err := s.in.feed(sc, n, s); err != nil {
		s.fail(err, violation(err))
	}
	if s.entered {
		s.entered = false
		s.conn.leave()
	}
}

// fail ends the session, or the probe, because the client broke the rules of WebSocket.
func (s *socket) fail(err error, last *Frame) {
	s.broken = true
	if s.probing {
		s.cut()
		return
	}
	s.conn.end(TransportError, err, last)
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

// message implements sink. After the session's end it drops what comes, and waits for a close frame.
func (s *socket) message(binary bool, data []byte, shared bool) bool {
	p, err := packet{kind: typeBinary, data: data}, error(nil)
	if !binary {
		p, err = textPacket(data)
	}
	if s.probing {
		return s.probed(p, err)
	}
	if !s.entered {
		if s.entered = s.conn.enter(); !s.entered {
			// If the session is open, a request of the time before the upgrade is still being handled. No client sends
			// messages before it has its answer.
			s.conn.end(TransportError, errOverlap, goodbyeProtocol)
			return true
		}
	}
	reason := ParseError
	if err == nil {
		if shared && (p.kind == typeMessage || p.kind == typeBinary) {
			p.data = append(make([]byte, 0, len(p.data)), p.data...)
		}
		reason, err = s.conn.receive(p)
	}
	if reason != "" {
		s.conn.end(reason, err, goodbye(reason))
	}
	return true
}

// control implements sink.
func (s *socket) control(op ws.OpCode, payload []byte) bool {
	switch {
	case op == ws.OpClose:
		s.closed(payload)
		return false
	case op == ws.OpPing && !s.probing:
		return s.conn.answer(payload)
	}
	return true
}

// closed handles a close frame.
func (s *socket) closed(payload []byte) {
	last := goodbyeNormal
	if len(payload) > 0 {
		code, reason := ws.ParseCloseFrameData(payload)
		if err := ws.CheckCloseFrameData(code, reason); err != nil {
			s.fail(err, goodbyeProtocol)
			return
		}
		last = fixedFrame(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))), "")
	}
	s.broken = true // nothing may follow
	if s.probing {
		s.cut()
		return
	}
	s.conn.goodbye(last)
}

// cut closes the connection under whoever reads and writes.
func (s *socket) cut() {
	nc := s.nc
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = over.NetConn() // TLS would wait for its goodbye to be written
	}
	_ = nc.Close()
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
	pong := fixedFrame(ws.MustCompileFrame(ws.NewPongFrame(payload)), "")
	return c.phase.Load() != isOpen || c.Send(pong, SendOptions{NoCompress: true})
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
