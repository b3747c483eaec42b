package engineio

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Server serves the sessions of one path. It is an http.Handler. Its own goroutines start with the first session and end
// with Shutdown or Close.
type Server struct {
	config              Config
	origins             origins
	hosts               hosts
	proxies             *proxies
	began               time.Time
	alarms              *alarms
	addresses           *quota.Addresses
	writers             writers
	pollers             pollers
	front               front
	hello, pollingHello string         // helloEnd
	live                atomic.Int64   // sessions that are open
	group               sync.WaitGroup // sessions, and the goroutines that serve one
	stop                chan struct{}  // ends what serves all sessions
	helpers             sync.WaitGroup // and waits for it

	mu       sync.Mutex // guards all below
	sessions map[string]*Conn
	running  bool // the helpers are
	stopping bool // no new sessions
	stopped  bool
}

var _ http.Handler = (*Server)(nil)

// NewServer returns a server, or an error that says what is wrong with config.
func NewServer(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, origins: newOrigins(&config), hosts: newHosts(config.Hosts), proxies: newProxies(&config), began: time.Now(), stop: make(chan struct{}), sessions: make(map[string]*Conn)}
	s.addresses = quota.NewAddresses(config.PerAddress, s.clock)
	s.hello, s.pollingHello = s.helloEnd(webSocket), s.helloEnd(polling)
	s.alarms = newAlarms(s.clock, min(50*time.Millisecond, min(config.PingInterval, config.PingTimeout, config.UpgradeTimeout)/256))
	return s, nil
}

// clock is the time since the server was made, in nanoseconds.
func (s *Server) clock() int64 { return int64(time.Since(s.began)) }

// ServeHTTP serves one request. It returns when a poll has got something; at once when it has become a WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	boundBody(w, r, s.config.BodyTimeout)
	r, scheme := s.proxies.unwrap(r)
	switch {
	case !s.hosts.allow(r):
		s.refuse(w, r, refuseFor(errHost, "host", r.Host))
		return
	case r.URL.Path != s.config.Path && r.URL.Path+"/" != s.config.Path:
		s.closing(w, r)
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
			no = s.openWebSocket(w, r, q.offer)
		case q.conn == nil:
			no = s.openPolling(w, r)
		case q.upgrade:
			no = s.probeWebSocket(w, r, q.conn, q.offer)
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

// newConn makes a session, which its client knows nothing of yet. Its open packet waits in its queue, and it counts as
// being called, so that Open comes first.
func (s *Server) newConn(r *http.Request, transport string) (*Conn, *refusal) {
	address, err := s.addresses.Enter(quota.Key(s.config.Address(r)))
	if err != nil {
		return nil, tooMany(err)
	}
	c := &Conn{server: s, id: newID(), request: pack(r), since: time.Now().UnixNano(), delivering: true, holds: 2,
		address: address, rate: quota.NewRate(s.config.Rates, s.clock())}
	c.alarm.owner = c
	if no := s.admit(c); no != nil {
		s.addresses.Leave(address, false)
		return nil, no
	}
	return c, nil
}

// admit makes c one of the server's sessions, if there may be more of them.
func (s *Server) admit(c *Conn) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return &refusal{status: http.StatusServiceUnavailable, code: codeRequest, err: errStopping}
	case s.config.MaxConnections > 0 && len(s.sessions) >= s.config.MaxConnections:
		return &refusal{status: http.StatusServiceUnavailable, code: codeRequest,
			err: &quota.Error{Quota: quota.Connections, Limit: s.config.MaxConnections}}
	}
	s.startHelpers()
	s.sessions[c.id] = c
	s.group.Add(1)
	s.live.Add(1)
	return nil
}

// startHelpers starts what serves all sessions. The caller holds mu.
func (s *Server) startHelpers() {
	if s.running {
		return
	}
	s.running = true
	s.helpers.Go(func() { s.alarms.run(s.stop) })
	s.writers.start(s)
	s.pollers.start()
}

// open calls Config.Open and starts the heartbeat. What must be the first that the client gets is in the queue.
func (c *Conn) open() {
	s := c.server
	opened := false
	defer func() {
		if !opened { // Open panicked
			c.receiver = nobody{}
			c.end(ForcedClose, nil, nil)
			c.leave()
		}
	}()
	c.receiver = s.config.Open(c)
	opened = true
	c.mu.Lock()
	if c.phase.Load() == isOpen {
		c.beat.due = s.clock() + int64(s.config.PingInterval)
		s.alarms.set(&c.alarm, c.beat.due)
	}
	c.mu.Unlock()
}

// nobody is a Receiver for a session that nobody wanted.
type nobody struct{}

func (nobody) Message(bool, []byte, *sched.Slot) bool { return true }
func (nobody) Closed(Reason, error)                   {}

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

// Addresses returns the number of addresses that have sessions, as far as they have limits.
func (s *Server) Addresses() int { return s.addresses.Len() }

// Len returns the number of open sessions.
func (s *Server) Len() int { return int(s.live.Load()) }

// Shutdown refuses new sessions, ends all with ServerShutdown, and returns when every client has got what was queued for
// it, and a goodbye, or Config.ShutdownTimeout was not enough for that. When ctx ends, it does what Close does, and returns
// ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	latest := s.clock() + int64(s.config.ShutdownTimeout)
	for _, c := range s.refuseMore() {
		c.end(ServerShutdown, nil, goodbye(ServerShutdown))
		s.alarms.hasten(&c.alarm, latest) // that of one that was closing before, too
	}
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
		s.stopServing(ctx, time.Duration(latest-s.clock()))
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = s.Close() // never fails
	<-done
	return err
}

// Close ends all sessions at once, without goodbyes, and waits until nothing of the server runs any more. It must not be
// called by a Receiver.
func (s *Server) Close() error {
	for _, c := range s.refuseMore() {
		c.end(ServerShutdown, nil, nil)
	}
	s.group.Wait()
	s.stopServing(context.Background(), 0)
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.pollers.close()
	s.helpers.Wait()
	return nil
}

// refuseMore lets no session begin from now on, and returns those there are.
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
