//go:build !backplane_nethttp

package accept

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/netpoll"
)

// Available says whether the package can be used.
const Available = true

// maxAccepts is how many connections are accepted in a row before other goroutines run.
const maxAccepts = 64

// Acceptor accepts connections and serves the handshakes of WebSockets.
type Acceptor struct {
	config Config
	stop   chan struct{}  // closed by Close
	group  sync.WaitGroup // counts pending connections

	mu      sync.Mutex // guards the fields below
	pending map[*pendingConn]struct{}
	closed  bool
}

// New returns an Acceptor.
func New(config Config) *Acceptor {
	return &Acceptor{config: config, stop: make(chan struct{}), pending: make(map[*pendingConn]struct{})}
}

// Close closes all pending connections, and all that are accepted afterwards. It does not close the listeners.
// It may be called more than once.
func (a *Acceptor) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		close(a.stop)
	}
	for p := range a.pending {
		p.conn.Cut()
	}
}

// Wait waits until no connection is pending. It must be called after Close.
func (a *Acceptor) Wait() { a.group.Wait() }

// add records a new connection. It returns false after Close.
func (a *Acceptor) add(p *pendingConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.group.Add(1)
	a.pending[p] = struct{}{}
	return true
}

func (a *Acceptor) remove(p *pendingConn) {
	a.mu.Lock()
	delete(a.pending, p)
	a.mu.Unlock()
	a.group.Done()
}

// Serve accepts connections until l is closed, and returns l's error. It accepts one connection with l, and all
// others that are waiting then directly from the system, without Go's runtime.
func (a *Acceptor) Serve(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	wait := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err != nil {
			var errno syscall.Errno
			if !errors.As(err, &errno) || !errno.Temporary() {
				return err
			}
			// There are no descriptors left. Try again, because others will be closed.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			a.config.Journal.Log(&journal.AcceptFailed, journal.Error(err))
			select {
			case <-a.stop:
			case <-time.After(wait):
			}
			continue
		}
		wait = 0
		if c := a.config.Pollers.Adopt(nc); c != nil {
			a.start(c, nc.RemoteAddr().String())
		} else {
			a.config.Rest(nc)
		}
		if err := raw.Control(a.acceptMore); err != nil {
			return err
		}
	}
}

// acceptMore accepts all connections that are waiting, and does not wait for more. It ignores errors, because
// the next Accept returns them.
func (a *Acceptor) acceptMore(listener uintptr) {
	for range maxAccepts {
		fd, from, err := syscall.Accept4(int(listener), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // as package net does
			a.start(a.config.Pollers.AdoptFD(fd), remoteAddr(from))
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			return
		}
	}
}

// start starts reading a new connection.
func (a *Acceptor) start(c *netpoll.Polled, remote string) {
	p := &pendingConn{acceptor: a, conn: c, remote: remote}
	p.timer.Owner = p
	if !a.add(p) {
		_ = c.Close()
		return
	}
	a.config.Timers.Set(&p.timer, a.config.Timers.Now()+int64(a.config.HeaderTimeout))
	c.Start(p, false)
}

// remoteAddr returns an address as package net formats it.
func remoteAddr(from syscall.Sockaddr) string {
	switch a := from.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *syscall.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr).Unmap()
		if a.ZoneId != 0 {
			zone := strconv.Itoa(int(a.ZoneId))
			if i, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				zone = i.Name
			}
			ip = ip.WithZone(zone)
		}
		return netip.AddrPortFrom(ip, uint16(a.Port)).String()
	}
	return ""
}
