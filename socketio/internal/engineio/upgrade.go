package engineio

import (
	"errors"
	"net/http"
)

// openWebSocket begins a session over WebSocket.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request, o offer) *refusal {
	c, no := s.newConn(r, webSocket)
	if no != nil {
		return no
	}
	a, no := s.accept(w, o, s.cookie(c.id))
	if no != nil {
		c.receiver = nobody{}
		c.end(TransportError, nil, nil)
		c.leave()
		return no
	}
	sock := newSocket(c, a)
	c.queue.push(queued{frame: fixedFrame(a.answer, nil)})
	c.queue.push(queued{frame: s.helloFrame(c.id, webSocket)})
	s.group.Add(1)
	opened := false
	defer func() {
		if !opened { // Open panicked, and net/http does not know the connection any more
			s.group.Done()
			_ = sock.nc.Close()
		}
	}()
	c.open()
	opened = true
	c.mu.Lock()
	over := c.phase.Load() == isClosed
	if !over {
		c.socket = sock
		c.deflates.Store(a.deflate)
		c.wake()
	}
	c.mu.Unlock()
	if over {
		sock.cut()
	}
	c.leave()
	sock.start(a)
	return nil
}

// probe is a WebSocket that wants to become a session's transport.
type probe struct {
	conn      *Conn
	socket    *socket // nil: its handshake is going on
	confirmed bool    // it has asked whether the socket works, and was told so
	alarm     alarm   // of the upgrade's timeout
}

// ring implements ringer: the upgrade has not been finished in time.
func (p *probe) ring(int64) { p.conn.abandon(p.socket) }

var errWhile = errors.New("engineio: the session ended during the handshake of a WebSocket")

// probeWebSocket begins an upgrade. If the session has a WebSocket, or is about to have one, another one is accepted and closed, as in
// Node.js's engine.io.
func (s *Server) probeWebSocket(w http.ResponseWriter, r *http.Request, c *Conn, o offer) *refusal {
	p := &probe{conn: c}
	p.alarm.owner = p
	c.mu.Lock()
	if c.phase.Load() != isOpen {
		c.mu.Unlock()
		return refuse(codeSession, errUnknown)
	}
	taken := c.socket != nil || c.probe != nil
	if !taken {
		c.probe = p
	}
	c.mu.Unlock()

	a, no := s.accept(w, o, nil)
	c.mu.Lock()
	switch {
	case no != nil:
		if c.probe == p {
			c.probe = nil
		}
		c.mu.Unlock()
		return no
	case taken:
		c.mu.Unlock()
		s.dismiss(a, r, refuse(codeRequest, errTaken))
		return nil
	case c.probe != p:
		c.mu.Unlock()
		s.dismiss(a, r, refuse(codeSession, errWhile))
		return nil
	}
	sock := newSocket(c, a)
	sock.probing = true
	p.socket = sock
	s.alarms.set(&p.alarm, s.clock()+int64(s.config.UpgradeTimeout))
	s.group.Add(1) // the session has its hold still
	c.mu.Unlock()
	_, _ = sock.nc.Write(a.answer) // to a new connection: it has room. If it is gone, reading will tell.
	sock.start(a)
	return nil
}

// probed handles a packet from a probe, or what is none.
func (s *socket) probed(p packet, err error) bool {
	switch {
	case err != nil:
	case p.kind == typePing && string(p.data) == "probe" && s.conn.confirm(s):
		_, _ = s.nc.Write(probeAnswer.webSocket()) // once, so that there is room; if it fails, reading will tell
		return true
	case p.kind == typeUpgrade && s.conn.takeOver(s):
		s.probing = false
		return true
	}
	s.reject(nil)
	return false
}

// confirm notes that a probe works, and gives the client's poll an answer, so that it can stop polling. It is false when
// the probe is none any more, or asks again.
func (c *Conn) confirm(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s || c.probe.confirmed {
		return false
	}
	c.probe.confirmed = true
	c.endPoll()
	return true
}

// takeOver makes a confirmed probe the session's transport.
func (c *Conn) takeOver(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s || !c.probe.confirmed {
		return false
	}
	c.server.alarms.stop(&c.probe.alarm)
	c.probe = nil
	c.socket = s
	c.deflates.Store(s.in.deflate)
	c.endPoll()
	c.wake()
	return true
}

// abandon gives an upgrade up. The session goes on as it was.
func (c *Conn) abandon(s *socket) {
	if c.disown(s) {
		s.cut()
	}
}

// disown has the session forget a probe, so that there may be another one. It is false if s is no probe of its any more.
func (c *Conn) disown(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s {
		return false
	}
	c.server.alarms.stop(&c.probe.alarm)
	c.probe = nil
	return true
}
