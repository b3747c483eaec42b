package engineio

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

const (
	// maxStandby is how many goroutines a poller keeps that have nothing to do. Their stacks have grown already.
	maxStandby = 16
	edges      = 1 << 31 // EPOLLET
)

// poller reads sockets, those of one epoll instance. Of its goroutines one waits until something can be read. Then it is the
// one that reads, and calls the receiver, and does the receiver's work; since that may take long, another one takes its
// place as soon as it can run. On a single core that is when this one waits for something, so that in general a single
// goroutine serves all that have sent something, without a switch between them.
type poller struct {
	file *os.File // the instance, which the runtime waits for as for any file
	raw  syscall.RawConn
	poll func(fd uintptr) bool

	// The waiting goroutine's own.
	events [256]syscall.EpollEvent
	n      int

	mu         sync.Mutex // guards all below
	sockets    []*socket  // by descriptor
	head, tail *socket    // those to be read
	waiting    bool       // a goroutine waits for events
	coming     int        // goroutines that are about to look for something to do
	called     int        // of standby: those that are coming
	standby    int
	standbys   sync.Cond
	active     int // goroutines, but for those that do a receiver's work
	over       bool
	done       chan struct{} // closed when over and nobody is active
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	p.standbys.L = &p.mu
	p.poll = p.look
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	p.active, p.coming = 1, 1
	go p.run()
	return p, nil
}

// close ends the goroutines, and waits for those that do not do a receiver's work. All sockets have been closed. It may be
// called again.
func (p *poller) close() {
	p.mu.Lock()
	p.over = true
	p.standbys.Broadcast()
	p.mu.Unlock()
	_ = p.file.Close()
	<-p.done
}

// watch begins to read s.
func (p *poller) watch(s *socket) {
	fd := s.polled.descriptor.fd
	p.mu.Lock()
	for fd >= len(p.sockets) {
		p.sockets = append(p.sockets, make([]*socket, max(64, len(p.sockets)))...)
	}
	p.sockets[fd] = s
	if len(s.ahead) > 0 {
		s.polled.state.Store(busy)
		p.push(s)
		p.callOne()
	}
	p.mu.Unlock()
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edges, Fd: int32(fd)}
	var err error
	controlled := p.raw.Control(func(epoll uintptr) { err = syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_ADD, fd, &event) })
	if err != nil || controlled != nil { // the system has no room for more
		s.polled.ending.Store(true)
		s.cut()
		p.again(s)
	}
}

// forget is called before s is closed.
func (p *poller) forget(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := s.polled.descriptor.fd; p.sockets[fd] == s {
		p.sockets[fd] = nil
	}
}

// leave ends the watching of s, whose socket lives on elsewhere. Only who reads s may call it.
func (p *poller) leave(s *socket) {
	p.forget(s)
	_ = p.raw.Control(func(epoll uintptr) {
		_ = syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_DEL, s.polled.descriptor.fd, nil)
	})
}

// again has s read, unless it is about to be.
func (p *poller) again(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.polled.told() {
		p.push(s)
		p.callOne()
	}
}

// push puts s, which is busy, at the end of those to be read. The caller holds mu.
func (p *poller) push(s *socket) {
	if p.tail == nil {
		p.head = s
	} else {
		p.tail.polled.next = s
	}
	p.tail = s
}

// callOne sees to it that another goroutine comes if there is something to do, or nobody waits for it. The caller holds mu.
func (p *poller) callOne() {
	if p.coming > 0 || p.waiting && p.head == nil || p.over {
		return
	}
	p.coming++
	if p.standby > p.called {
		p.called++
		p.standbys.Signal()
		return
	}
	p.active++
	go p.run()
}

// run reads what can be read.
func (p *poller) run() {
	sc := &scratch{buf: make([]byte, 16<<10)}
	var here sched.Slot
	p.mu.Lock()
	p.coming--
	for s := p.next(); s != nil; s = p.next() {
		p.mu.Unlock()
		if s.serve(sc, &here); here.Full() {
			p.mu.Lock()
			p.left()
			p.mu.Unlock()
			here.Run() // a func of the application's may end this goroutine: another one is there, or coming
			p.mu.Lock()
			if p.over {
				p.mu.Unlock()
				return
			}
			p.active++
			continue
		}
		p.mu.Lock()
	}
	p.left()
	p.mu.Unlock()
}

// left is called by goroutines that end, or do a receiver's work. The caller holds mu.
func (p *poller) left() {
	if p.active--; p.active == 0 && p.over {
		close(p.done)
	}
}

// next returns a socket to be read, nil: the goroutine is not needed any more. The caller holds mu.
func (p *poller) next() *socket {
	for !p.over {
		switch {
		case p.head != nil:
			s := p.head
			p.head, s.polled.next = s.polled.next, nil
			if p.head == nil {
				p.tail = nil
			}
			p.callOne()
			return s
		case !p.waiting:
			p.waiting = true
			p.mu.Unlock()
			p.wait()
			p.mu.Lock()
			p.waiting = false
			p.take()
		case p.standby >= maxStandby:
			return nil
		default:
			p.standby++
			for p.called == 0 && !p.over {
				p.standbys.Wait()
			}
			p.standby--
			if p.called > 0 {
				p.called--
				p.coming--
			}
		}
	}
	return nil
}

// wait waits for events.
func (p *poller) wait() {
	// Whoever else can run goes first: they make more that can be read, and write what was sent.
	runtime.Gosched()
	p.n = 0
	if err := p.raw.Read(p.poll); err != nil {
		p.n = 0 // it was closed
	}
}

// look asks for events. It is false if there are none.
func (p *poller) look(fd uintptr) bool {
	n, err := syscall.EpollWait(int(fd), p.events[:], 0)
	p.n = max(0, n)
	return n > 0 || err != nil && err != syscall.EINTR
}

// take notes what can be read. The caller holds mu.
func (p *poller) take() {
	for i := range p.events[:p.n] {
		e := &p.events[i]
		s := p.sockets[e.Fd]
		if s == nil {
			continue // it was closed
		}
		if e.Events&^syscall.EPOLLIN != 0 {
			s.polled.ending.Store(true)
		}
		if s.polled.told() {
			p.push(s)
		}
	}
	p.n = 0
}

// requeue has s, which is busy, read later.
func (p *poller) requeue(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.push(s)
	p.callOne()
}
