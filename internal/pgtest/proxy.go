package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Direction is which way bytes go through a Proxy.
type Direction int

const (
	// ToServer is what clients say.
	ToServer Direction = 1
	// ToClient is what the server answers.
	ToClient Direction = 2
	// Both is everything.
	Both = ToServer | ToClient
)

// Proxy stands in front of a server and can lose the network: hold bytes back without a word, as when a cable is
// pulled, lose them, delay them, or cut and refuse connections.
type Proxy struct {
	listener net.Listener
	target   string // host:port
	url      string

	wg   sync.WaitGroup
	mu   sync.Mutex // guards the fields below
	wake *sync.Cond // when they change

	stalled Direction
	only    string // which connections are stalled

	stalledStanding Direction
	standing        int // the last connection that is stalled that way

	delay    time.Duration
	refused  bool
	held     int // connections, by direction, with bytes that are held back
	pairs    map[*pair]struct{}
	accepted int
	closed   bool
}

// pair is a client's connection and its counterpart.
type pair struct {
	client, server net.Conn
	greeting       string // the first that the client says, with its application_name unless it is encrypted
	cut            bool
	number         int  // from 1 on
	swallowed      bool // what is sent is lost
}

// NewProxy starts a proxy in front of the server of a URL, until the test ends.
func NewProxy(tb testing.TB, server string) *Proxy {
	tb.Helper()
	p, err := StartProxy(server)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// StartProxy starts a proxy in front of the server of a URL, until Close.
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

// URL returns the URL to connect to instead of the server's.
func (p *Proxy) URL() string { return p.url }

// Stall holds back the bytes of all connections, also of new ones, in a direction: the other side sees nothing.
// They are not lost: Resume sends them on.
func (p *Proxy) Stall(d Direction) { p.set(d, "") }

// StallOnly is Stall for those connections whose application_name, or anything else that the client says first,
// contains a text.
func (p *Proxy) StallOnly(d Direction, text string) { p.set(d, text) }

// StallStanding is Stall for the connections that there are now. New ones work.
func (p *Proxy) StallStanding(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.standing, p.stalledStanding = p.accepted, d
	p.wake.Broadcast()
}

// Resume ends Stall.
func (p *Proxy) Resume() {
	p.StallStanding(0)
	p.set(0, "")
}

func (p *Proxy) set(d Direction, only string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.only = d, only
	p.wake.Broadcast()
}

// Held returns on how many connections bytes are held back now, counting each direction.
func (p *Proxy) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// Delay makes every piece of bytes wait, in both directions. Zero ends it.
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

// Swallow loses whatever is sent from now on over the connections that exist, in both directions, and tells neither side. It
// returns how many there are. New connections work.
func (p *Proxy) Swallow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.swallowed = true
	}
	p.wake.Broadcast()
	return len(p.pairs)
}

// Cut closes all connections and returns how many there were. New ones are accepted.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutLocked()
}

func (p *Proxy) cutLocked() int {
	n := 0
	for pair := range p.pairs {
		if !pair.cut {
			n++
		}
		pair.cut = true
		_ = pair.client.Close()
		_ = pair.server.Close()
	}
	p.wake.Broadcast()
	return n
}

// Accepted returns how many connections were ever made.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Open returns how many connections there are.
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

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close() // the server is down, and so are we
			continue
		}
		c := &pair{client: client, server: server}
		p.mu.Lock()
		p.accepted++
		c.number = p.accepted
		p.pairs[c] = struct{}{}
		if p.refused {
			c.cut = true
			_ = client.Close()
			_ = server.Close()
		}
		if p.closed {
			p.cutLocked()
		}
		p.mu.Unlock()
		p.wg.Add(1)
		go p.serve(c)
	}
}

func (p *Proxy) serve(c *pair) {
	defer p.wg.Done()
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		p.forward(c, c.server, c.client, ToServer)
	}()
	p.forward(c, c.client, c.server, ToClient)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// forward copies until one side ends, and then ends the other.
func (p *Proxy) forward(c *pair, to, from net.Conn, d Direction) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.pass(c, d, buf[:n]) {
			return
		}
		if n > 0 && !p.loses(c) {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// pass waits until bytes may pass and tells whether the connection still exists.
func (p *Proxy) pass(c *pair, d Direction, bytes []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d == ToServer && c.greeting == "" {
		c.greeting = string(bytes)
	}
	if wait := p.delay; wait > 0 && len(bytes) > 0 {
		p.mu.Unlock()
		time.Sleep(wait)
		p.mu.Lock()
	}
	if len(bytes) > 0 {
		p.held++
		defer func() { p.held-- }()
	}
	for p.holds(c, d) {
		p.wake.Wait()
	}
	return !c.cut && !p.closed
}

// holds reports whether bytes are held back. The caller holds mu.
func (p *Proxy) holds(c *pair, d Direction) bool {
	if c.cut || c.swallowed || p.closed {
		return false
	}
	return p.stalledStanding&d != 0 && c.number <= p.standing || p.stalled&d != 0 && strings.Contains(c.greeting, p.only)
}

// loses reports whether what is sent over the connection is lost.
func (p *Proxy) loses(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.swallowed
}
