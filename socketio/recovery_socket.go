package socketio

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// session is the state that recovery needs for each socket.
//
// A session is owned by one socket, or kept while its client is away. When the client reconnects, the session moves to
// a new socket. If that is on the same node, it is the successor: the old socket may still be in use, for example in a
// handler that runs, and its methods act on the successor from then on.
type session struct {
	pid      string
	tenure   string        // names the socket among those with its id
	key      string        // of the session in the store; empty: it is not stored
	restored *sessionState // the session that was restored; nil: the client is new
	joining  sync.Mutex    // held while the socket joins its namespace

	// guarded by the log's mu
	registered bool      // the socket has been in the registry
	setUp      bool      // the client can be recovered, see maxSetUp
	suspended  bool      // the session has moved away, so no event is sent to this socket any more
	movedAt    time.Time // when it has
	successor  *Socket   // nil: none yet
	// rooms joined (true) or left since the session has moved away, until there is a successor
	lateRooms  map[string]bool
	missed     *missed            // of a client that was restored, until the socket is in the registry
	ahead      backplane.Position // the client has all events up to it, also those that this node has not got yet
	began      backplane.Position // see sessionState
	replayed   bool
	sent       backplane.Position
	changed    backplane.Position // up to which changes the rooms have had when the session began here
	held       bool               // the session was taken over, and was not stored since
	incomplete bool               // a new epoch of the log has begun without events that the client should have got
	stored     backplane.Position // the position at which it was last stored
	storedAt   time.Time          // and when
}

// suspend returns the session of a socket that does not own it any more, or nil if it was not set up. From then on no
// event is sent to the socket, so the client misses the events that follow.
func (s *Socket) suspend() *sessionState {
	log, own := s.roster.log, s.session
	log.mu.Lock()
	own.suspended = true
	if !own.setUp {
		log.mu.Unlock()
		return nil
	}
	own.movedAt = time.Now()
	state := s.stateLocked()
	log.mu.Unlock()
	state.rooms, state.data = s.Rooms(), s.Data() // read last: later changes are made to the successor
	return &state
}

// stateLocked returns the state of the session, without rooms and data. Rooms that are read later have the changes
// that the state says. The caller holds the log's mu.
func (s *Socket) stateLocked() sessionState {
	log, own := s.roster.log, s.session
	if !own.registered && own.restored != nil {
		return sessionState{id: s.id, tenure: own.tenure, began: own.missed.after, changed: own.missed.upTo}
	}
	return sessionState{id: s.id, tenure: own.tenure, began: own.began, replayed: own.replayed, sent: own.sent,
		until: log.last, changed: later(own.changed, log.applied)}
}

// hasChange reports whether the session began here with the change at a position of the log.
func (s *Socket) hasChange(at backplane.Position) bool {
	if at.IsZero() || s.session == nil {
		return false
	}
	s.roster.log.mu.Lock()
	defer s.roster.log.mu.Unlock()
	return includes(s.session.changed, at)
}

// handOver makes another socket, which nothing else uses yet, the successor of a suspended one. The successor
// gets the changes that were made to s since then.
func (s *Socket) handOver(successor *Socket) {
	log := s.roster.log
	log.mu.Lock()
	defer log.mu.Unlock()
	s.session.successor = successor
	for room, joined := range s.session.lateRooms {
		successor.rooms = without(successor.rooms, []string{room})
		if joined {
			successor.rooms = append(successor.rooms, room)
		}
	}
	s.session.lateRooms = nil
	successor.data = s.Data()
}

// noteRooms records that a socket has joined or left rooms after its session has moved away. It returns the
// successor, or nil if there is none. fits is false if the socket may not join so many rooms.
func (s *Socket) noteRooms(rooms []string, joined bool) (successor *Socket, fits bool) {
	if s.roster == nil || s.roster.log == nil {
		return nil, true
	}
	log, own := s.roster.log, s.session
	log.mu.Lock()
	defer log.mu.Unlock()
	switch {
	case own.successor != nil || !own.suspended:
		return own.successor, true
	case time.Since(own.movedAt) > log.MaxDisconnection: // the client cannot come back
		own.lateRooms = nil
		return nil, true
	case !s.env.config.roomsFit(slices.Collect(maps.Keys(own.lateRooms)), rooms):
		return nil, !joined
	case own.lateRooms == nil:
		own.lateRooms = make(map[string]bool)
	}
	for _, room := range rooms {
		own.lateRooms[room] = joined
	}
	return nil, true
}

// retire ends a socket whose session was taken over, and its connection. When it returns, the functions of
// OnDisconnect have been called, unless another function still runs for that client.
func (s *Socket) retire() {
	log := s.roster.log
	log.mu.Lock()
	registered := s.session.registered
	log.mu.Unlock()
	if registered {
		s.leaveNamespace(s.Rooms())
	}
	s.disconnected()
	s.client.Close(engineio.TransportClose)
	if registered && s.claimEnd() {
		s.client.FinishNow((*endpoint)(s), string(engineio.TransportClose))
	}
}

// saveSession saves the session of a socket whose client may be recovered.
func (s *Socket) saveSession() {
	log := s.roster.log
	if log == nil {
		return
	}
	log.owning.Lock()
	defer log.owning.Unlock() // so that a client never finds the session neither here nor there
	if !log.disown(s) {
		return
	}
	state := s.suspend()
	if state == nil {
		return // and it was never stored
	}
	log.memory.save(log.namespace, s.session.pid, *state, s)
	if log.cluster != nil {
		log.mu.Lock()
		s.session.held = false
		log.mu.Unlock()
		log.cluster.saveAway(s.session, state)
	}
	log.lastSaved.Store(time.Now().UnixNano())
}

// sessionTaken is called when another node has taken over the session.
func (s *Socket) sessionTaken() {
	log := s.roster.log
	log.owning.Lock()
	taken := log.disown(s)
	log.owning.Unlock()
	if taken {
		s.suspend()
		s.client.Close(engineio.TransportClose)
	}
}

// dropSession drops the session of a socket whose client may not be recovered.
func (s *Socket) dropSession() {
	log := s.roster.log
	if log == nil {
		return
	}
	log.owning.Lock()
	defer log.owning.Unlock()
	if log.disown(s) && log.cluster != nil && s.isSetUp() {
		log.cluster.remove(s.session)
	}
}

// sessionChanged is called when the rooms or the data of the socket have changed.
func (s *Socket) sessionChanged() {
	if s.isStored() {
		s.roster.log.cluster.save(s)
	}
}

// latest returns the last successor of s, or s if it has none.
func (s *Socket) latest() *Socket {
	if s.roster == nil || s.roster.log == nil {
		return s
	}
	log := s.roster.log
	log.mu.Lock()
	defer log.mu.Unlock()
	return s.latestLocked()
}

// latestLocked is like latest. The caller holds the log's mu.
func (s *Socket) latestLocked() *Socket {
	for s.session.successor != nil {
		s = s.session.successor
	}
	return s
}
