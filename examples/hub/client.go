package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/backplane-go/backplane"
)

const (
	maxQueue   = 64          // maximum number of frames that wait for a client
	closeGrace = time.Second // time for a client to receive the reason of its disconnection
)

// client is one WebSocket. One goroutine reads from it and one writes to it; all others only put frames into its queue.
type client struct {
	id    string
	hub   *hub
	conn  net.Conn
	queue chan []byte

	ending sync.Once
	last   []byte        // the close frame
	ended  chan struct{} // closed when last is set
}

var _ backplane.Socket = (*client)(nil)

func newClient(h *hub, conn net.Conn) *client {
	return &client{id: rand.Text(), hub: h, conn: conn, queue: make(chan []byte, maxQueue), ended: make(chan struct{})}
}

// ID implements backplane.Socket.
func (c *client) ID() string { return c.id }

// Send implements backplane.Socket.
func (c *client) Send(p *backplane.Packet) { c.push(frameOf(p.Args), p.Flags.Volatile) }

// Disconnect implements backplane.Socket. There is only one namespace, so it always closes the connection.
func (c *client) Disconnect(bool) { c.end(ws.StatusNormalClosure, "disconnected by the server") }

// push queues a frame. It never waits: a client that does not keep up misses volatile events, and is disconnected at
// any other event.
func (c *client) push(frame []byte, volatile bool) {
	if frame == nil {
		return
	}
	select {
	case c.queue <- frame:
	default:
		if !volatile {
			c.end(ws.StatusPolicyViolation, "too slow")
		}
	}
}

// tell sends an event to this client only.
func (c *client) tell(event string, args ...any) {
	if encoded, err := backplane.NewArgs(event, args...); err == nil {
		c.push(frameOf(encoded), false)
	}
}

// end ends the connection. The client leaves all rooms at once, and receives the queued frames and the reason.
// If that takes too long, its connection is closed. Only the first call has an effect.
func (c *client) end(status ws.StatusCode, reason string) {
	c.ending.Do(func() {
		c.hub.Remove(c)
		c.last = ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(status, reason)))
		close(c.ended)
		time.AfterFunc(closeGrace, func() { _ = c.conn.Close() })
	})
}

// serve reads and writes until the connection ends.
func (c *client) serve(ctx context.Context, source *bufio.ReadWriter) {
	var writing sync.WaitGroup
	writing.Go(c.write)
	var closed wsutil.ClosedError
	switch err := c.read(ctx, source); {
	case errors.As(err, &closed):
		c.end(closed.Code, closed.Reason)
	case errors.Is(err, wsutil.ErrFrameTooLarge):
		c.end(ws.StatusMessageTooBig, "message too large")
	case errors.Is(err, wsutil.ErrInvalidUTF8):
		c.end(ws.StatusInvalidFramePayloadData, "not UTF-8")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.end(ws.StatusPolicyViolation, "no answer to a ping")
	default:
		c.end(ws.StatusProtocolError, "not WebSocket") // if the connection is broken, this has no effect
	}
	writing.Wait()
}

// write writes everything that is queued at once, and a ping from time to time.
func (c *client) write() {
	pings := time.NewTicker(c.hub.config.heartbeat)
	defer pings.Stop()
	for open := true; open; {
		var frames net.Buffers
		select {
		case frame := <-c.queue:
			frames = append(frames, frame)
		case <-pings.C:
			frames = append(frames, ws.CompiledPing)
		case <-c.ended:
			open = false
		}
		for range len(c.queue) {
			frames = append(frames, <-c.queue)
		}
		if !open {
			frames = append(frames, c.last)
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.hub.config.heartbeat))
		if _, err := frames.WriteTo(c.conn); err != nil {
			_ = c.conn.Close() // ends read, too
			return
		}
	}
}

// read handles the messages of the client until it closes the connection or breaks a rule.
func (c *client) read(ctx context.Context, source io.Reader) error {
	reader := &wsutil.Reader{Source: source, State: ws.StateServerSide, CheckUTF8: true, MaxFrameSize: maxMessage,
		OnIntermediate: c.control}
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(2 * c.hub.config.heartbeat)) // for the whole message
		header, err := reader.NextFrame()
		switch {
		case err != nil:
		case header.OpCode.IsControl():
			err = c.control(header, reader)
		case header.OpCode != ws.OpText:
			err = refuse(ws.StatusUnsupportedData, "not text")
		default:
			err = c.message(ctx, reader)
		}
		if err != nil {
			return err
		}
	}
}

// message handles a message, which may have several frames.
func (c *client) message(ctx context.Context, reader io.Reader) error {
	message, err := io.ReadAll(io.LimitReader(reader, maxMessage+1))
	switch {
	case err != nil:
		return err
	case len(message) > maxMessage:
		return wsutil.ErrFrameTooLarge
	}
	select {
	case <-c.ended:
		return nil // the connection is closing: wait only for the client's close frame
	default:
		return c.hub.handle(ctx, c, message)
	}
}

// control answers a ping or a close frame. A pong needs no answer: its arrival has extended the read deadline.
func (c *client) control(header ws.Header, r io.Reader) error {
	payload := make([]byte, header.Length) // at most 125: NextFrame refuses longer ones
	if _, err := io.ReadFull(r, payload); err != nil {
		return err
	}
	switch header.OpCode {
	case ws.OpPing:
		c.push(ws.MustCompileFrame(ws.NewPongFrame(payload)), false)
	case ws.OpClose:
		return refuse(ws.StatusNormalClosure, "") // whatever code the client sent
	}
	return nil
}
