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
	"github.com/backplane-go/backplane/transport/memory"
)

// Server serves Socket.IO clients. It is its main namespace, "/", too: all methods of a Namespace are those of that one.
// It is safe for concurrent use.
type Server struct {
	*Namespace // "/"

	config   Config
	engine   *engineio.Server
	cluster  *backplane.Cluster
	own      bool // the cluster was made by NewServer
	closing  chan struct{}
	crew     crew
	memory   *quota.Budget
	counters counters
	lobby    lobby
	again    *reauthenticator // nil: clients are admitted once and for all

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
		_ = s.Close() // err is the one that matters
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

// Shutdown refuses new clients, disconnects those there are with "server shutting down", once they have got what is queued
// for them, for which they have Config.ShutdownTimeout, waits until their handlers have returned, and leaves the cluster,
// which it closes if it is its own. When ctx ends before that, what is left is given up and ctx's error returned; only the
// goodbye to the cluster still gets a second, lest the other nodes wait for this one.
func (s *Server) Shutdown(ctx context.Context) error {
	s.refuse()
	err := s.engine.Shutdown(ctx)
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = ctx.Err()
		_ = s.engine.Close() // ctx's error is the one that matters
	}
	parting, cancel := ctx, context.CancelFunc(func() {})
	if ctx.Err() != nil {
		parting, cancel = context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	}
	defer cancel()
	err = errors.Join(err, s.leave(parting))
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // not once for each that was given up
	}
	return err
}

// closeTimeout bounds how long the peers are told when there is no other time for it.
const closeTimeout = time.Second

// Close disconnects all clients at once and leaves the cluster, which it closes if it is its own. It does not wait for
// handlers that run.
func (s *Server) Close() error {
	s.refuse()
	err := s.engine.Close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(err, s.leave(ctx))
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
	s.crew.close()
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
