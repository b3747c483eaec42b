package engineio_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// The clients of the benchmarks run in another process, so that the processor time and memory of this process
// are those of the server. To run the clients on a separate processor: ENGINEIO_CLIENT_CPU=1 taskset -c 0 go
// test -bench . -cpu 1
const (
	clientRole = "ENGINEIO_CLIENT_ROLE"
	clientCPU  = "ENGINEIO_CLIENT_CPU"
)

// clients is the process of the clients. It talks to the benchmark over its standard input and output.
type clients struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startClients(b *testing.B, h *testServer, role string, n int) *clients {
	b.Helper()
	args := []string{os.Args[0]}
	if cpu := os.Getenv(clientCPU); cpu != "" {
		args = append([]string{"taskset", "-c", cpu}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), clientRole+"="+strings.Join([]string{role, h.http.Listener.Addr().String(),
		strconv.Itoa(n)}, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		in.Close() // this ends the process
		_ = cmd.Wait()
	})
	return &clients{in: in, out: bufio.NewReader(out)}
}

// line waits for a line and returns it.
func (c *clients) line(b *testing.B) string {
	b.Helper()
	s, err := c.out.ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(s)
}

// benchClient is the main function of the clients' process. It returns false in the process of the tests.
func benchClient() bool {
	role := strings.Fields(os.Getenv(clientRole))
	if len(role) == 0 {
		return false
	}
	n, err := strconv.Atoi(role[2])
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	switch role[0] {
	case "listen":
		listen(role[1], n)
	case "echo":
		echo(role[1], n)
	case "connect":
		connectOften(role[1], n)
	}
	select {}
}

// benchDial opens a session and reads its open packet.
func benchDial(addr string) (net.Conn, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: "+
		"Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\nSec-WebSocket-Extensions: "+
		"permessage-deflate; client_max_window_bits\r\n\r\n", addr)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(nc, 1024)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != 101 {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	f, err := ws.ReadFrame(r)
	if err != nil || len(f.Payload) == 0 || f.Payload[0] != '0' || r.Buffered() > 0 {
		return nil, fmt.Errorf("no open packet: %v %q", err, f.Payload)
	}
	return nc, nil
}

func benchDialAll(addr string, n int) []net.Conn {
	all := make([]net.Conn, n)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for k := i; k < n; k += 8 {
				nc, err := benchDial(addr)
				if err != nil {
					panic(err)
				}
				all[k] = nc
			}
		})
	}
	group.Wait()
	return all
}

// benchFrame is the size of a broadcast on the wire: about 100 bytes, a typical Socket.IO event.
const benchFrame = 2 + 1 + len(benchText)

const benchText = `2["news","0123456789012345678901234567890123456789012345678901234567890123456789012345678901"]`

// listen reads broadcasts, and prints a dot for each that all clients have received.
func listen(addr string, n int) {
	all := benchDialAll(addr, n)
	var got [1 << 12]atomic.Int32 // how many clients have received each broadcast in flight
	done := make(chan struct{}, len(got))
	go func() {
		fmt.Println("connected")
		for range done {
			dots := 1
			for len(done) > 0 {
				<-done
				dots++
			}
			_, _ = os.Stdout.WriteString(strings.Repeat(".", dots))
		}
	}()
	for _, nc := range all {
		go func() {
			buf := make([]byte, 8<<10)
			read := 0
			for {
				k, err := nc.Read(buf)
				if err != nil {
					panic(err)
				}
				before := read / benchFrame
				read += k
				for ; before < read/benchFrame; before++ {
					count := &got[before%len(got)]
					if count.Add(1) == int32(n) {
						count.Store(0)
						done <- struct{}{}
					}
				}
			}
		}()
	}
}

// echo sends a message on each connection, and the next one after each answer. It prints the number of answers.
func echo(addr string, n int) {
	all := benchDialAll(addr, n)
	var count atomic.Int64
	message := masked(ws.NewTextFrame([]byte("4" + benchText)))
	for _, nc := range all {
		go func() {
			buf := make([]byte, 8<<10)
			for {
				if _, err := nc.Write(message); err != nil {
					panic(err)
				}
				for read := 0; read < benchFrame; {
					k, err := nc.Read(buf)
					if err != nil {
						panic(err)
					}
					read += k
				}
				count.Add(1)
			}
		}()
	}
	fmt.Println("connected")
	for range time.Tick(10 * time.Millisecond) {
		fmt.Println(count.Load())
	}
}

// connectOften opens n sessions, 64 at a time, and closes each at once.
func connectOften(addr string, n int) {
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				nc, err := benchDial(addr)
				if err != nil {
					panic(err)
				}
				_ = nc.(*net.TCPConn).SetLinger(0) // otherwise the ports run out
				nc.Close()
			}
		})
	}
	group.Wait()
	fmt.Println("done")
}
