package pgtest

import (
	"net"
	"strings"
	"time"
)

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server())
		if err != nil {
			_ = client.Close() // the server is down
			continue
		}
		c := &pair{client: client, server: server}
		p.mu.Lock()
		p.accepted++
		c.number = p.accepted
		p.pairs[c] = struct{}{}
		if p.refused {
			c.cut = true
			_ = client.Close()
			_ = server.Close()
		}
		if p.closed {
			p.cutLocked()
		}
		p.mu.Unlock()
		p.wg.Add(1)
		go p.serve(c)
	}
}

func (p *Proxy) serve(c *pair) {
	defer p.wg.Done()
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		p.forward(c, c.server, c.client, ToServer)
	}()
	p.forward(c, c.client, c.server, ToClient)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// forward copies data until one side ends, and then closes both.
func (p *Proxy) forward(c *pair, to, from net.Conn, d Direction) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.pass(c, d, buf[:n]) {
			return
		}
		if n > 0 && !p.drops(c) {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// pass waits until the data may pass, and reports whether the connection still exists.
func (p *Proxy) pass(c *pair, d Direction, bytes []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d == ToServer && c.firstData == "" {
		c.firstData = string(bytes)
	}
	if wait := p.delay; wait > 0 && len(bytes) > 0 {
		p.mu.Unlock()
		time.Sleep(wait)
		p.mu.Lock()
	}
	if len(bytes) > 0 {
		p.held++
		defer func() { p.held-- }()
	}
	for p.holds(c, d) {
		p.wake.Wait()
	}
	return !c.cut && !p.closed
}

// holds reports whether data is held back. The caller holds mu.
func (p *Proxy) holds(c *pair, d Direction) bool {
	if c.cut || c.dropped || p.closed {
		return false
	}
	return p.stalledExisting&d != 0 && c.number <= p.lastStalled ||
		p.stalled&d != 0 && strings.Contains(c.firstData, p.only)
}

// drops reports whether data that is sent over the connection is dropped.
func (p *Proxy) drops(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.dropped
}
