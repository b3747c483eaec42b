package netpoll

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/histogram"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

const (
	// maxStandby is how many idle goroutines a poller keeps. Reusing them is cheaper than new ones, because
	// their stacks have grown already.
	maxStandby = 16
	// edgeTriggered is EPOLLET: epoll reports new input once, and not for as long as there is input.
	edgeTriggered = 1 << 31
)

// poller reads the connections of one epoll instance. One of its goroutines waits for events. When there is an
// event, the same goroutine reads the connection, calls the handler, and does the task that the handler has
// started. Because the task may take long, another goroutine takes over as soon as Go's scheduler runs it. On a
// single core that is when the first goroutine blocks. So usually a single goroutine serves all connections
// that have input, without switching between goroutines.
type poller struct {
	file *os.File // the epoll instance; the runtime waits for it as for any file
	raw  syscall.RawConn
	poll func(fd uintptr) bool // pollEvents as a func value, allocated once

	// only for the goroutine that waits for events
	events [256]syscall.EpollEvent
	n      int

	delay *histogram.Histogram // see Pollers.Delay

	mu         sync.Mutex // guards the fields below
	rounds     uint       // in which there was input
	began      time.Time  // when the round began that is measured, zero if none is
	conns      []*Polled  // by descriptor
	head, tail *Polled    // the connections to be read
	waiting    bool       // a goroutine waits for events
	coming     int        // goroutines that are about to look for something to do
	called     int        // how many of these are on standby
	standby    int
	standbys   sync.Cond
	active     int // number of goroutines, without those that do a task
	closed     bool
	done       chan struct{} // closed when the poller is closed and no goroutine is active
}

func newPoller(delay *histogram.Histogram) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), delay: delay}
	p.standbys.L = &p.mu
	p.poll = p.pollEvents
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	p.active, p.coming = 1, 1
	go p.serve()
	return p, nil
}

// close ends the goroutines, and waits for all that do not do a task. All connections must have been closed. It
// may be called more than once.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	p.standbys.Broadcast()
	p.mu.Unlock()
	_ = p.file.Close()
	<-p.done
}

// watch starts reading c. kept says that c's handler has input.
func (p *poller) watch(c *Polled, kept bool) {
	p.mu.Lock()
	for c.fd >= len(p.conns) {
		p.conns = append(p.conns, make([]*Polled, max(64, len(p.conns)))...)
	}
	p.conns[c.fd] = c
	if kept {
		c.state.Store(busy)
		p.push(c)
		p.callAnother()
	}
	p.mu.Unlock()
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edgeTriggered, Fd: int32(c.fd)}
	var err error
	controlled := p.raw.Control(func(epoll uintptr) {
		err = syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_ADD, c.fd, &event)
	})
	if err != nil || controlled != nil { // the system allows no more registrations
		c.ending.Store(true)
		c.Cut()
		p.wake(c)
	}
}

// forget makes the poller ignore events of c. It must be called before c is closed.
func (p *poller) forget(c *Polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.fd] == c {
		p.conns[c.fd] = nil
	}
}

// unwatch removes a descriptor from epoll before the descriptor is closed.
func (p *poller) unwatch(fd int) {
	_ = p.raw.Control(func(epoll uintptr) { _ = syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_DEL, fd, nil) })
}

// wake makes a goroutine of the poller read c.
func (p *poller) wake(c *Polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.notify() {
		p.push(c)
		p.callAnother()
	}
}

// requeue appends c, which is busy, to the connections to be read, so that the others are read first.
func (p *poller) requeue(c *Polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.push(c)
	p.callAnother()
}

// push appends c, which is busy, to the connections to be read. The caller holds mu.
func (p *poller) push(c *Polled) {
	if p.tail == nil {
		p.head = c
	} else {
		p.tail.next = c
	}
	p.tail = c
}

// callAnother wakes or starts another goroutine if there is a connection to be read, or if no goroutine waits
// for events. The caller holds mu.
func (p *poller) callAnother() {
	if p.coming > 0 || p.waiting && p.head == nil || p.closed {
		return
	}
	p.coming++
	if p.standby > p.called {
		p.called++
		p.standbys.Signal()
		return
	}
	p.active++
	go p.serve()
}

// serve is what each goroutine of the poller does.
func (p *poller) serve() {
	buf := make([]byte, bufferSize)
	var here sched.Slot
	p.mu.Lock()
	p.coming--
	for c := p.nextConn(); c != nil; c = p.nextConn() {
		p.mu.Unlock()
		c.readAvailable(buf, &here)
		if here.Full() {
			p.mu.Lock()
			p.leave()
			p.mu.Unlock()
			here.Run() // may end this goroutine; another goroutine reads meanwhile
			p.mu.Lock()
			if p.closed {
				p.mu.Unlock()
				return
			}
			p.active++
			continue
		}
		p.mu.Lock()
	}
	p.leave()
	p.mu.Unlock()
}

// leave is called by a goroutine that ends or begins a task. The caller holds mu.
func (p *poller) leave() {
	if p.active--; p.active == 0 && p.closed {
		close(p.done)
	}
}

// nextConn returns a connection to be read. It waits for events, or until callAnother wakes the goroutine. It
// returns nil if the goroutine is no longer needed. The caller holds mu.
func (p *poller) nextConn() *Polled {
	for !p.closed {
		switch {
		case p.head != nil:
			c := p.head
			p.head, c.next = c.next, nil
			if p.head == nil {
				p.tail = nil
				p.endRound()
			}
			p.callAnother()
			return c
		case !p.waiting:
			p.waiting = true
			p.mu.Unlock()
			p.wait()
			p.mu.Lock()
			p.waiting = false
			p.pushEvents()
			p.beginRound()
		case p.standby >= maxStandby:
			return nil
		default:
			p.standby++
			for p.called == 0 && !p.closed {
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

// measureEach is which rounds of reading are measured: one of so many.
const measureEach = 16

// beginRound is called when there was input. The caller holds mu.
func (p *poller) beginRound() {
	if p.head == nil || !p.began.IsZero() {
		return
	}
	if p.rounds%measureEach == 0 {
		p.began = time.Now()
	}
	p.rounds++
}

// endRound is called when no connection has to wait any more. The caller holds mu.
func (p *poller) endRound() {
	if !p.began.IsZero() {
		p.delay.Observe(int64(time.Since(p.began)))
		p.began = time.Time{}
	}
}

// wait waits for events.
func (p *poller) wait() {
	// Let all other goroutines run first: they write responses, and clients then send more.
	runtime.Gosched()
	p.n = 0
	if err := p.raw.Read(p.poll); err != nil {
		p.n = 0 // the poller is closed
	}
}

// pollEvents reads events from epoll. It returns false if there are none.
func (p *poller) pollEvents(fd uintptr) bool {
	n, err := syscall.EpollWait(int(fd), p.events[:], 0)
	p.n = max(0, n)
	return n > 0 || err != nil && err != syscall.EINTR
}

// pushEvents appends the connections that have events to the connections to be read. The caller holds mu.
func (p *poller) pushEvents() {
	for i := range p.events[:p.n] {
		e := &p.events[i]
		c := p.conns[e.Fd]
		if c == nil {
			continue // the connection has been closed
		}
		if e.Events&^syscall.EPOLLIN != 0 {
			c.ending.Store(true)
		}
		if c.notify() {
			p.push(c)
		}
	}
	p.n = 0
}
