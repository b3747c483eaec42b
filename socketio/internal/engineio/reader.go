package engineio

import (
	"io"
	"net"
	"syscall"
)

// reader reads a socket that no poller reads, in a goroutine of its own.
type reader struct {
	socket *socket
	nc     net.Conn
	got    *scratch // what was read, by try
	n      int
	err    error
}

// read reads until the connection ends. early is what came with the handshake.
func (r *reader) read(early []byte) error {
	s := r.socket
	for len(early) > 0 {
		sc := scratches.Get().(*scratch)
		n := copy(s.in.space(sc.buf), early)
		early = early[n:]
		s.handle(sc, n)
		scratches.Put(sc)
	}
	if raw, ok := s.raw.(syscall.RawConn); ok {
		return r.readRaw(raw)
	}
	return r.readBlocking()
}

// readRaw borrows a buffer when there is something to read: while nothing comes, only the goroutine waits.
func (r *reader) readRaw(raw syscall.RawConn) error {
	for {
		if err := raw.Read(r.try); err != nil {
			return err
		}
		if r.n > 0 {
			r.socket.handle(r.got, r.n)
		}
		scratches.Put(r.got)
		r.got = nil
		switch {
		case r.err != nil:
			return r.err
		case r.n == 0:
			return io.EOF
		}
	}
}

// try reads what there is. It is false when there is nothing.
func (r *reader) try(fd uintptr) bool {
	sc := scratches.Get().(*scratch)
	n, again, err := readFD(fd, r.socket.in.space(sc.buf))
	if again {
		scratches.Put(sc)
		return false
	}
	r.got, r.n, r.err = sc, n, err
	return true
}

// readBlocking is for connections that have to be asked for data with a buffer in hand.
func (r *reader) readBlocking() error {
	sc := &scratch{buf: make([]byte, 2<<10)}
	for {
		n, err := r.nc.Read(r.socket.in.space(sc.buf))
		if n > 0 {
			r.socket.handle(sc, n)
		}
		if err != nil {
			return err
		}
	}
}
