package socketio

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/transport/memory"
)

// Server is a Socket.IO server. It has the methods of its main namespace, "/", except that Close closes the whole
// server. It is safe for concurrent use.
type Server struct {
	*Namespace // "/"

	env             environment
	engine          *engineio.Server
	clients         client.Config // of each client
	cluster         *backplane.Cluster
	ownCluster      bool          // NewServer has opened the cluster
	closing         chan struct{} // closed when the server closes
	unjoined        unjoined
	reauthenticator *reauthenticator // nil: Config.Reauthenticate is not set
	recovery        *recoveryMemory  // nil: Config.Recovery is not set
	sessions        *sessionStore    // nil: no clients are recovered on other nodes
	upkeep          sync.WaitGroup   // of sessions
	closedLog       sync.Once        // logs that the server is closed

	connected atomic.Int64 // the result of ClientsCount
	draining  atomic.Bool  // Drain was called

	mu         sync.Mutex // guards all below, and some fields of the namespaces
	namespaces map[string]*Namespace
	parents    []*ParentNamespace
	created    funcList[func(*Namespace)]
	dynamic    int // namespaces that clients have opened
	closed     bool
	unreleased int           // clients whose functions may still be called
	idle       chan struct{} // closed when there are none, and the server is closed
}

var _ http.Handler = (*Server)(nil)

// NewServer returns a new server. It returns an error if config is invalid, or if the cluster refuses the namespace
// "/".
func NewServer(config Config) (*Server, error) {
	s := &Server{cluster: config.Cluster, namespaces: make(map[string]*Namespace), closing: make(chan struct{}),
		idle: make(chan struct{})}
	errorHandler, logger := config.ErrorHandler, config.Logger
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	if config.Recovery != nil {
		recovery := config.Recovery.withDefaults()
		config.Recovery = &recovery
	}
	env := &s.env
	env.init(config)
	if config.Recovery != nil {
		s.recovery = newRecoveryMemory(config.Recovery)
	}
	env.isolateHooks()
	s.unjoined.config = &env.config
	s.clients = env.config.clients()
	s.clients.Memory, s.clients.Scheduler, s.clients.Report = env.memory, &env.scheduler, env.report
	s.clients.Journal = env.journal
	if !env.journal.Off() {
		s.clients.SlowAfter = max(config.SlowHandler, 0)
	}
	s.clients.Counts = env.counts.clients
	engine := env.config.engine()
	engine.Open, engine.Opened, engine.Memory, engine.ErrorHandler = s.open, opened, env.memory, env.requestRefused
	engine.Journal = env.journal
	var err error
	if s.engine, err = engineio.NewServer(engine); err != nil {
		return nil, err
	}
	if config.Reauthenticate > 0 {
		s.reauthenticator = newReauthenticator(env, s.closing)
	}
	if s.cluster == nil {
		s.ownCluster = true
		s.cluster, err = backplane.Open(context.Background(), backplane.Config{Bus: memory.NewHub(),
			ErrorHandler: errorHandler, Logger: logger})
	}
	if err == nil {
		s.keepSessions()
		s.Namespace, err = s.create("/", nil, false)
	}
	if err == nil && s.sessions != nil {
		err = s.sessions.prepareErr
		outages := func() uint64 { return s.cluster.Stats().SessionsLost }
		s.upkeep.Go(func() {
			s.sessions.upkeep(config.Recovery.MaxDisconnection/4, s.recoveries, outages, s.closing)
		})
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_ = s.Close(ctx) // err is more important
		return nil, err
	}
	s.Namespace.waitReady()
	return s, nil
}

// ServeHTTP implements http.Handler. Requests for paths other than Config.Path get status 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// ClientsCount returns the number of connected clients, regardless of the namespaces that they have joined. A
// client that has disconnected counts until its sockets have left their namespaces.
func (s *Server) ClientsCount() int { return int(s.connected.Load()) }

// keepSessions makes the store for sessions of clients that are recovered on any node, if there is one.
func (s *Server) keepSessions() {
	recovery := s.env.config.Recovery
	if recovery == nil {
		return
	}
	sessions := recovery.Sessions
	if away, form := s.cluster.AwaySessions(); form != nil {
		sessions = &awayStore{away, form, recovery.MaxDisconnection}
	} else if sessions == nil {
		sessions = s.cluster.Sessions()
	}
	if sessions != nil {
		s.sessions = newSessionStore(sessions, &s.env)
	}
}

// recoveries returns the recovery of the namespaces whose clients are recovered on any node.
func (s *Server) recoveries() []*clusterRecovery {
	var all []*clusterRecovery
	for _, ns := range s.Namespaces() {
		if ns.log != nil && ns.log.cluster != nil {
			all = append(all, ns.log.cluster)
		}
	}
	return all
}
