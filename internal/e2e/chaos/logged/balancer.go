package logged

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// balancer connects each client to a node, chosen at random.
type balancer struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	wake   *sync.Cond // signaled when they change
	nodes  map[int]string
	links  map[*link]struct{}
	closed bool
}

// link is the connection of a client.
type link struct {
	client, node net.Conn
	stalled      bool // what the node sends is held back
	dropped      bool // all data is dropped
}

func newBalancer() (*balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: listener, nodes: make(map[int]string), links: make(map[*link]struct{})}
	b.wake = sync.NewCond(&b.mu)
	b.wg.Go(b.accept)
	return b, nil
}

func (b *balancer) address() string { return b.listener.Addr().String() }

// set makes new clients connect to the node at a place. An empty address means that there is none.
func (b *balancer) set(place int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.nodes, place)
	if address != "" {
		b.nodes[place] = address
	}
}

func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.wg.Go(func() { b.serve(client) })
	}
}

// dial connects to a node. It tries all of them, in random order.
func (b *balancer) dial() (net.Conn, error) {
	b.mu.Lock()
	var addresses []string
	for _, address := range b.nodes {
		addresses = append(addresses, address)
	}
	b.mu.Unlock()
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	err := io.EOF
	for _, address := range addresses {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (b *balancer) serve(client net.Conn) {
	defer client.Close()
	node, err := b.dial()
	if err != nil {
		return
	}
	defer node.Close()
	l := &link{client: client, node: node}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.links[l] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.links, l)
	}()
	var upwards sync.WaitGroup
	upwards.Go(func() { b.forward(l, l.node, l.client, false) })
	b.forward(l, l.client, l.node, true)
	upwards.Wait()
}

// forward copies data until one side is closed, and closes the other, so that each side learns of the other's end.
// The other side of a link that drops data does not learn of it.
func (b *balancer) forward(l *link, to, from net.Conn, toClient bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		b.mu.Lock()
		for toClient && l.stalled && !b.closed {
			b.wake.Wait()
		}
		for l.dropped && err != nil && !b.closed {
			b.wake.Wait() // until heal
		}
		dropped := l.dropped
		b.mu.Unlock()
		if n > 0 && !dropped {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// some returns up to n random links.
func (b *balancer) some(n int) (chosen []*link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.links { // in random order
		if len(chosen) == n {
			break
		}
		chosen = append(chosen, l)
	}
	return chosen
}

// stall holds back what nodes send to some clients, or ends that.
func (b *balancer) stall(links []*link, stalled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range links {
		l.stalled = stalled
	}
	b.wake.Broadcast()
}

// drop makes links drop all data. Neither side learns that the other has closed the connection.
func (b *balancer) drop(links []*link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range links {
		l.dropped = true
	}
}

// cut closes links, also those that drop data.
func (b *balancer) cut(links []*link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range links {
		l.dropped = false
		_ = l.client.Close()
		_ = l.node.Close()
	}
	b.wake.Broadcast()
}

// close cuts all connections.
func (b *balancer) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	b.closed = true
	for l := range b.links {
		_ = l.client.Close()
		_ = l.node.Close()
	}
	b.wake.Broadcast()
	b.mu.Unlock()
	b.wg.Wait()
}
