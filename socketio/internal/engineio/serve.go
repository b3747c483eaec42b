package engineio

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// front is what accepts connections where Serve was called.
type front struct {
	mu        sync.Mutex // guards all below
	listeners map[*net.Listener]struct{}
	http      *http.Server // serves what is no WebSocket's handshake; nil: not needed yet
	handed    *handed      // its connections
	arriving  map[*arrival]struct{}
	leaving   map[net.Conn]struct{} // those that linger
	over      bool
	group     sync.WaitGroup // arrivals, connections that linger, the HTTP server's connections, and goroutines that accept
}

// Serve accepts connections from l, which it closes at the end, and serves them. It returns http.ErrServerClosed after
// Shutdown and Close, and else l's error.
//
// On Linux a WebSocket of a *net.TCPListener does not pass through net/http.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	f := &s.front
	f.mu.Lock()
	if f.over {
		f.mu.Unlock()
		return http.ErrServerClosed
	}
	if f.http == nil {
		f.start(s)
	}
	f.listeners[&l] = struct{}{}
	rest := f.http
	f.group.Add(1)
	f.mu.Unlock()
	defer f.group.Done()

	var err error
	if tcp, ok := l.(*net.TCPListener); ok && s.polls() {
		err = s.acceptTCP(tcp)
	} else {
		err = rest.Serve(l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, &l)
	if f.over {
		return http.ErrServerClosed
	}
	return err
}

// start begins to serve what is no WebSocket's handshake. The caller holds mu.
func (f *front) start(s *Server) {
	f.listeners = make(map[*net.Listener]struct{})
	f.arriving = make(map[*arrival]struct{})
	f.handed = &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	f.http = &http.Server{Handler: s, ReadHeaderTimeout: s.config.HeaderTimeout, IdleTimeout: s.config.IdleTimeout, MaxHeaderBytes: maxHeader,
		ConnState: f.changed, ErrorLog: slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug)}
	f.group.Go(func() { _ = f.http.Serve(f.handed) }) // it ends with handed
}

// changed is told of the HTTP server's connections, each of which has a goroutine.
func (f *front) changed(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		f.group.Add(1)
	case http.StateHijacked, http.StateClosed:
		f.group.Done()
	}
}

// stopServing ends Serve. There are no sessions any more; requests that are being answered have until ctx ends, and no more than
// timeout.
func (s *Server) stopServing(ctx context.Context, timeout time.Duration) {
	f := &s.front
	f.mu.Lock()
	f.over = true
	rest := f.http
	for l := range f.listeners {
		_ = (*l).Close()
	}
	for a := range f.arriving {
		a.cut()
	}
	for nc := range f.leaving {
		_ = nc.Close()
	}
	f.mu.Unlock()
	if rest != nil {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		_ = rest.Shutdown(ctx)
		_ = rest.Close() // those that have not ended
	}
	f.group.Wait()
}

// add notes a new connection. It is false if there are to be none any more.
func (f *front) add(a *arrival) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return false
	}
	f.group.Add(1)
	f.arriving[a] = struct{}{}
	return true
}

// remove is called when a connection has become something else, or ended.
func (f *front) remove(a *arrival) {
	f.mu.Lock()
	delete(f.arriving, a)
	f.mu.Unlock()
	f.group.Done()
}

// linger closes a connection after its last answer, once the client has closed its side. If it was closed at once, a client that is still
// sending would get a reset, and lose the answer. It does not block.
func (f *front) linger(nc net.Conn) {
	if h, ok := nc.(interface{ linger() }); ok {
		h.linger()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		_ = nc.Close()
		return
	}
	if f.leaving == nil {
		f.leaving = make(map[net.Conn]struct{})
	}
	f.leaving[nc] = struct{}{}
	f.group.Go(func() {
		if half, ok := nc.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = nc.SetReadDeadline(time.Now().Add(lingerTimeout))
		_, _ = io.Copy(io.Discard, nc)
		_ = nc.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.leaving, nc)
	})
}

// handed is the listener of the HTTP server behind Serve.
type handed struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// give hands a connection over.
func (h *handed) give(nc net.Conn) {
	select {
	case h.conns <- nc:
	case <-h.closed:
		_ = nc.Close()
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// replayed is a connection of whose first request some has been read.
type replayed struct {
	net.Conn
	head []byte
}

func (c *replayed) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	if c.head = c.head[n:]; len(c.head) == 0 {
		c.head = nil
	}
	return n, nil
}

// CloseWrite tells the client that nothing follows.
func (c *replayed) CloseWrite() error {
	if nc, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return nc.CloseWrite()
	}
	return nil
}
