package tcpbus

import (
	"encoding/json"
	"net"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/transport"
)

// request is what a client asks the hub to do: one of these.
type request struct {
	Publish          []transport.Message `json:",omitempty"`
	Listen, Unlisten []string            `json:",omitempty"`
}

// Hub is the broker. Its zero value is ready to use.
type Hub struct {
	mu      sync.Mutex // guards what follows, and makes the one order of all messages; never held while waiting
	clients map[*client]struct{}
}

// What waits for a client that does not read: more than that, and it loses its connection.
const (
	maxLines = 1 << 16
	maxBytes = 64 << 20
)

type client struct {
	conn      net.Conn
	lines     chan []byte // to be written
	bytes     atomic.Int64
	channels  map[string]bool // guarded by Hub.mu, like publishes
	publishes bool
}

// Serve accepts clients until ln is closed. Then it ends their connections, and returns.
func (h *Hub) Serve(ln net.Listener) {
	var running sync.WaitGroup
	for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
		c := &client{conn: conn, lines: make(chan []byte, maxLines), channels: make(map[string]bool)}
		h.mu.Lock()
		if h.clients == nil {
			h.clients = make(map[*client]struct{})
		}
		h.clients[c] = struct{}{}
		h.mu.Unlock()
		running.Go(func() { h.read(c) })
		running.Go(c.write)
	}
	h.end(func(c *client) bool { return true })
	running.Wait()
}

// read carries out the client's requests.
func (h *Hub) read(c *client) {
	in := json.NewDecoder(c.conn)
	for {
		var r request
		if in.Decode(&r) != nil {
			h.end(func(other *client) bool { return other == c })
			return
		}
		h.do(c, r)
	}
}

func (h *Hub) do(c *client, r request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, connected := h.clients[c]; !connected {
		return // whoever has asked knows already that the connection is broken, and may have published something else since
	}
	for _, channel := range r.Listen {
		c.channels[channel] = true
	}
	for _, channel := range r.Unlisten {
		delete(c.channels, channel)
	}
	for _, m := range r.Publish {
		c.publishes = true
		line, _ := json.Marshal(m) // it was JSON before
		line = append(line, '\n')
		for to := range h.clients {
			if to.channels[m.Channel] {
				h.send(to, line)
			}
		}
	}
	h.send(c, []byte("\n"))
}

// send leaves a line to write, if the client is still connected. The caller holds mu.
func (h *Hub) send(c *client, line []byte) {
	if _, connected := h.clients[c]; !connected {
		return
	}
	if waiting := c.bytes.Add(int64(len(line))); waiting > maxBytes && waiting > int64(len(line)) {
		h.drop(c)
		return
	}
	select {
	case c.lines <- line:
	default:
		h.drop(c)
	}
}

func (c *client) write() {
	for line := range c.lines {
		c.conn.Write(line) // when it fails, so does read
		c.bytes.Add(-int64(len(line)))
	}
}

// drop ends a client's connection. The caller holds mu.
func (h *Hub) drop(c *client) {
	delete(h.clients, c)
	close(c.lines)
	c.conn.Close()
}

// end drops those of the clients that are connected.
func (h *Hub) end(which func(*client) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if which(c) {
			h.drop(c)
		}
	}
}

// SeverSessions breaks the connections of all sessions, as an outage would.
func (h *Hub) SeverSessions() { h.end(func(c *client) bool { return !c.publishes }) }

// SeverPublishers breaks the connections on which buses publish.
func (h *Hub) SeverPublishers() { h.end(func(c *client) bool { return c.publishes }) }
