package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// open opens n connections and sends the text that first returns on each. If drip is true, it then sends a byte per
// second.
func (a *arena) open(n int, first func(i int) (text string, drip bool)) (held []net.Conn, err error) {
	for i := range n {
		nc, err := a.connect()
		if err != nil {
			return held, err
		}
		held = append(held, nc)
		text, drip := first(i)
		if _, err := io.WriteString(nc, text); err != nil {
			return held, err
		}
		if drip {
			go func() {
				for range time.Tick(time.Second) {
					if _, err := io.WriteString(nc, "x"); err != nil {
						return
					}
				}
			}()
		}
	}
	return held, nil
}

// ended waits until the server has closed the connections and returns how many are open after the limit.
func (a *arena) ended(ctx context.Context, held []net.Conn, limit time.Duration) int {
	var open atomic.Int64
	var group sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		for _, nc := range held {
			_ = nc.Close()
		}
	})
	defer stop()
	for _, nc := range held {
		group.Go(func() {
			_ = nc.SetReadDeadline(time.Now().Add(limit))
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				open.Add(1)
			}
			_ = nc.Close()
		})
	}
	group.Wait()
	return int(open.Load())
}

// bodies sends requests without the announced body.
func bodies(n int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		held, err := a.open(n, func(i int) (string, bool) {
			target := []string{"/other", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3&transport=polling",
				"/socket.io/?EIO=4&transport=polling&sid=unknown", "/socket.io/?EIO=4&transport=websocket"}[i%5]
			return "POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: " +
				"100000\r\n\r\n", i%2 == 0
		})
		if err != nil {
			return err
		}
		left := a.ended(ctx, held, afterHead)
		a.require(left == 0, "%d of %d connections are still open after %v", left, n, afterHead)
		return nil
	}
}

// heads opens connections that never complete the header of a request.
func heads(n int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		held, err := a.open(n, func(i int) (string, bool) {
			switch i % 3 {
			case 0:
				return "", false
			case 1:
				return "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", true
			}
			return "G", true
		})
		if err != nil {
			return err
		}
		left := a.ended(ctx, held, afterHead)
		a.require(left == 0, "%d of %d connections are still open after %v", left, n, afterHead)
		return nil
	}
}

// sessions opens sessions that join no namespace.
func sessions(n, header int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		nc, err := a.connect()
		if err != nil {
			return err
		}
		defer func() { nc.Close() }()
		answer := make([]byte, 4096)
		refusals := 0
		for range n {
			_, err := fmt.Fprintf(nc, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: "+
				"127.0.0.1\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", header))
			k := 0
			if err == nil {
				k, err = nc.Read(answer)
			}
			if !strings.HasPrefix(string(answer[:k]), "HTTP/1.1 200") {
				refusals++
			}
			if err != nil || strings.Contains(string(answer[:k]), "Connection: close") {
				_ = nc.Close()
				if nc, err = a.connect(); err != nil {
					return err
				}
			}
		}
		a.note("%d of %d refused", refusals, n)
		return nil
	}
}
