package engineio

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// maxAccepts is how many connections are accepted at once before others get their turn.
const maxAccepts = 64

// polls reports whether there are pollers, which it starts.
func (s *Server) polls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.startHelpers()
	}
	return len(s.pollers.all) > 0
}

// acceptTCP accepts connections until l is closed. The runtime waits for the first one, and does not get to know those that have come
// with it.
func (s *Server) acceptTCP(l *net.TCPListener) error {
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
			// There are as many descriptors as there can be: that passes.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.config.Logger.Warn("engineio: no connection can be accepted", "error", err)
			select {
			case <-s.front.handed.closed:
			case <-time.After(wait):
			}
			continue
		}
		wait = 0
		if d := adopt(nc); d != nil {
			s.arrive(d, nc.RemoteAddr().String())
		} else {
			s.front.handed.give(nc)
		}
		if err := raw.Control(s.acceptMore); err != nil {
			return err
		}
	}
}

// acceptMore accepts what there is, without waiting. Errors are Accept's to tell.
func (s *Server) acceptMore(listener uintptr) {
	for range maxAccepts {
		fd, from, err := syscall.Accept4(int(listener), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // as package net does
			d := &descriptor{fd: fd}
			d.refs.Store(1)
			s.arrive(d, remote(from))
		case syscall.EINTR, syscall.ECONNABORTED:
		default:
			return
		}
	}
}

// remote is the address of a client, as package net writes it.
func remote(from syscall.Sockaddr) string {
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
