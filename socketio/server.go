package socketio

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/transport/memory"
)

// Server serves Socket.IO clients. It is its main namespace, "/", too: all methods of a Namespace are those of that one.
// It is safe for concurrent use.
type Server struct {
	*Namespace // "/"

	config    Config
	engine    *engineio.Server
	cluster   *backplane.Cluster
	own       bool // the cluster was made by NewServer
	closing   chan struct{}
	scheduler sched.Scheduler // of the goroutines that call the application's functions
	memory    *quota.Budget
	counters  counters
	lobby     lobby
	again     *reauthenticator // nil: clients are admitted once and for all

	connected atomic.Int64 // clients

	mu         sync.Mutex // guards all below
	namespaces map[string]*Namespace
	parents    []*ParentNamespace
	created    funcList[func(*Namespace)]
	dynamic    int // namespaces that clients have opened
	closed     bool
	clients    int           // whose funcs may still be called
	idle       chan struct{} // closed when the last of them has gone, after closed
}

var _ http.Handler = (*Server)(nil)

// NewServer returns a server, or an error that says what is wrong with config, or why its cluster takes no namespace.
func NewServer(config Config) (*Server, error) {
	s := &Server{config: config.withDefaults(), cluster: config.Cluster, namespaces: make(map[string]*Namespace),
		closing: make(chan struct{}), idle: make(chan struct{}), counters: newCounters()}
	s.lobby.config = &s.config
	if err := s.config.validate(); err != nil {
		return nil, err
	}
	if s.config.Recovery != nil {
		recovery := s.config.Recovery.withDefaults()
		s.config.Recovery = &recovery
	}
	s.guardHooks()
	engine := s.config.engine()
	engine.Open = s.open
	s.memory = quota.NewBudget(s.config.MaxMemory)
	engine.Memory, engine.ErrorHandler = s.memory, s.turnedAway
	var err error
	if s.engine, err = engineio.NewServer(engine); err != nil {
		return nil, err
	}
	if s.config.Reauthenticate > 0 {
		s.again = newReauthenticator(s)
	}
	if s.cluster == nil {
		s.own = true
		s.cluster, err = backplane.Open(context.Background(), backplane.Config{Bus: memory.NewHub(),
			ErrorHandler: config.ErrorHandler, Logger: config.Logger})
	}
	if err == nil {
		s.Namespace, err = s.create("/", nil, false)
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_ = s.Close(ctx) // err is the one that matters
		return nil, err
	}
	s.Namespace.waitReady()
	return s, nil
}

// ServeHTTP serves a request. Requests for other paths than Config.Path get 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// ClientsCount returns the number of connected clients, whatever namespaces they have joined. One that has gone counts until
// its sockets have left their namespaces.
func (s *Server) ClientsCount() int { return int(s.connected.Load()) }

// Shutdown stops the server gently. It refuses new clients and disconnects the others with "server shutting down" once they
// have received what is queued for them, for which they have Config.ShutdownTimeout. It waits until their handlers have
// returned, then closes all namespaces, and the cluster if NewServer made it.
//
// When ctx ends first, Shutdown abandons what is left and returns ctx's error. The cluster still gets a second to tell the
// other nodes that this one leaves; they would wait for its heartbeat otherwise.
func (s *Server) Shutdown(ctx context.Context) error {
	s.refuse()
	err := s.engine.Shutdown(ctx)
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = ctx.Err()
		_ = s.engine.Close() // ctx's error is the one that matters
	}
	return s.closeAll(ctx, err)
}

// Close stops the server at once. It disconnects all clients with "server shutting down", drops what is queued for them, and
// closes all namespaces, and the cluster if NewServer made it. It waits until connections and namespaces are closed, but
// not for handlers that still run: Shutdown does that. ctx bounds the wait for the cluster as for Shutdown.
//
// Close closes the whole server. Namespace.Close closes a single namespace.
func (s *Server) Close(ctx context.Context) error {
	s.refuse()
	return s.closeAll(ctx, s.engine.Close())
}

// leaveTimeout bounds how long the other nodes are told that this one leaves when the caller's context has ended.
const leaveTimeout = time.Second

// closeAll closes the namespaces and the cluster after the connections were closed with err.
func (s *Server) closeAll(ctx context.Context, err error) error {
	leaving, cancel := ctx, context.CancelFunc(func() {})
	if ctx.Err() != nil {
		leaving, cancel = context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	}
	defer cancel()
	err = errors.Join(err, s.leave(leaving))
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // once, not for each namespace
	}
	return err
}

// refuse lets nobody in any more.
func (s *Server) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.closing) // ends s.again
	if s.clients == 0 {
		close(s.idle)
	}
}

// leave closes all namespaces, and the cluster if it is the server's own.
func (s *Server) leave(ctx context.Context) error {
	s.scheduler.Close()
	if s.again != nil {
		<-s.again.done
	}
	var errs []error
	for _, ns := range s.all() {
		errs = append(errs, ns.shut(ctx))
	}
	if s.own && s.cluster != nil {
		errs = append(errs, s.cluster.Close(ctx))
	}
	return errors.Join(errs...)
}

// open is called for every new connection.
func (s *Server) open(conn *engineio.Conn) engineio.Receiver {
	s.mu.Lock()
	s.clients++
	s.mu.Unlock()
	c := newClient(s, conn)
	for _, old := range s.lobby.enter(c, conn.Kept()) {
		old.expel(QuotaUnjoined)
	}
	if s.again != nil {
		s.again.add(c)
	}
	return c
}

// gone is called when nothing of a client's will be called any more.
func (s *Server) gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients--; s.clients == 0 && s.closed {
		close(s.idle)
	}
}

// report tells an error that no caller is there to receive.
func (s *Server) report(err error) {
	r := s.reporter()
	r.Report(err)
}

func (s *Server) reporter() guard.Reporter {
	return guard.Reporter{Message: "socketio: error", Logger: s.config.Logger, Handler: s.config.ErrorHandler}
}
