package engineio

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// noopDelay is how long a poll waits that comes while an upgrade is going on; so long does Node.js's engine.io wait.
const noopDelay = 100 * time.Millisecond

var (
	errOverlap  = errors.New("engineio: a request while the one before is not answered")
	errGivenUp  = errors.New("engineio: a poll was given up by the client")
	errContent  = errors.New("engineio: a binary body, which version 4 of the protocol does not have")
	errNotTaken = errors.New("engineio: the session ended while the request was read")
)

// openPolling answers a handshake.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) *refusal {
	c, no := s.newConn(r, polling)
	if no != nil {
		return no
	}
	c.queue.push(queued{frame: s.helloFrame(c.id, polling)})
	c.open()
	c.leave()
	if k := s.cookie(c.id); k != nil {
		http.SetCookie(w, k)
	}
	return c.servePoll(w, r)
}

func (s *Server) cookie(id string) *http.Cookie {
	if s.config.Cookie == nil {
		return nil
	}
	k := *s.config.Cookie
	k.Value = id
	return &k
}

// servePoll waits until there is something for the client, and answers with all there is.
func (c *Conn) servePoll(w http.ResponseWriter, r *http.Request) *refusal {
	wake := make(chan struct{}, 1)
	c.mu.Lock()
	switch {
	case c.phase.Load() == isClosed:
		c.mu.Unlock()
		return refuse(codeSession, errUnknown)
	case c.socket != nil:
		c.mu.Unlock()
		return refuse(codeRequest, errMismatch)
	case c.poll != nil:
		c.mu.Unlock()
		c.end(TransportError, errOverlap, nil)
		return refuse(codeRequest, errOverlap)
	}
	c.poll = wake
	c.pause.seen = c.server.clock() // whoever polls is alive, though a request of its waits
	probed := c.probe != nil && c.probe.confirmed
	c.wake()
	c.mu.Unlock()

	response := http.NewResponseController(w)
	_ = response.SetReadDeadline(time.Time{}) // a deadline for the request, if there was one, does not mean the wait
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
	payload, plain, last, share := c.takePayload()
	if least := c.server.config.HTTPCompression; least >= 0 && len(payload) >= least && !plain {
		payload = encode(w.Header(), r, payload)
	}
	// A client that does not read its answer is gone when its pong would be too late.
	config := &c.server.config
	err := answer(w, response, config.PingInterval+config.PingTimeout, "text/plain; charset=UTF-8", payload)
	c.mu.Lock()
	if c.phase.Load() != isClosed {
		c.queue.sent(held{share: share})
		c.account.Settle(c.server.config.Memory, c.queue.share)
	}
	c.mu.Unlock()
	if last || err != nil {
		c.end(TransportClose, err, nil)
	}
	return nil
}

// takePayload ends the waiting of a poll, and returns its answer, and the share of memory that it counts for until it has
// been written. plain: nothing in it is to be compressed. last: it is the goodbye. That is sent for itself, as in
// Node.js: clients heed it at once, and drop what came in the same answer and is not handled yet.
func (c *Conn) takePayload() (payload []byte, plain, last bool, share int) {
	c.mu.Lock()
	c.poll = nil
	var l line
	if c.socket == nil { // else the queue is the socket's
		closing := c.phase.Load() == isClosing
		last = closing && c.queue.frames <= 1
		var goodbye queued
		if closing && !last {
			goodbye = c.queue.pull()
		}
		l = c.queue.take()
		share = c.queue.share
		c.queue.sent(held{frames: c.queue.frames, bytes: c.queue.bytes})
		if closing && !last {
			c.queue.push(goodbye)
		}
	}
	closed := c.phase.Load() == isClosed && c.reason != TransportClose
	c.mu.Unlock()

	plain = true
	for ; !l.empty(); l.pop() {
		item := &l.head.items[l.first]
		plain = plain && item.plain
		p := item.frame.payload()
		if len(p) > 0 {
			if payload != nil {
				payload = append(payload, separator)
			}
			payload = append(payload, p...)
		}
	}
	switch {
	case payload != nil:
	case closed:
		payload = []byte{typeClose}
	default:
		payload = []byte{typeNoop}
	}
	return payload, plain, last, share
}

// servePost takes the packets of a request.
func (c *Conn) servePost(w http.ResponseWriter, r *http.Request) *refusal {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream") {
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
		no = c.receivePayload(body, r.Context().Done())
	}
	c.mu.Lock()
	c.posting = false
	c.mu.Unlock()
	if no != nil {
		return no
	}
	// HTML as in Node.js: browsers may offer a plain text for download. A client that does not get it sends no more.
	_ = answer(w, response, c.server.config.BodyTimeout, "text/html", []byte("ok"))
	return nil
}

// readBody reads a request's packets. What is too large ends the session. The client gets Node.js's answer, which has no body.
func (c *Conn) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	limit := int64(c.server.config.MaxPayload)
	tooLarge := &refusal{status: http.StatusRequestEntityTooLarge, code: codeRequest, err: errTooLarge, empty: true}
	if r.ContentLength > limit {
		c.end(TransportError, errTooLarge, nil)
		return nil, tooLarge
	}
	memory := c.server.config.Memory
	counted := &counted{Reader: http.MaxBytesReader(w, r.Body, limit), memory: memory}
	defer counted.account.Settle(memory, 0)
	body, err := io.ReadAll(counted) // grows with what comes
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		c.end(TransportError, errTooLarge, nil)
		return nil, tooLarge
	case err != nil:
		if c.phase.Load() == isOpen { // else the client may still poll for what is queued
			c.end(reasonOf(err, TransportError), err, nil)
		}
		return nil, refuse(codeRequest, err)
	}
	return body, nil
}

// counted is a body whose bytes count as memory while it is read.
type counted struct {
	io.Reader
	memory  *quota.Budget
	account quota.Account
	n       int
}

func (b *counted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.n += n
	if !b.account.Settle(b.memory, b.n) {
		return n, b.memory.Error()
	}
	return n, err
}

// receivePayload gives the packets of a body to the receiver, and waits for room. gone is closed when the client gives the
// request up.
func (c *Conn) receivePayload(body []byte, gone <-chan struct{}) *refusal {
	if !c.enter() {
		if c.phase.Load() == isClosing {
			c.farewell(body)
			return nil
		}
		c.end(TransportError, errOverlap, nil) // the receiver is called from a WebSocket, unless the session is over
		return refuse(codeRequest, errNotTaken)
	}
	var o outcome
	over := false // the session has ended while the receiver had no room
	err := eachPacket(body, func(p packet) bool {
		o = c.receive(p, nil)
		over = o.full && !c.wait(gone)
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

// farewell looks for the goodbye in what the client of a closing session sends. It has not to poll for ours then.
func (c *Conn) farewell(body []byte) {
	over := false
	_ = eachPacket(body, func(p packet) bool { // the rest means nothing any more
		over = over || p.kind == typeClose
		return !over
	})
	if over {
		c.end("", nil, nil)
	}
}
