package socketio_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

var recoveryRuns = flag.Int("recovery.runs", 1, "how many random histories TestRecoveryProperty runs of each kind")

// TestRecoveryProperty breaks the connections of clients at random bytes, with or without the server noticing. The
// clients reconnect at once or later. Meanwhile events are sent to all, to rooms, to all but a room, and to the
// client; some are binary, some volatile. Each client gets every event that is for it once and in order, or learns
// that it was not recovered.
func TestRecoveryProperty(t *testing.T) {
	for _, serving := range []string{"HTTPHandler", "Serve"} {
		for _, transport := range []string{"websocket", "polling", "any"} {
			for run := range *recoveryRuns {
				t.Run(fmt.Sprintf("%s/%s/%d", serving, transport, run), func(t *testing.T) {
					t.Parallel()
					seed := rand.Uint64()
					t.Logf("seed %d", seed)
					recoveryHistory(t, serving, transport, rand.New(rand.NewPCG(seed, 0)))
				})
			}
		}
	}
}

// history is what the server has sent. It checks what a client receives.
type history struct {
	nodes  []*node
	logged bool // events that are not volatile are sent through a log, so volatile ones may come earlier or later

	mu     sync.Mutex // guards all below; held while an event is sent, so that its number agrees with its order
	sent   []sentEvent
	random *rand.Rand
}

type sentEvent struct {
	rooms, except []string
	volatile      bool
}

// isFor reports whether the event is for a client in rooms.
func (e sentEvent) isFor(rooms []string) bool {
	in := e.rooms == nil
	for _, room := range rooms {
		in = in || slices.Contains(e.rooms, room)
	}
	return in && !slices.ContainsFunc(rooms, func(room string) bool { return slices.Contains(e.except, room) })
}

// TestRecoveryPropertyOnAnyNode is the same for clients that reconnect to any node of a cluster with a log.
func TestRecoveryPropertyOnAnyNode(t *testing.T) {
	for _, transport := range []string{"websocket", "polling", "any"} {
		for run := range *recoveryRuns {
			t.Run(fmt.Sprintf("%s/%d", transport, run), func(t *testing.T) {
				t.Parallel()
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				nodes := logged(t, memory.NewHub(), 3)
				(&history{nodes: nodes, logged: true}).run(t, transport, rand.New(rand.NewPCG(seed, 0)))
			})
		}
	}
}

func recoveryHistory(t *testing.T, serving, transport string, random *rand.Rand) {
	n := serve(t, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	if serving == "Serve" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		n.url = "http://" + l.Addr().String()
		go n.Serve(l) // until the server is closed
	}
	(&history{nodes: []*node{n}}).run(t, transport, random)
}

func (h *history) run(t *testing.T, transport string, random *rand.Rand) {
	for _, n := range h.nodes {
		n.Use(func(s *socketio.Socket) error { return s.Join("a", "b") })
	}
	h.random = rand.New(rand.NewPCG(random.Uint64(), 0))
	rounds, client := 25, &official{t: t}
	// from is the first event that the client must receive, if the event is for it
	from, last, recoveries, seen := 0, -1, 0, 0
	fresh := true // nothing of the session has been received yet
	// events that were kept for a greeting that never came; they belong to the previous session
	left := 0
	leaving, ended := false, false
	client.greeted = func(recovered bool) {
		if recovered {
			recoveries++
		} else {
			fresh, left = true, len(client.kept)
		}
	}
	client.listener = func(event string, args []any) {
		number := int(args[0].(float64))
		if h.mayOvertake(number) {
			return
		}
		if h.logged && fresh && left == 0 {
			last = -1 // the node of a new client may be behind, and send what the client has had before
		}
		require.Greater(t, number, last, "an event arrived twice or out of order")
		rooms := []string{client.id, "a", "b"}
		if left > 0 {
			left--
			last = number
			return
		}
		h.mu.Lock()
		if !fresh {
			for i := from; i < number; i++ {
				if e := h.sent[i]; !e.volatile && e.isFor(rooms) {
					h.mu.Unlock()
					require.Failf(t, "an event was lost", "%d: %+v, before %d %q", i, e, number, event)
				}
			}
		}
		h.mu.Unlock()
		fresh, last, from = false, number, number+1
		seen++
		ended = event == "end"
		if ended || leaving && h.recoverable(client.id) {
			panic(errEnough)
		}
	}

	stop := make(chan struct{})
	var sending sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		sending.Wait()
	})
	defer end()
	pace := rand.New(rand.NewPCG(random.Uint64(), 0))
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(pace.IntN(2000)) * time.Microsecond):
				h.send(t, "x")
			}
		}
	})
	pick := func() string {
		if transport == "any" {
			return []string{"websocket", "polling"}[random.IntN(2)]
		}
		return transport
	}
	url := func() string { return h.nodes[random.IntN(len(h.nodes))].url }
	for range rounds {
		most := []int{600, 2000, 8000}[random.IntN(3)]
		client.run(url(), attempt{transport: pick(), received: random.IntN(most), silent: random.IntN(3) == 0})
		if random.IntN(2) == 0 {
			for range random.IntN(20) {
				h.send(t, "x")
			}
		}
	}
	leaving = true
	client.run(url(), attempt{transport: pick(), received: math.MaxInt}) // until it can be recovered
	leaving = false
	before := recoveries
	end()
	h.send(t, "x")
	done := make(chan struct{})
	ending := make(chan struct{})
	go func() { // until the client is there to receive it
		defer close(ending)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				h.send(t, "end")
			}
		}
	}()
	client.run(url(), attempt{transport: pick(), received: math.MaxInt})
	close(done)
	<-ending
	require.True(t, ended)
	t.Logf("%d events, of which the client got %d, recovered %d times of %d", len(h.sent), seen, recoveries, rounds)
	require.Equal(t, before+1, recoveries, "the client must be recovered: nothing prevents it")
}

// recoverable reports whether a connected client can be recovered. A new one gets events before its session is stored.
func (h *history) recoverable(id string) bool {
	return slices.ContainsFunc(h.nodes, func(n *node) bool {
		s := n.Socket(id)
		return s != nil && socketio.Recoverable(s)
	})
}

// mayOvertake reports whether the order of an event among others is unknown.
func (h *history) mayOvertake(number int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged && h.sent[number].volatile
}

// send sends an event whose argument is its number.
func (h *history) send(t *testing.T, event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[h.random.IntN(len(h.nodes))]
	var e sentEvent
	target := n.Target
	if event != "end" {
		switch h.random.IntN(6) {
		case 0:
			e.rooms = []string{"a"}
		case 1:
			e.rooms = []string{"a", "b"}
		case 2:
			e.rooms = []string{"elsewhere"}
		case 3:
			e.except = []string{"b"}
		case 4:
			if all := n.Sockets(); len(all) > 0 {
				e.rooms = []string{all[h.random.IntN(len(all))].ID()}
			}
		}
		e.volatile = h.random.IntN(10) == 0
	}
	if e.rooms != nil {
		target = target.To(e.rooms...)
	}
	if e.except != nil {
		target = target.Except(e.except...)
	}
	if e.volatile {
		target = target.Volatile()
	}
	args := []any{len(h.sent)}
	if h.random.IntN(10) == 0 {
		args = append(args, []byte("binary"))
	}
	if h.random.IntN(10) == 0 {
		args = append(args, "a string that is no offset")
	}
	h.sent = append(h.sent, e)
	if err := target.Emit(context.Background(), event, args...); err != nil {
		t.Errorf("Emit: %v", err)
	}
}
