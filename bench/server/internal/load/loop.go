package load

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

// loop reads all connections, on one thread.
type loop struct {
	epoll   int
	addrs   []netip.AddrPort
	polling bool
	conns   []*conn // in the order they were made
	byFD    []*conn
	buffer  []byte
	events  []syscall.EpollEvent
	out     []byte // frames being made

	opening   int // connections whose handshake is under way
	connected int
	reads     int                                 // that brought something
	message   func(c *conn, payload []byte) error // gets the messages of connected clients
}

func newLoop(addrs []string, polling bool) (*loop, error) {
	l := &loop{polling: polling, buffer: make([]byte, 1<<20), events: make([]syscall.EpollEvent, 1024)}
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
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	if l == nil {
		return
	}
	for _, c := range l.conns {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(l.epoll)
}

// open begins one more connection. The connections go round the addresses.
func (l *loop) open() error {
	addr := l.addrs[len(l.conns)%len(l.addrs)]
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c := &conn{fd: fd, index: len(l.conns), addr: addr}
	l.conns = append(l.conns, c)
	// On the loopback interface this does not wait while the server's backlog has room.
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	for fd >= len(l.byFD) {
		l.byFD = append(l.byFD, nil)
	}
	l.byFD[fd] = c
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	l.opening++
	if l.polling {
		return c.pollingHandshake()
	}
	return c.upgrade()
}

// openAll connects until there are n clients, so many at a time, and returns then or at the end of the time.
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

// round waits until something can be read, at most so long, and reads it.
func (l *loop) round(wait time.Duration) error {
	n, err := syscall.EpollWait(l.epoll, l.events, int((wait+time.Millisecond-1)/time.Millisecond))
	if err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, e := range l.events[:n] {
		if err := l.read(l.byFD[e.Fd]); err != nil {
			return fmt.Errorf("client %d: %w", l.byFD[e.Fd].index, err)
		}
	}
	return nil
}

func (l *loop) read(c *conn) error {
	for {
		kept := copy(l.buffer, c.rest)
		n, errno := rawRead(c.fd, l.buffer[kept:])
		switch {
		case errno == syscall.EAGAIN:
			return nil
		case errno != 0:
			return fmt.Errorf("read: %w", errno)
		case n == 0:
			return fmt.Errorf("the server closed the connection; before: %.200q", c.rest)
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
			return nil // epoll tells if more comes
		}
	}
}

// rawRead is read without telling the scheduler: it does not block, and that saves a quarter of its time.
func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// write writes to a client. What is written is so little that it always fits.
func (c *conn) write(b []byte) error {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return fmt.Errorf("write: %w", errno)
	}
	if int(n) != len(b) {
		return errors.New("the server does not read")
	}
	return nil
}
