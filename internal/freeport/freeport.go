// Package freeport finds ports for the servers that tests start, where the server cannot listen on port 0.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports lie below those that systems give to whoever connects, or listens on port 0: 32768 and up on Linux, 49152
// and up elsewhere. Otherwise somebody else might get the port before the server listens, or while it restarts.
const first, last = 10_000, 31_999

var (
	mu    sync.Mutex
	given = make(map[int]bool)
)

// Get returns a port of 127.0.0.1 on which nobody listens. A process gets each port once.
func Get() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range 1000 {
		port := first + rand.IntN(last-first+1)
		if given[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		given[port] = true
		return port, l.Close()
	}
	return 0, errors.New("freeport: no free port found in 1000 attempts")
}
