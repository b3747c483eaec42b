package proxy

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// severTimeout is how long a severed connection waits for the server to close its side.
const severTimeout = 2 * time.Second

// connPair is a client's connection and the connection to the server that belongs to it.
type connPair struct {
	client  net.Conn
	severed chan struct{} // closed when the client's side must end
	done    chan struct{} // closed when both sides have ended

	requestsLost, answersLost atomic.Bool

	mu     sync.Mutex // guards server, and the closing of severed
	server net.Conn
}

// forward connects to the server and passes bytes on until the server has closed its side. It calls
// waitWhileStalled before it passes anything on.
func (l *connPair) forward(target string, waitWhileStalled func(data bool)) {
	defer l.client.Close()
	waitWhileStalled(false)
	server, err := net.Dial("tcp", target)
	if err != nil {
		return // the client sees a connection that ends
	}
	defer server.Close()
	l.mu.Lock()
	l.server = server
	l.mu.Unlock()
	var requests sync.WaitGroup
	requests.Go(func() {
		copyBytes(server, l.client, &l.requestsLost, waitWhileStalled)
		server.(*net.TCPConn).CloseWrite()
	})
	copyBytes(l.client, server, &l.answersLost, waitWhileStalled)
	// If the client's side failed, this is the only way to learn when the server has finished.
	io.Copy(io.Discard, server)
	l.client.Close()
	requests.Wait()
}

// copyBytes copies until either side fails.
func copyBytes(to io.Writer, from io.Reader, lost *atomic.Bool, waitWhileStalled func(data bool)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		waitWhileStalled(n > 0)
		if n > 0 && !lost.Load() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// sever ends the client's side. The server sees the end of its input, and closes its side once it has handled
// the rest.
func (l *connPair) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.severed:
		return
	default:
	}
	close(l.severed)
	l.client.SetDeadline(time.Unix(1, 0))
}

// wait waits until both sides have ended.
func (l *connPair) wait() {
	select {
	case <-l.done:
		return
	case <-time.After(severTimeout):
	}
	l.mu.Lock()
	if l.server != nil {
		l.server.Close()
	}
	l.mu.Unlock()
	<-l.done
}
