// Package proxy stands between a bus and its server while conformance is proven: it breaks connections, or stalls them, so that the hooks of
// conformance.Harness need no help of the server.
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
// It passes on bytes over TCP and does not look at them, so TLS between bus and server works too. That a peer has finished to send is passed on.
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
	// moment is how long one direction works alone before a connection breaks.
	oneWayTime = 2 * time.Millisecond
	// window is how many bytes of a client's are on their way at most.
	readBuffer = 256 << 10
	// resent is how much later than others a connection goes on that was stalled.
	retransmitDelay = 20 * time.Millisecond
)

// Proxy accepts connections and passes on what is sent over each to a connection of its own to the server. Make it with Start.
type Proxy struct {
	ln      net.Listener
	target  string
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows
	links    map[*connPair]struct{}
	barriers map[string]chan struct{} // connections of our own, by address: closed once they were accepted
	severed  int                      // times
	stalls   int                      // how many have stalled the proxy
	resumed  chan struct{}            // closed unless it is stalled
}

// Start starts a proxy for the server at a TCP address. It runs until the test ends.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{ln: ln, target: target, links: make(map[*connPair]struct{}), barriers: make(map[string]chan struct{}), resumed: make(chan struct{})}
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

// Address is where the proxy accepts connections.
func (p *Proxy) Address() string { return p.ln.Addr().String() }

// Connections lists the connections that there are, for the hook Leftovers.
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
		client.(*net.TCPConn).SetReadBuffer(readBuffer) // or a stalled connection takes 30 MiB on some systems before it makes anybody wait
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

// waitWhileStalled waits while the proxy is stalled, unless the connection is to be severed. What was held back comes a little later than what comes over a new
// connection, as with TCP, which waits before it sends again.
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

// Sever breaks all connections, and returns once that is done. A moment before, only one direction works: in turn the answers of the server are
// lost, or the requests. What the server has been sent by then it has carried out, so that nothing of it happens later; a server that has
// not done so after two seconds is not waited for. New connections work.
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

// waitUntilAccepted returns once all connections that are established were accepted: the system accepts in order, so one of our own is the last.
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

// Stall makes proxies hold back everything, without closing a connection, until resume is called. Calling resume again does nothing.
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
