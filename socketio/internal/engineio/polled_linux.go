package engineio

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// maxReads is how often one socket is read before the next one gets its turn.
const maxReads = 16

// pollers read all sockets of a server that are nothing but sockets.
type pollers struct {
	all  []*poller
	last atomic.Uint32
}

// start makes as many pollers as there can be descriptors for. Without any, sockets are read by a goroutine each.
func (p *pollers) start() {
	for range runtime.GOMAXPROCS(0) {
		one, err := newPoller()
		if err != nil {
			return
		}
		p.all = append(p.all, one)
	}
}

func (p *pollers) close() {
	for _, one := range p.all {
		one.close()
	}
}

// adopt makes nc one that a poller reads. It is false, and nc as it was, where that is not possible.
func (p *pollers) adopt(s *socket, nc net.Conn) bool {
	if len(p.all) == 0 {
		return false
	}
	d := adopt(nc)
	if d == nil {
		return false
	}
	s.nc, s.raw = d, (*borrowed)(d)
	s.polled.poller, s.polled.descriptor = p.pick(), d
	return true
}

// pick returns the poller for the next socket. There is one.
func (p *pollers) pick() *poller { return p.all[p.last.Add(1)%uint32(len(p.all))] }

// polled is what a socket is to a poller.
type polled struct {
	poller     *poller // nil: it is read by a goroutine of its own
	descriptor *descriptor
	next       *socket
	state      atomic.Int32 // quiet, …
	ending     atomic.Bool  // there may be an end behind what is read: no event will tell of it
}

// The states of a polled socket.
const (
	quiet  int32 = 0
	busy   int32 = 1 // it is being read, or will be
	busier int32 = 2 // and something has come since
)

// told notes that something has come. It is true for who has to see to it that the socket is read.
func (d *polled) told() bool {
	for {
		if d.state.CompareAndSwap(quiet, busy) {
			return true
		}
		if d.state.CompareAndSwap(busy, busier) || d.state.Load() == busier {
			return false
		}
	}
}

// settled ends reading. It is false, and reading goes on, if something has come meanwhile.
func (d *polled) settled() bool {
	if d.state.CompareAndSwap(busy, quiet) {
		return true
	}
	d.state.Store(busy)
	return false
}

// serve reads what there is. The work that it brings is in here afterwards.
func (s *socket) serve(sc *scratch, here *sched.Slot) {
	d := &s.polled
	s.here = here
	for range maxReads {
		s.paused = s.paused && s.held()
		more := true
		switch {
		case s.arrival == nil && !s.paused && len(s.ahead) > 0:
			s.replay(sc)
		case s.full():
			if d.ending.Load() {
				s.over(sc, io.EOF)
				return
			}
			more = false
		default:
			space := s.in.space(sc.buf)
			n, nothing, err := readFD(uintptr(d.descriptor.fd), space)
			switch {
			case nothing:
				if d.settled() {
					return
				}
				continue
			case err != nil:
				s.over(sc, err)
				return
			case n == 0:
				s.over(sc, io.EOF)
				return
			}
			more = n == len(space) || d.ending.Load()
			if s.arrival == nil {
				s.handle(sc, n)
			} else if !s.arrival.read(space[:n]) {
				return
			}
			more = more || !s.paused && len(s.ahead) > 0
		}
		switch settled := !more && d.settled(); {
		case settled:
			return
		case here.Full():
			d.poller.requeue(s)
			return
		}
	}
	d.poller.requeue(s)
}

// over ends the reading of s, unless the client is still to get its goodbye: when it has, or the session ends without, s is cut, and read
// once more.
func (s *socket) over(sc *scratch, err error) {
	for s.arrival == nil && !s.drained(sc, err) {
		if s.polled.settled() {
			return
		}
	}
	s.polled.poller.forget(s)
	s.polled.descriptor.over.Store(true) // there is nothing left to cut
	if s.arrival != nil {
		s.arrival.ended()
		return
	}
	s.finish(err)
}
