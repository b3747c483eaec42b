package engineio

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// noopDelay is how long a poll that arrives during an upgrade waits for its response, as in Node.js's
// engine.io.
const noopDelay = 100 * time.Millisecond

var (
	errOverlap  = errors.New("engineio: request before the previous one was answered")
	errGivenUp  = errors.New("engineio: the client gave up its poll")
	errContent  = errors.New("engineio: binary body, which protocol version 4 does not have")
	errBodySize = errors.New("engineio: body is larger than the limit")
	errLate     = errors.New("engineio: the session ended while the request was read")
)

// openPolling begins a session over polling.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request, p *protocol) *refusal {
	c, no := s.newConn(r, p)
	if no != nil {
		return no
	}
	c.open()
	c.opened()
	c.leave()
	if c.phase.Load() == isClosed {
		return refuse(codeSession, errUnknown)
	}
	if k := s.cookie(c.id); k != nil {
		http.SetCookie(w, k)
	}
	// What else is queued is sent in the response to the next poll, as in Node.js.
	open := p.packets.appendFrame(nil, s.openFrame(c.id, polling), false)
	if err := c.answerPoll(w, r, pollAnswer{body: open}); err != nil {
		c.end(TransportClose, err, nil)
	}
	return nil
}

// cookie returns the cookie of a session, nil if none is configured.
func (s *Server) cookie(id string) *http.Cookie {
	if s.config.Cookie == nil {
		return nil
	}
	k := *s.config.Cookie
	k.Value = id
	return &k
}

// servePoll waits until a frame is queued for the client, and responds with everything that is queued.
func (c *Conn) servePoll(w http.ResponseWriter, r *http.Request) *refusal {
	wake := make(chan struct{}, 1)
	c.mu.Lock()
	switch {
	case c.phase.Load() == isClosed:
		c.mu.Unlock()
		return refuse(codeSession, errUnknown)
	case c.socket != nil:
		c.mu.Unlock()
		return refuse(codeRequest, errTransport)
	case c.poll != nil:
		c.mu.Unlock()
		c.end(TransportError, errOverlap, nil)
		return refuse(codeRequest, errOverlap)
	}
	c.poll = wake
	c.pause.seen = c.server.clock() // a client that polls is alive, even while a POST of it waits
	probed := c.probe != nil && c.probe.confirmed
	c.wake()
	c.mu.Unlock()

	response := http.NewResponseController(w)
	_ = response.SetReadDeadline(time.Time{}) // a deadline for the request must not end the wait
	var noop <-chan time.Time
	if probed {
		timer := time.NewTimer(noopDelay)
		defer timer.Stop()
		noop = timer.C
	}
	select {
	case <-wake:
	case <-noop:
	case <-r.Context().Done():
		c.end(TransportError, errGivenUp, nil)
	}
	a := c.takeAnswer()
	config := &c.server.config
	err := c.answerPoll(w, r, a)
	c.mu.Lock()
	if c.phase.Load() != isClosed {
		c.queue.Remove(wsframe.Total{Share: a.share})
		c.account.Settle(config.Memory, c.queue.Share)
	}
	c.mu.Unlock()
	if a.last || err != nil {
		c.end(TransportClose, err, nil)
	}
	return nil
}

// servePost handles a POST request, whose body has packets.
func (c *Conn) servePost(w http.ResponseWriter, r *http.Request) *refusal {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	binary := strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream")
	if binary && !c.protocol.binaryRequests {
		c.end(TransportError, errContent, nil)
		return refuse(codeRequest, errContent)
	}
	response := http.NewResponseController(w)
	c.mu.Lock()
	if c.phase.Load() == isClosed {
		c.mu.Unlock()
		return refuse(codeSession, errUnknown)
	}
	if c.posting {
		c.mu.Unlock()
		c.end(TransportError, errOverlap, nil)
		return refuse(codeRequest, errOverlap)
	}
	c.posting, c.body = true, response
	c.mu.Unlock()

	body, no := c.readBody(w, r)
	c.mu.Lock()
	c.body = nil
	c.mu.Unlock()
	if no == nil {
		no = c.receivePayload(body, binary, r.Context().Done())
	}
	c.mu.Lock()
	c.posting = false
	c.mu.Unlock()
	if no != nil {
		return no
	}
	// HTML as in Node.js, because browsers may offer plain text for download. A client that does not receive
	// the response sends nothing more.
	_ = respond(w, response, c.server.config.BodyTimeout, "text/html", []byte("ok"))
	return nil
}

// readBody reads the body of a POST request. If it is too large, readBody ends the session, and the response
// has no body, as in Node.js.
func (c *Conn) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	limit := int64(c.server.config.MaxPayload)
	tooLarge := &refusal{status: http.StatusRequestEntityTooLarge, code: codeRequest, err: errBodySize, empty: true}
	if r.ContentLength > limit {
		c.end(TransportError, errBodySize, nil)
		return nil, tooLarge
	}
	memory := c.server.config.Memory
	counted := &countedReader{Reader: http.MaxBytesReader(w, r.Body, limit), memory: memory}
	defer counted.account.Settle(memory, 0)
	body, err := io.ReadAll(counted) // allocates while the body arrives, not by Content-Length
	c.server.traffic.bytesRead.Add(uint64(len(body)))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		c.end(TransportError, errBodySize, nil)
		return nil, tooLarge
	case err != nil:
		if c.phase.Load() == isOpen { // otherwise the client may still poll for queued frames
			c.end(quotaReason(err), err, nil)
		}
		return nil, refuse(codeRequest, err)
	}
	return body, nil
}

// countedReader counts the bytes that have been read of a body as used memory.
type countedReader struct {
	io.Reader
	memory  *quota.Budget
	account quota.Account
	n       int
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += n
	if !r.account.Settle(r.memory, r.n) {
		return n, r.memory.Error()
	}
	return n, err
}

// receivePayload passes the packets of a body to the receiver, and waits while the receiver has no room. gone is
// closed when the client gives up the request.
func (c *Conn) receivePayload(body []byte, binary bool, gone <-chan struct{}) *refusal {
	if !c.enter() {
		if c.phase.Load() == isClosing {
			c.findClosePacket(body, binary)
			return nil
		}
		c.end(TransportError, errOverlap, nil) // a WebSocket is calling the receiver, unless the session is over
		return refuse(codeRequest, errLate)
	}
	var o outcome
	over := false // the session has ended while the receiver had no room
	err := c.protocol.packets.eachPacket(body, binary, func(p packet) bool {
		o = c.receive(p, nil)
		over = o.full && !c.waitForRoom(gone)
		return o.reason == "" && !over
	})
	if over {
		return nil
	}
	if err != nil {
		o.reason, o.err = ParseError, err
	}
	if o.reason != "" {
		c.end(o.reason, o.err, nil)
	}
	c.leave()
	if o.err != nil {
		return refuse(codeRequest, o.err)
	}
	return nil
}

// findClosePacket looks for a close packet from the client of a closing session. A client that has sent one
// need not poll for the server's close packet.
func (c *Conn) findClosePacket(body []byte, binary bool) {
	found := false
	_ = c.protocol.packets.eachPacket(body, binary, func(p packet) bool { // all other packets are ignored
		found = found || p.kind == typeClose
		return !found
	})
	if found {
		c.end("", nil, nil)
	}
}
