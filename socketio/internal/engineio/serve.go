package engineio

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/accept"
)

// front accepts connections for Serve.
type front struct {
	mu        sync.Mutex // guards the fields below
	listeners map[*net.Listener]struct{}
	acceptor  *accept.Acceptor      // serves handshakes of WebSockets; nil before Serve
	http      *http.Server          // serves everything else; nil before Serve
	handed    *handedListener       // passes connections from the acceptor to http
	lingering map[net.Conn]struct{} // see linger
	stopped   bool
	group     sync.WaitGroup // lingering connections, connections of the HTTP server, and goroutines that accept
}

// Serve accepts connections from l and serves them. It closes l before it returns. It returns
// http.ErrServerClosed after Shutdown and Close, and otherwise l's error.
//
// On Linux, package accept serves the WebSocket handshakes of a *net.TCPListener without net/http. The build
// tag backplane_nethttp disables that.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	f := &s.front
	f.mu.Lock()
	if f.stopped {
		f.mu.Unlock()
		return http.ErrServerClosed
	}
	if f.http == nil {
		f.start(s)
	}
	f.listeners[&l] = struct{}{}
	f.group.Add(1)
	f.mu.Unlock()
	defer f.group.Done()

	var err error
	if tcp, ok := l.(*net.TCPListener); ok && accept.Available && s.startPollers() {
		err = f.acceptor.Serve(tcp)
	} else {
		err = f.http.Serve(l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, &l)
	if f.stopped {
		return http.ErrServerClosed
	}
	return err
}

// start makes the servers of the front. The caller holds mu.
func (f *front) start(s *Server) {
	f.listeners = make(map[*net.Listener]struct{})
	f.lingering = make(map[net.Conn]struct{})
	f.handed = &handedListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	config := &s.config
	f.http = &http.Server{Handler: s, ReadHeaderTimeout: config.HeaderTimeout, IdleTimeout: config.IdleTimeout,
		MaxHeaderBytes: maxHeader, ConnState: f.countConn,
		ErrorLog: config.Journal.Standard(&journal.HTTPError)}
	f.acceptor = accept.New(accept.Config{Handler: s, Path: config.Path, MaxHeader: maxHeader,
		HeaderTimeout: config.HeaderTimeout, LingerTimeout: lingerTimeout, Pollers: &s.pollers, Timers: s.timers,
		Rest: f.handed.give, Journal: config.Journal})
	f.group.Go(func() { _ = f.http.Serve(f.handed) }) // it ends when handed is closed
}

// countConn counts the HTTP server's connections, each of which has a goroutine.
func (f *front) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		f.group.Add(1)
	case http.StateHijacked, http.StateClosed:
		f.group.Done()
	}
}

// stop ends Serve after all sessions have ended. Requests that are being served have until ctx ends, and at
// most timeout, to finish.
func (f *front) stop(ctx context.Context, timeout time.Duration) {
	f.mu.Lock()
	f.stopped = true
	started := f.http != nil
	for l := range f.listeners {
		_ = (*l).Close()
	}
	for nc := range f.lingering {
		_ = nc.Close()
	}
	f.mu.Unlock()
	if started {
		f.acceptor.Close()
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		_ = f.http.Shutdown(ctx)
		_ = f.http.Close() // the requests that have not ended
		f.acceptor.Wait()
	}
	f.group.Wait()
}

// linger closes a connection after its last response, when the client has closed its side. If linger closed it
// at once, a client that is still sending would receive a reset and lose the response. linger does not block.
func (f *front) linger(nc net.Conn) {
	if h, ok := nc.(accept.Hijacked); ok {
		h.Linger()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		_ = nc.Close()
		return
	}
	if f.lingering == nil { // Serve was not called
		f.lingering = make(map[net.Conn]struct{})
	}
	f.lingering[nc] = struct{}{}
	f.group.Go(func() {
		if half, ok := nc.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = nc.SetReadDeadline(time.Now().Add(lingerTimeout))
		_, _ = io.Copy(io.Discard, nc)
		_ = nc.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.lingering, nc)
	})
}

// handedListener is the net.Listener of the HTTP server. Accept returns the connections that are passed to
// give.
type handedListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// give hands a connection to the HTTP server.
func (l *handedListener) give(nc net.Conn) {
	select {
	case l.conns <- nc:
	case <-l.closed:
		_ = nc.Close()
	}
}

func (l *handedListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *handedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *handedListener) Addr() net.Addr { return &net.TCPAddr{} }
