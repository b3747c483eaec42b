package netpoll

import (
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
)

// Pollers reads plain TCP and Unix connections. The zero Pollers has no poller until Start.
type Pollers struct {
	delays
	all  []*poller
	last atomic.Uint32
}

// Start starts one poller for each processor that Go uses, or fewer if there are not enough descriptors. If
// there are no pollers, each connection is read by a goroutine.
func (p *Pollers) Start() {
	for range runtime.GOMAXPROCS(0) {
		one, err := newPoller(p.histogram())
		if err != nil {
			return
		}
		p.all = append(p.all, one)
	}
}

// Close ends the pollers. It waits for their goroutines, except those that do a task. All connections must have
// been closed.
func (p *Pollers) Close() {
	for _, one := range p.all {
		one.close()
	}
}

// Running reports whether there is at least one poller.
func (p *Pollers) Running() bool { return len(p.all) > 0 }

// Conn returns nc as a Conn, which is polled if that is possible. The caller must not use nc afterwards.
func (p *Pollers) Conn(nc net.Conn) Conn {
	if p.Running() {
		if c := p.Adopt(nc); c != nil {
			return c
		}
	}
	return newGoroutineConn(nc)
}

// Adopt moves the socket of nc from Go's runtime to a poller, and closes nc. It returns nil and leaves nc
// unchanged if nc is not a plain TCP or Unix connection, or if there is no descriptor left. There must be a
// poller.
func (p *Pollers) Adopt(nc net.Conn) *Polled {
	raw := rawConn(nc)
	if raw == nil {
		return nil
	}
	c := p.newPolled(-1)
	err := raw.Control(func(fd uintptr) {
		if copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0); errno == 0 {
			c.fd = int(copied)
		}
	})
	if err != nil || c.fd < 0 {
		return nil
	}
	_ = nc.Close() // the copy keeps the socket open
	return c
}

// AdoptFD returns a connection for a socket that does not block. There must be a poller.
func (p *Pollers) AdoptFD(fd int) *Polled { return p.newPolled(fd) }

func (p *Pollers) newPolled(fd int) *Polled {
	c := &Polled{fd: fd, poller: p.all[p.last.Add(1)%uint32(len(p.all))]}
	c.users.Store(1)
	return c
}
