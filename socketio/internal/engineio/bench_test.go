package engineio_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/cputime"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// sessionList is the sessions of a benchmark. They echo what a client sends.
type sessionList struct {
	mu  sync.Mutex
	all []*engineio.Conn
}

type echoing struct{ c *engineio.Conn }

func (e echoing) Message(binary bool, data []byte, _ *sched.Slot) (more bool) {
	e.c.Send(wsframe.NewFrame(wsframe.Part{Binary: binary, Data: data}), engineio.SendOptions{})
	return true
}
func (echoing) Closed(engineio.Reason, error) {}

func (c *sessionList) open(conn *engineio.Conn) engineio.Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
	return echoing{conn}
}

func (c *sessionList) broadcast() {
	f := text(benchText)
	for _, conn := range c.all {
		conn.Send(f, engineio.SendOptions{})
	}
}

// resident returns the size of the process's resident memory.
func resident(b *testing.B) int {
	b.Helper()
	p, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("no /proc: ", err)
	}
	var size, pages int
	_, err = fmt.Sscan(string(p), &size, &pages)
	require.NoError(b, err)
	return pages * os.Getpagesize()
}

func benchServe(b *testing.B, role string, n int) (*sessionList, *clients) {
	var all sessionList
	h := serve(b, engineio.Config{Open: all.open})
	c := startClients(b, h, role, n)
	require.Equal(b, "connected", c.line(b))
	return &all, c
}

// BenchmarkFanOut broadcasts to all clients, 20 broadcasts at a time. An operation is one broadcast.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{500, 2000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all, c := benchServe(b, "listen", n)
			b.ReportAllocs()
			used := cputime.Used()
			b.ResetTimer()
			for range min(20, b.N) {
				all.broadcast()
			}
			for i := range b.N {
				if _, err := c.out.ReadByte(); err != nil {
					b.Fatal(err)
				}
				if i+20 < b.N {
					all.broadcast()
				}
			}
			b.StopTimer()
			deliveries := float64(b.N) * float64(n)
			b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric((cputime.Used()-used).Seconds()*1e6/deliveries, "µs-cpu/delivery")
		})
	}
}

// BenchmarkPaced broadcasts 20 times a second. It measures the processor time per client.
func BenchmarkPaced(b *testing.B) {
	for _, n := range []int{500, 2000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all, c := benchServe(b, "listen", n)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			used := cputime.Used()
			b.ResetTimer()
			for range b.N {
				<-tick.C
				all.broadcast()
				if _, err := c.out.ReadByte(); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric((cputime.Used()-used).Seconds()*1e6/float64(b.N*n), "µs-cpu/delivery")
		})
	}
}

// BenchmarkEcho answers 200 clients, each of which sends again when it has its answer.
func BenchmarkEcho(b *testing.B) {
	_, c := benchServe(b, "echo", 200)
	count := func() int {
		n, err := strconv.Atoi(c.line(b))
		require.NoError(b, err)
		return n
	}
	b.ReportAllocs()
	begin := count()
	used := cputime.Used()
	b.ResetTimer()
	done := 0
	for done < b.N {
		done = count() - begin
	}
	b.StopTimer()
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "echoes/s")
	b.ReportMetric((cputime.Used()-used).Seconds()*1e6/float64(done), "µs-cpu/echo")
}

// BenchmarkConnect opens sessions over WebSocket, 64 at a time.
func BenchmarkConnect(b *testing.B) {
	for name, serve := range map[string]bool{"Handler": false, "Serve": true} {
		b.Run(name, func(b *testing.B) {
			useServe = serve
			defer func() { useServe = false }()
			benchConnect(b)
		})
	}
}

func benchConnect(b *testing.B) {
	var opened atomic.Int64
	h := serve(b, engineio.Config{Open: func(c *engineio.Conn) engineio.Receiver {
		opened.Add(1)
		return echoing{c}
	}})
	b.ReportAllocs()
	used := cputime.Used()
	c := startClients(b, h, "connect", b.N)
	require.Equal(b, "done", c.line(b))
	b.StopTimer()
	require.EqualValues(b, b.N, opened.Load())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
	b.ReportMetric((cputime.Used()-used).Seconds()*1e6/float64(b.N), "µs-cpu/connection")
}

// BenchmarkIdle measures the memory of b.N idle connections. Run it with -benchtime 5000x.
func BenchmarkIdle(b *testing.B) {
	if b.N == 1 {
		return // the first run of each benchmark; there is nothing to measure
	}
	before := resident(b)
	all, _ := benchServe(b, "listen", b.N)
	b.StopTimer()
	time.Sleep(time.Second) // until the connections are idle
	b.ReportMetric(float64(resident(b)-before)/float64(b.N), "B-resident/connection")
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/float64(b.N), "B-heap/connection")
	b.ReportMetric(float64(m.StackInuse)/float64(b.N), "B-stack/connection")
	runtime.KeepAlive(all)
}
