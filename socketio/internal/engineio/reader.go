package engineio

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// reader reads a socket that no poller reads, in a goroutine of its own.
type reader struct {
	socket *socket
	nc     net.Conn
	raw    syscall.RawConn // nil: nc is more than a socket
	own    *scratch        // if there is no raw
	got    *scratch        // what was read, by try
	n      int
	err    error
}

// read reads until the connection ends.
func (r *reader) read() error {
	s := r.socket
	r.raw, _ = s.raw.(syscall.RawConn)
	if r.raw == nil {
		r.own = &scratch{buf: make([]byte, 2<<10)}
	}
	for {
		s.paused = s.paused && s.held()
		switch {
		case !s.paused && len(s.ahead) > 0:
			sc := scratches.Get().(*scratch)
			s.replay(sc)
			scratches.Put(sc)
		case s.full():
			<-s.woken
		default:
			err := r.readMore()
			var timeout net.Error
			switch {
			case err == nil:
			case errors.As(err, &timeout) && timeout.Timeout(): // by wake
				_ = r.nc.SetReadDeadline(time.Time{}) // it was set before
			default:
				r.drain(err)
				return err
			}
		}
	}
}

// drain waits until the close frame was sent to the client, or the session has ended without one.
func (r *reader) drain(err error) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	for !r.socket.drained(sc, err) {
		<-r.socket.woken
	}
}

// wake has the reader look whether its pause is over.
func (s *socket) wake() {
	if s.polled.poller != nil {
		s.polled.poller.again(s)
		return
	}
	select {
	case s.woken <- struct{}{}:
	default:
	}
	if nc, ok := s.nc.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = nc.SetReadDeadline(time.Unix(1, 0)) // where it cannot be set, the reader looks when the next byte comes
	}
}

// readMore reads once. While nothing comes, only the goroutine waits: a buffer is borrowed when there is something to read.
func (r *reader) readMore() error {
	if r.raw == nil {
		n, err := r.nc.Read(r.socket.in.space(r.own.buf))
		if n > 0 {
			r.socket.handle(r.own, n)
		}
		return err
	}
	if err := r.raw.Read(r.try); err != nil {
		return err
	}
	if r.n > 0 {
		r.socket.handle(r.got, r.n)
	}
	scratches.Put(r.got)
	r.got = nil
	if r.err == nil && r.n == 0 {
		return io.EOF
	}
	return r.err
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
