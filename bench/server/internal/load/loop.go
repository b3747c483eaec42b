package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// loop reads all connections on one thread.
type loop struct {
	epoll
	addrs   []netip.AddrPort
	polling bool
	dialect *dialect
	conns   []*conn // in the order in which they were opened
	buffer  []byte
	out     []byte // buffer for outgoing frames

	opening   int // connections whose handshake has not finished
	connected int
	reads     int                                 // reads that returned data
	message   func(c *conn, payload []byte) error // is called for each message of a connected client
}

func newLoop(addrs []string, polling bool, dialect string) (*loop, error) {
	l := &loop{polling: polling, dialect: dialects[dialect], buffer: make([]byte, 1<<20)}
	for _, a := range addrs {
		addr, err := netip.ParseAddrPort(a)
		if err != nil {
			return nil, err
		}
		l.addrs = append(l.addrs, addr)
	}
	if len(addrs) == 0 {
		return nil, errors.New("no address to connect to")
	}
	var err error
	if l.epoll, err = newEpoll(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	if l == nil {
		return
	}
	for _, c := range l.conns {
		c.close()
	}
	l.epoll.close()
}

// open opens another connection. The connections use the addresses in turn.
func (l *loop) open() error {
	addr := l.addrs[len(l.conns)%len(l.addrs)]
	c := &conn{fd: -1, index: len(l.conns), addr: addr}
	l.conns = append(l.conns, c)
	if err := l.connect(c); err != nil {
		return err
	}
	l.opening++
	if l.polling {
		return c.pollingHandshake()
	}
	return c.upgrade(l.dialect.path)
}

// openAll connects until there are n clients or the time is over, with at most inFlight handshakes at a time.
func (l *loop) openAll(n, inFlight int, limit time.Duration) error {
	end := time.Now().Add(limit)
	for l.connected < n {
		for l.opening < inFlight && len(l.conns) < n {
			if err := l.open(); err != nil {
				return err
			}
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := l.round(left); err != nil {
			return err
		}
	}
	return nil
}

// round waits until connections can be read, at most for wait, and reads them.
func (l *loop) round(wait time.Duration) error {
	ready, err := l.wait(wait)
	if err != nil {
		return err
	}
	for _, c := range ready {
		if err := l.read(c); err != nil {
			return fmt.Errorf("client %d: %w", c.index, err)
		}
	}
	return nil
}

func (l *loop) read(c *conn) error {
	for {
		kept := copy(l.buffer, c.rest)
		n, again, err := c.read(l.buffer[kept:])
		switch {
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case again:
			return nil
		case n == 0:
			return fmt.Errorf("the server closed the connection after %.200q", c.rest)
		}
		l.reads++
		rest, err := l.handle(c, l.buffer[:kept+n])
		if err != nil {
			return err
		}
		c.rest = append(c.rest[:0], rest...)
		if len(c.rest) == 0 {
			c.rest = nil
		}
		if n < len(l.buffer)-kept {
			return nil // epoll reports when more arrives
		}
	}
}
