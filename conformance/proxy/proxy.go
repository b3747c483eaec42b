// Package proxy stands between a bus and its server during the checks of package conformance. It breaks or
// stalls connections, so that the hooks of conformance.Harness need no support of the server.
//
//	sessions, publishers := proxy.Start(t, address), proxy.Start(t, address)
//	conformance.Bus(t, conformance.Harness{
//		NewBus:         func(testing.TB) transport.Bus { return newBus(sessions.Address(), publishers.Address()) },
//		Sever:          func(testing.TB, transport.Bus) { sessions.Sever() },
//		SeverPublisher: func(testing.TB, transport.Bus) { publishers.Sever() },
//		Stall:          func(testing.TB, transport.Bus) func() { return proxy.Stall(sessions, publishers) },
//		Leftovers:      func(testing.TB) []string { return sessions.Connections() },
//	})
//
// It passes on bytes over TCP without looking at them, so TLS between bus and server works too. It passes on
// that a peer has finished sending.
package proxy

import (
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	// oneWayTime is how long only one direction works before a connection breaks.
	oneWayTime = 2 * time.Millisecond
	// readBuffer is how many bytes of a client can be in flight at most.
	readBuffer = 256 << 10
	// retransmitDelay is how much later than others a connection continues after a stall.
	retransmitDelay = 20 * time.Millisecond
)

// Proxy accepts connections and forwards each over a connection of its own to the server. Use Start to create
// one.
type Proxy struct {
	ln      net.Listener
	target  string
	running sync.WaitGroup

	mu       sync.Mutex // guards the following fields
	links    map[*connPair]struct{}
	barriers map[string]chan struct{} // the proxy's own connections, by address: closed once they are accepted
	severed  int                      // number of calls of Sever
	stalls   int                      // number of current stalls
	resumed  chan struct{}            // closed unless the proxy is stalled
}

// Start starts a proxy for the server at a TCP address. It runs until the test ends.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{ln: ln, target: target, links: make(map[*connPair]struct{}), barriers: make(map[string]chan struct{}),
		resumed: make(chan struct{})}
	close(p.resumed)
	p.running.Go(p.accept)
	tb.Cleanup(func() {
		p.Sever()
		ln.Close()
		p.Sever()
		p.running.Wait()
	})
	return p
}

// Address returns the address at which the proxy accepts connections.
func (p *Proxy) Address() string { return p.ln.Addr().String() }

// Connections lists the open connections, for the hook Leftovers.
func (p *Proxy) Connections() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for l := range p.links {
		all = append(all, "a connection from "+l.client.RemoteAddr().String())
	}
	return all
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		// Otherwise a stalled connection accepts 30 MiB on some systems before the sender has to wait.
		client.(*net.TCPConn).SetReadBuffer(readBuffer)
		p.mu.Lock()
		if barrier, ours := p.barriers[client.RemoteAddr().String()]; ours {
			close(barrier)
			client.Close()
		} else {
			l := &connPair{client: client, severed: make(chan struct{}), done: make(chan struct{})}
			p.links[l] = struct{}{}
			p.running.Go(func() { p.serve(l) })
		}
		p.mu.Unlock()
	}
}

func (p *Proxy) serve(l *connPair) {
	l.forward(p.target, func(data bool) { p.waitWhileStalled(l, data) })
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	close(l.done)
}

// waitWhileStalled waits while the proxy is stalled, unless the connection is to be severed. Data that was held
// back arrives a little later than data on a new connection, as with TCP, which waits before it retransmits.
func (p *Proxy) waitWhileStalled(l *connPair, data bool) {
	p.mu.Lock()
	resumed := p.resumed
	p.mu.Unlock()
	select {
	case <-resumed:
		return
	default:
	}
	select {
	case <-resumed:
	case <-l.severed:
		return
	}
	if data {
		select {
		case <-time.After(retransmitDelay):
		case <-l.severed:
		}
	}
}

// Sever breaks all connections, and returns once they are broken. For a moment before, only one direction
// works: Sever loses the server's answers and the client's requests alternately. The server has handled
// everything that it received, so that nothing happens later; Sever waits at most two seconds for that. New
// connections work.
func (p *Proxy) Sever() {
	p.waitUntilAccepted()
	p.mu.Lock()
	links := slices.Collect(maps.Keys(p.links))
	p.severed++
	answers := p.severed%2 == 1
	p.mu.Unlock()
	if len(links) == 0 {
		return
	}
	for _, l := range links {
		if answers {
			l.answersLost.Store(true)
		} else {
			l.requestsLost.Store(true)
		}
	}
	time.Sleep(oneWayTime)
	for _, l := range links {
		l.sever()
	}
	for _, l := range links {
		l.wait()
	}
}

// waitUntilAccepted returns once all established connections are accepted. The system accepts them in order, so
// it opens a connection of its own and waits for that.
func (p *Proxy) waitUntilAccepted() {
	accepted := make(chan struct{})
	p.mu.Lock()
	last, err := net.Dial("tcp", p.Address())
	if err == nil {
		p.barriers[last.LocalAddr().String()] = accepted
	}
	p.mu.Unlock()
	if err != nil {
		return // the test is over
	}
	<-accepted
	p.mu.Lock()
	delete(p.barriers, last.LocalAddr().String())
	p.mu.Unlock()
	last.Close()
}

// Stall makes proxies hold back all traffic, without closing a connection, until resume is called. Calling
// resume again does nothing.
func Stall(proxies ...*Proxy) (resume func()) {
	for _, p := range proxies {
		p.addStall(1)
	}
	return sync.OnceFunc(func() {
		for _, p := range proxies {
			p.addStall(-1)
		}
	})
}

func (p *Proxy) addStall(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalls == 0 {
		p.resumed = make(chan struct{})
	}
	if p.stalls += change; p.stalls == 0 {
		close(p.resumed)
	}
}
