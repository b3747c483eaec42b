package tcpbus

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
)

// Hub is the broker. Its zero value is ready to use.
type Hub struct {
	mu      sync.Mutex // guards the fields below and defines the order of all messages; never held while waiting
	clients map[*client]struct{}
}

// Limits of the queue of a client. The hub closes the connection of a client that exceeds them.
const (
	maxPackets = 1 << 16
	maxBytes   = 64 << 20
)

type client struct {
	conn     net.Conn
	packets  chan []byte // to be written
	bytes    atomic.Int64
	channels map[string]bool // guarded by Hub.mu
}

// Serve accepts clients until ln is closed. Then it ends their connections, and returns.
func (h *Hub) Serve(ln net.Listener) {
	var running sync.WaitGroup
	for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
		c := &client{conn: conn, packets: make(chan []byte, maxPackets), channels: make(map[string]bool)}
		h.mu.Lock()
		if h.clients == nil {
			h.clients = make(map[*client]struct{})
		}
		h.clients[c] = struct{}{}
		h.mu.Unlock()
		running.Go(func() { h.serve(c) })
		running.Go(c.write)
	}
	h.mu.Lock()
	for c := range h.clients {
		h.drop(c)
	}
	h.mu.Unlock()
	running.Wait()
}

// serve executes the client's requests.
func (h *Hub) serve(c *client) {
	in := bufio.NewReader(c.conn)
	for {
		request, err := read(in)
		h.mu.Lock()
		if err != nil {
			h.drop(c)
			h.mu.Unlock()
			return
		}
		h.execute(c, request)
		h.mu.Unlock()
	}
}

// execute executes a request. The caller holds mu.
func (h *Hub) execute(c *client, request packet) {
	if _, connected := h.clients[c]; !connected {
		return // the client knows that the connection is broken, and may have published something else since
	}
	switch request.kind {
	case listen:
		for _, channel := range request.items {
			c.channels[string(channel)] = true
		}
	case unlisten:
		for _, channel := range request.items {
			delete(c.channels, string(channel))
		}
	case publish:
		for items := request.items; len(items) >= 2; items = items[2:] {
			m := packet{message, items[:2]}.bytes()
			for to := range h.clients {
				if to.channels[string(items[0])] {
					h.send(to, m)
				}
			}
		}
	}
	h.send(c, packet{kind: done}.bytes())
}

// send queues a packet if the client is still connected. The caller holds mu.
func (h *Hub) send(c *client, p []byte) {
	if _, connected := h.clients[c]; !connected {
		return
	}
	if waiting := c.bytes.Add(int64(len(p))); waiting > maxBytes && waiting > int64(len(p)) {
		h.drop(c)
		return
	}
	select {
	case c.packets <- p:
	default:
		h.drop(c)
	}
}

func (c *client) write() {
	out := bufio.NewWriter(c.conn)
	for p := range c.packets {
		out.Write(p)
		c.bytes.Add(-int64(len(p)))
		if len(c.packets) == 0 {
			out.Flush() // if it fails, reading fails too
		}
	}
}

// drop closes a client's connection, if it is still open. The caller holds mu.
func (h *Hub) drop(c *client) {
	if _, connected := h.clients[c]; !connected {
		return
	}
	delete(h.clients, c)
	close(c.packets)
	c.conn.Close()
}
