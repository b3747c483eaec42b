package proxy

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// deaf is how long a connection that is severed waits for the server to close its side.
const deaf = 2 * time.Second

// link is a connection of a client, and the one to the server that belongs to it.
type link struct {
	client  net.Conn
	severed chan struct{} // closed when the client's side is to end
	done    chan struct{} // closed when both sides have ended

	requestsLost, answersLost atomic.Bool

	mu     sync.Mutex // guards server, and the closing of severed
	server net.Conn
}

// run connects to the server, and passes on until the server has closed its side. pass is called before anything is passed on.
func (l *link) run(target string, pass func(data bool)) {
	defer l.client.Close()
	pass(false)
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
		copyAll(server, l.client, &l.requestsLost, pass)
		server.(*net.TCPConn).CloseWrite()
	})
	copyAll(l.client, server, &l.answersLost, pass)
	io.Copy(io.Discard, server) // if it was the client's side that failed: nothing else tells when the server has finished
	l.client.Close()
	requests.Wait()
}

// copyAll copies until either side fails.
func copyAll(to io.Writer, from io.Reader, lost *atomic.Bool, pass func(data bool)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		pass(n > 0)
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

// sever ends the client's side. The server is told that nothing more comes, and closes its own side once it has dealt with the rest.
func (l *link) sever() {
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
func (l *link) wait() {
	select {
	case <-l.done:
		return
	case <-time.After(deaf):
	}
	l.mu.Lock()
	if l.server != nil {
		l.server.Close()
	}
	l.mu.Unlock()
	<-l.done
}
