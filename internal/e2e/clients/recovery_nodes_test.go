package clients_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// TestOfficialClientsRecoverOnAnyNode moves official clients between the nodes of a cluster with a log, as a balancer
// does.
func TestOfficialClientsRecoverOnAnyNode(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for name, buses := range map[string]func(t *testing.T) []transport.Bus{
		"memory": func(*testing.T) []transport.Bus {
			hub := memory.NewHub()
			return []transport.Bus{hub, hub, hub}
		},
		"postgres": func(t *testing.T) []transport.Bus {
			url := pgtest.Database(t)
			return []transport.Bus{pgxBus(t, url), pgxBus(t, url), pqBus(t, url)}
		},
		"redis": func(t *testing.T) []transport.Bus {
			address := redistest.New(t).Address()
			return []transport.Bus{redisBus(t, address), redisBus(t, address), redisBus(t, address)}
		},
	} {
		for _, transports := range everyTransport {
			t.Run(name+"/"+transports[0], func(t *testing.T) {
				t.Parallel()
				c := recovers
				c.logged = true
				var servers []*goServer
				for _, bus := range buses(t) {
					servers = append(servers, newGoServer(t, c, bus))
				}
				moveBetween(t, h, servers, transports)
			})
		}
	}
}

func moveBetween(t *testing.T, h *host, servers []*goServer, transports []string) {
	for _, s := range servers {
		_, err := s.run(patient(t), op{Call: "serverCount", Count: len(servers)})
		require.NoError(t, err)
	}
	f := &fixture{T: t, ctx: patient(t), host: h, server: servers[0], transports: transports}
	b := newBalancer(t, servers[0].address)
	c := f.settled(clientSpec{URL: b.url(), Options: comingBack(), Auth: map[string]any{"rooms": []string{"den"},
		"data": map[string]any{"n": 1}}})
	id := c.id
	var rounds = 2 * len(servers)
	for i := range rounds { // the first time, it has not received anything
		from, to := servers[i%len(servers)], servers[(i+1)%len(servers)]
		b.lead(to.address)
		f.server = from
		f.must(emit("missed", i, 1).to("den"))
		f.must(emit("missed", i, 2, []byte{1}).to(id))
		f.must(emit("volatile", "text").volatile().to("elsewhere"))
		if i == rounds-1 {
			require.NoError(t, from.stop(patient(t))) // a rolling deploy
			require.NoError(t, from.start(patient(t)))
		} else {
			b.cut()
		}
		at := c.connected()
		require.True(t, at.Recovered, "%d", i)
		require.Equal(t, id, at.ID)
		f.server = to
		e := f.accepted(c)
		require.True(t, e.Recovered)
		require.ElementsMatch(t, []string{id, "den"}, e.Rooms)
		same(t, map[string]any{"n": 1}, e.Data.V)
		f.must(emit("live", i).of(id))
		offset(f, c, "missed", i, 1)
		offset(f, c, "missed", i, 2, []byte{1})
		offset(f, c, "live", i)
		f.settle(c)
	}
}

// balancer leads connections to a server.
type balancer struct {
	listener net.Listener

	mu    sync.Mutex // guards all below
	to    string
	conns []net.Conn
}

func newBalancer(t *testing.T, to string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{listener: l, to: to}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		b.cut()
		group.Wait()
	})
	return b
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// lead leads new connections to another server.
func (b *balancer) lead(to string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = to
}

// cut breaks all connections.
func (b *balancer) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
}

func (b *balancer) serve(client net.Conn) {
	b.mu.Lock()
	server, err := net.Dial("tcp", b.to)
	if err == nil {
		b.conns = append(b.conns, client, server)
	}
	b.mu.Unlock()
	defer client.Close()
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
	<-done
}
