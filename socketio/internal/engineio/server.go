package engineio

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/netpoll"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/timers"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// Server serves the sessions of one path. It is an http.Handler. Its goroutines start with the first session,
// and end with Shutdown or Close.
type Server struct {
	config           Config
	origins          origins
	hosts            hosts
	proxies          *proxies
	began            time.Time
	addresses        *quota.Addresses
	writers          netpoll.Writers
	pollers          netpoll.Pollers
	timers           *timers.Heap
	front            front
	open, openPolled string       // what follows the session's id in the open packet, over WebSocket and over polling
	live             atomic.Int64 // open sessions
	traffic          traffic
	group            sync.WaitGroup // sessions, and the goroutines that serve one session
	stopTimers       chan struct{}
	timersDone       sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	sessions map[string]*Conn
	started  bool // the pollers, writers and timers
	stopping bool // new sessions are refused
	stopped  bool
}

var _ http.Handler = (*Server)(nil)

// NewServer returns a server, or an error if config is invalid.
func NewServer(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, origins: newOrigins(&config), hosts: newHosts(config.Hosts),
		proxies: newProxies(&config), began: time.Now(), stopTimers: make(chan struct{}),
		sessions: make(map[string]*Conn)}
	s.addresses = quota.NewAddresses(config.PerAddress, s.clock)
	s.open, s.openPolled = s.openEnd(webSocket), s.openEnd(polling)
	slack := min(50*time.Millisecond, min(config.PingInterval, config.PingTimeout, config.UpgradeTimeout)/256)
	s.timers = timers.New(s.clock, slack)
	return s, nil
}

// clock returns the time since the server was made, in nanoseconds.
func (s *Server) clock() int64 { return int64(time.Since(s.began)) }

// ServeHTTP serves one request. For a poll it returns when a frame is queued for the client; for a WebSocket,
// after the handshake.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	boundBody(w, r, s.config.BodyTimeout)
	r, scheme := s.proxies.unwrap(r)
	switch {
	case !s.hosts.allow(r):
		s.refuse(w, r, refuseValue(errHost, "host", r.Host))
		return
	case r.URL.Path != s.config.Path && r.URL.Path+"/" != s.config.Path:
		s.closeAfterResponse(w, r)
		http.NotFound(w, r)
		return
	case r.Method == http.MethodOptions && r.Header.Get("Origin") != "":
		if no := s.origins.preflight(w, r, scheme); no != nil {
			s.refuse(w, r, no)
		}
		return
	}
	q, no := s.check(w, r, scheme)
	if no == nil && q.upgrade {
		q.offer, no = s.checkOffer(w, r)
	}
	if no == nil {
		switch {
		case q.conn == nil && q.upgrade:
			no = s.openWebSocket(w, r, q)
		case q.conn == nil:
			no = s.openPolling(w, r, q.protocol)
		case q.upgrade:
			no = s.probeWebSocket(w, r, q)
		case r.Method == http.MethodGet:
			no = q.conn.servePoll(w, r)
		default:
			no = q.conn.servePost(w, r)
		}
	}
	if no != nil {
		s.refuse(w, r, no)
	}
}

// newConn makes a session. delivering is set, so that the receiver is not called before Open has returned.
func (s *Server) newConn(r *http.Request, p *protocol) (*Conn, *refusal) {
	address, err := s.addresses.Enter(quota.Key(s.config.Address(r)))
	if err != nil {
		return nil, refuseAddress(err)
	}
	c := &Conn{server: s, protocol: p, id: newID(), request: pack(r), since: time.Now().UnixNano(),
		delivering: true, holds: 2, address: address, rate: quota.NewRate(s.config.Rates, s.clock())}
	c.timer.Owner, c.output.Source = (*sessionTimer)(c), (*source)(c)
	if no := s.admit(c); no != nil {
		s.addresses.Leave(address, false)
		return nil, no
	}
	return c, nil
}

// admit adds c to the server's sessions, if there may be one more.
func (s *Server) admit(c *Conn) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return &refusal{status: http.StatusServiceUnavailable, code: codeRequest, err: errStopping,
			reason: "the server is shutting down"}
	case s.config.MaxConnections > 0 && len(s.sessions) >= s.config.MaxConnections:
		return &refusal{status: http.StatusServiceUnavailable, code: codeRequest,
			err: &quota.Error{Quota: quota.Connections, Limit: s.config.MaxConnections}}
	}
	s.start()
	s.sessions[c.id] = c
	s.group.Add(1)
	s.live.Add(1)
	return nil
}

// start starts the pollers, writers and timers. The caller holds mu.
func (s *Server) start() {
	if s.started {
		return
	}
	s.started = true
	s.timersDone.Go(func() { s.timers.Serve(s.stopTimers) })
	s.writers.Start(s.clock, wsframe.MergeSize)
	s.pollers.Start()
}

// startPollers starts the pollers, unless the server is stopping, and reports whether there are any.
func (s *Server) startPollers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.start()
	}
	return s.pollers.Running()
}

// open calls Config.Open and starts the heartbeat. The caller has queued the packets that the client receives
// first.
func (c *Conn) open() {
	s := c.server
	opened := false
	defer func() {
		if !opened { // Open panicked
			c.receiver = discard{}
			c.end(ForcedClose, nil, nil)
			c.leave()
		}
	}()
	c.receiver = s.config.Open(c)
	opened = true
	c.mu.Lock()
	if c.phase.Load() == isOpen {
		c.noteAlive(s.clock())
	}
	c.mu.Unlock()
}

// opened calls Config.Opened, unless the session is over.
func (c *Conn) opened() {
	if f := c.server.config.Opened; f != nil && c.phase.Load() == isOpen {
		f(c.receiver)
	}
}

// discard is the Receiver of a session that has failed before it had one.
type discard struct{}

func (discard) Message(bool, []byte, *sched.Slot) bool { return true }
func (discard) Closed(Reason, error)                   {}

func (s *Server) session(id string) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c.id)
}

// Addresses returns the number of addresses that have sessions and limits.
func (s *Server) Addresses() int { return s.addresses.Len() }

// Len returns the number of open sessions.
func (s *Server) Len() int { return int(s.live.Load()) }

// Shutdown refuses new sessions and ends the others with ServerShutdown. It returns when all clients have
// received their queued frames and a close message, or after Config.ShutdownTimeout. If ctx ends before that,
// Shutdown does what Close does and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	latest := s.clock() + int64(s.config.ShutdownTimeout)
	for _, c := range s.refuseMore() {
		c.end(ServerShutdown, nil, closeMessage(ServerShutdown))
		s.timers.Advance(&c.timer, latest) // also for sessions that were closing before
	}
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
		s.front.stop(ctx, time.Duration(latest-s.clock()))
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = s.Close() // never fails
	<-done
	return err
}

// Close ends all sessions at once, without close messages, and waits until all goroutines of the server have
// ended. A Receiver must not call it.
func (s *Server) Close() error {
	for _, c := range s.refuseMore() {
		c.end(ServerShutdown, nil, nil)
	}
	s.group.Wait()
	s.front.stop(context.Background(), 0)
	s.mu.Lock()
	stopped := s.stopped
	s.stopped = true
	s.mu.Unlock()
	if !stopped {
		close(s.stopTimers)
	}
	s.writers.Close()
	s.pollers.Close()
	s.timersDone.Wait()
	return nil
}

// refuseMore makes the server refuse new sessions from now on, and returns the existing ones.
func (s *Server) refuseMore() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	all := make([]*Conn, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	return all
}
