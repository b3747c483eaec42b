package engineio

import (
	"net/http"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// pollAnswer is the response to a poll.
type pollAnswer struct {
	body   []byte
	binary bool // body is not text
	plain  bool // nothing in it may be compressed
	last   bool // it is the close packet
	share  int  // bytes of memory that it counts for until it has been written
}

// answerPoll responds to a poll.
func (c *Conn) answerPoll(w http.ResponseWriter, r *http.Request, a pollAnswer) error {
	config := &c.server.config
	if least := config.HTTPCompression; least >= 0 && len(a.body) >= least && !a.plain {
		a.body = encode(w.Header(), r, a.body)
	}
	c.server.traffic.bytesWritten.Add(uint64(len(a.body)))
	kind := "text/plain; charset=UTF-8"
	if a.binary {
		kind = "application/octet-stream"
	}
	// A client that has not read the response by the time at which its pong would be too late counts as gone.
	return respond(w, http.NewResponseController(w), config.PingInterval+config.PingTimeout, kind, a.body)
}

// takeAnswer ends the wait of a poll and returns the response. The close packet is sent in a separate response, as
// in Node.js, because clients drop unhandled packets that arrive with it.
func (c *Conn) takeAnswer() (a pollAnswer) {
	c.mu.Lock()
	c.poll = nil
	var l wsframe.Line
	if c.socket == nil { // otherwise the queue is written to the socket
		closing := c.phase.Load() == isClosing
		a.last = closing && c.queue.Frames <= 1
		var closePacket wsframe.Item
		if closing && !a.last {
			closePacket = c.queue.PopLast()
		}
		l = c.queue.Take()
		a.share = c.queue.Share
		c.queue.Remove(wsframe.Total{Frames: c.queue.Frames, Bytes: c.queue.Bytes})
		if closing && !a.last {
			c.queue.Push(closePacket)
		}
	}
	closed := c.phase.Load() == isClosed && c.reason != TransportClose
	c.mu.Unlock()

	protocol := c.protocol
	a.binary, a.plain = protocol.binaryPolls && l.HasBinary(), true
	for ; !l.Empty(); l.Pop() {
		item := l.First()
		a.plain = a.plain && item.Plain
		a.body = protocol.packets.appendFrame(a.body, item.Frame, a.binary)
	}
	switch {
	case a.body != nil:
	case closed:
		a.body = protocol.packets.appendFrame(nil, closeNormal, false)
	default:
		a.body = protocol.packets.appendFrame(nil, noopFrame, false)
	}
	return a
}
