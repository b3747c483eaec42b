package engineio

import (
	"errors"
	"net/http"

	"github.com/backplane-go/backplane/socketio/internal/timers"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// openWebSocket begins a session over WebSocket.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request, q query) *refusal {
	c, no := s.newConn(r, q.protocol)
	if no != nil {
		return no
	}
	a, no := s.accept(w, q.offer, s.cookie(c.id))
	if no != nil {
		c.receiver = discard{}
		c.end(TransportError, nil, nil)
		c.leave()
		return no
	}
	sock := newSocket(c, a, q.protocol)
	c.queue.Push(wsframe.Item{Frame: wsframe.NewEncodedFrame(a.response, nil)})
	c.queue.Push(wsframe.Item{Frame: s.openFrame(c.id, webSocket)})
	s.group.Add(1)
	opened := false
	defer func() {
		if !opened { // Open panicked, and net/http no longer closes the connection
			s.group.Done()
			_ = sock.conn.Close()
		}
	}()
	c.open()
	opened = true
	c.mu.Lock()
	over := c.phase.Load() == isClosed
	if !over {
		c.useWebSocket(sock)
		c.wake()
	}
	c.mu.Unlock()
	if over {
		sock.conn.Cut()
	}
	c.opened()
	c.leave()
	sock.start()
	return nil
}

// probe is a WebSocket that is to become a session's transport.
type probe struct {
	conn      *Conn
	socket    *socket // nil during the handshake
	confirmed bool    // the probe packet has been answered
	timer     timers.Timer
}

// Expire implements timers.Expirer: the upgrade has taken too long.
func (p *probe) Expire(int64) { p.conn.abandonProbe(p.socket) }

var errEnded = errors.New("engineio: the session ended during the handshake of a WebSocket")

// probeWebSocket begins an upgrade. If the session has a WebSocket, or is being upgraded to one, the new
// WebSocket is accepted and closed, as in Node.js's engine.io.
func (s *Server) probeWebSocket(w http.ResponseWriter, r *http.Request, q query) *refusal {
	c := q.conn
	p := &probe{conn: c}
	p.timer.Owner = p
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

	a, no := s.accept(w, q.offer, nil)
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
		s.dismiss(a, r, refuse(codeSession, errEnded))
		return nil
	}
	sock := newSocket(c, a, q.protocol)
	sock.probing = true
	p.socket = sock
	s.timers.Set(&p.timer, s.clock()+int64(s.config.UpgradeTimeout))
	s.group.Add(1) // safe, because the session still counts in the group
	c.mu.Unlock()
	// The response fits into the buffer of a new connection. If the write fails, the reader finds out why.
	_, _ = sock.conn.Write(a.response)
	sock.start()
	return nil
}

// handleProbe handles a packet from a probe. err says that it is malformed.
func (s *socket) handleProbe(p packet, err error) (more bool) {
	switch {
	case err != nil:
	case p.kind == typePing && string(p.data) == "probe" && s.session.confirmProbe(s):
		_, _ = s.conn.Write(probeAnswer.Plain()) // fits into the socket's buffer; if it fails, the reader finds out why
		return true
	case p.kind == typeUpgrade && s.session.completeUpgrade(s):
		s.probing = false
		return true
	}
	s.rejectProbe(nil)
	return false
}

// confirmProbe records that a probe works, and ends the client's poll, so that it can stop polling. It returns
// false if s is no longer the session's probe, or has been confirmed before.
func (c *Conn) confirmProbe(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s || c.probe.confirmed {
		return false
	}
	c.probe.confirmed = true
	c.endPoll()
	return true
}

// completeUpgrade makes a confirmed probe the session's transport.
func (c *Conn) completeUpgrade(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s || !c.probe.confirmed {
		return false
	}
	c.server.timers.Stop(&c.probe.timer)
	c.probe = nil
	c.useWebSocket(s)
	c.endPoll()
	c.wake()
	return true
}

// abandonProbe gives up an upgrade. The session continues as it was.
func (c *Conn) abandonProbe(s *socket) {
	if c.removeProbe(s) {
		s.conn.Cut()
	}
}

// removeProbe removes a probe from its session, so that there may be another one. It returns false if s is no
// longer the session's probe.
func (c *Conn) removeProbe(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.probe.socket != s {
		return false
	}
	c.server.timers.Stop(&c.probe.timer)
	c.probe = nil
	return true
}
