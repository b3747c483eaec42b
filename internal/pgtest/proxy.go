package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Direction is the direction of data through a Proxy.
type Direction int

const (
	// ToServer is data from clients to the server.
	ToServer Direction = 1
	// ToClient is data from the server to clients.
	ToClient Direction = 2
	// Both is data in both directions.
	Both = ToServer | ToClient
)

// Proxy is a proxy in front of a server that simulates network failures. It can hold data back silently, like
// an unplugged cable, drop it, delay it, or cut and refuse connections.
type Proxy struct {
	listener net.Listener
	url      string

	wg   sync.WaitGroup
	mu   sync.Mutex // guards the fields below
	wake *sync.Cond // signaled when they change, except for target

	target  string // host:port
	stalled Direction
	only    string // stalls only connections whose first data contains this text

	stalledExisting Direction
	lastStalled     int // the number of the last connection that stalledExisting applies to

	delay    time.Duration
	refused  bool
	held     int // number of connections and directions with data that is held back
	pairs    map[*pair]struct{}
	accepted int
	closed   bool
}

// pair is a client's connection and the corresponding connection to the server.
type pair struct {
	client, server net.Conn
	firstData      string // the first data from the client, which contains its application_name unless encrypted
	cut            bool
	number         int  // from 1
	dropped        bool // all data is dropped
}

// NewProxy starts a proxy in front of a server until the test ends.
func NewProxy(tb testing.TB, server string) *Proxy {
	tb.Helper()
	p, err := StartProxy(server)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// StartProxy starts a proxy in front of a server until Close is called.
func StartProxy(server string) (*Proxy, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	p := &Proxy{target: u.Host, pairs: make(map[*pair]struct{})}
	p.wake = sync.NewCond(&p.mu)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	u.Host = p.listener.Addr().String()
	p.url = u.String()
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

// URL returns the URL of the proxy.
func (p *Proxy) URL() string { return p.url }

// Stall holds back the data of all connections, including new ones, in one direction. The receiver sees
// nothing. The data is not lost: Resume forwards it.
func (p *Proxy) Stall(d Direction) { p.set(d, "") }

// StallOnly does what Stall does, but only for connections whose first data contains a text, such as an
// application_name.
func (p *Proxy) StallOnly(d Direction, text string) { p.set(d, text) }

// StallExisting does what Stall does for the existing connections. New ones work.
func (p *Proxy) StallExisting(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastStalled, p.stalledExisting = p.accepted, d
	p.wake.Broadcast()
}

// Resume ends Stall, StallOnly and StallExisting.
func (p *Proxy) Resume() {
	p.StallExisting(0)
	p.set(0, "")
}

func (p *Proxy) set(d Direction, only string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.only = d, only
	p.wake.Broadcast()
}

// Held returns the number of connections on which data is held back now. Each direction counts.
func (p *Proxy) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// Delay delays each piece of data in both directions. Zero ends the delay.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Refuse makes the proxy close new connections at once, or accept them again.
func (p *Proxy) Refuse(refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = refused
}

// DropPackets drops all data that is sent from now on over the existing connections, in both directions,
// without notifying either side. It returns the number of connections. New connections work.
func (p *Proxy) DropPackets() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.dropped = true
	}
	p.wake.Broadcast()
	return len(p.pairs)
}

// CutDropped closes the connections for which DropPackets was called, like a network that answers again. It returns
// their number.
func (p *Proxy) CutDropped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for pair := range p.pairs {
		if pair.dropped {
			n += pair.closeLocked()
		}
	}
	p.wake.Broadcast()
	return n
}

// closeLocked closes both connections. It returns 0 if they are closed already, 1 otherwise.
func (c *pair) closeLocked() int {
	if c.cut {
		return 0
	}
	c.cut = true
	_ = c.client.Close()
	_ = c.server.Close()
	return 1
}

// Cut closes all connections and returns their number. New ones are accepted.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutLocked()
}

func (p *Proxy) cutLocked() int {
	n := 0
	for pair := range p.pairs {
		n += pair.closeLocked()
	}
	p.wake.Broadcast()
	return n
}

// Accepted returns the number of connections that the proxy has accepted since its start.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Open returns the number of open connections.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// Close cuts all connections and stops listening.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	_ = p.listener.Close()
	p.cutLocked()
	p.mu.Unlock()
	p.wg.Wait()
}
