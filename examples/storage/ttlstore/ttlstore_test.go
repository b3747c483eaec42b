package ttlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/examples/storage/ttlstore"
	"github.com/backplane-go/backplane/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	srv := newServer()
	addr := srv.start(t)
	h := harness(addr)
	h.Stall = func(testing.TB, storage.Store) (resume func()) {
		srv.stalled.Lock()
		return srv.stalled.Unlock
	}
	conformance.Store(t, h)
}

// TestConformanceOnRedis needs the address of a server in BACKPLANE_TEST_REDIS.
func TestConformanceOnRedis(t *testing.T) {
	addr := os.Getenv("BACKPLANE_TEST_REDIS")
	if addr == "" {
		t.Skip("BACKPLANE_TEST_REDIS is not set")
	}
	conformance.Store(t, harness(addr))
}

func harness(addr string) conformance.StoreHarness {
	return conformance.StoreHarness{
		NewStore: func(testing.TB) storage.Store { return ttlstore.Store{Addr: addr} },
		NewShortLived: func(_ testing.TB, ttl time.Duration) storage.Store {
			return ttlstore.Store{Addr: addr, TTL: ttl}
		},
	}
}

func Example() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer ln.Close()
	go newServer().serve(ln) // in place of Redis

	ctx := context.Background()
	one := ttlstore.Store{Addr: ln.Addr().String(), TTL: time.Minute}
	id, err := one.Put(ctx, []byte("a large message"))
	if err != nil {
		log.Fatal(err)
	}
	two := ttlstore.Store{Addr: ln.Addr().String(), TTL: time.Minute}
	body, err := two.Get(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body))
	_, err = two.Get(ctx, "another id")
	fmt.Println(err)
	// Output:
	// a large message
	// storage: not found
}

// server implements the part of Redis that the store needs.
type server struct {
	stalled sync.RWMutex // locked while the server sends no answers

	mu     sync.Mutex // guards bodies
	bodies map[string]body
}

type body struct {
	text string
	ends time.Time
}

func newServer() *server { return &server{bodies: make(map[string]body)} }

// start runs the server until the test ends, and returns its address.
func (s *server) start(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve(ln)
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}

// serve returns when ln and all connections are closed.
func (s *server) serve(ln net.Listener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			defer conn.Close()
			s.answer(conn)
		})
	}
}

// answer answers the commands of a connection: SET key body PX milliseconds, and GET key.
func (s *server) answer(conn net.Conn) {
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		var n int
		if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
			return
		}
		args := make([]string, n)
		for i := range args {
			var size int
			if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
				return
			}
			arg := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(r, arg); err != nil {
				return
			}
			args[i] = string(arg[:size])
		}
		answer := s.execute(args)
		s.stalled.RLock()
		w.WriteString(answer)
		w.Flush()
		s.stalled.RUnlock()
	}
}

func (s *server) execute(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := args[1], time.Now()
	b, ok := s.bodies[key]
	if ok && !now.Before(b.ends) {
		delete(s.bodies, key)
		ok = false
	}
	switch {
	case args[0] == "GET" && !ok:
		return "$-1\r\n"
	case args[0] == "GET":
		return fmt.Sprintf("$%d\r\n%s\r\n", len(b.text), b.text)
	}
	ms, err := strconv.ParseInt(args[4], 10, 64)
	if err != nil {
		return "-ERR value is not an integer or out of range\r\n"
	}
	s.bodies[key] = body{args[2], now.Add(time.Duration(ms) * time.Millisecond)}
	return "+OK\r\n"
}
