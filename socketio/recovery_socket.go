package socketio

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// session is the state that recovery needs for each socket.
//
// A session is owned by one socket, or by Sessions while its client is away. When the client reconnects, the
// session moves to a new socket, the successor. The old socket may still be in use, for example in a handler that
// runs. Its methods act on the successor from then on.
type session struct {
	pid      string
	restored *Session   // the session that was restored; nil: the client is new
	joining  sync.Mutex // held while the socket joins its namespace

	// guarded by the log's mu
	registered bool      // the socket has been in the registry
	suspended  bool      // the session has moved away, so no event is sent to this socket any more
	movedAt    time.Time // when it has
	successor  *Socket   // nil: none yet
	// rooms joined (true) or left since the session has moved away, until there is a successor
	lateRooms map[string]bool
	offset    string // see Session
	replayed  bool
	sent      string
}

// startSession sets the id of the socket: the id of the session, if the client has one that can be restored, or
// else a new one.
func (s *Socket) startSession() {
	s.id = newID()
	log := s.roster.log
	if log == nil {
		return
	}
	var auth struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"` // absent if the client has received nothing
	}
	if s.auth.Decode(&auth) == nil && auth.PID != "" && s.restoreSession(auth.PID, auth.Offset) {
		return
	}
	s.session = &session{pid: newID()}
	log.owning.Lock()
	defer log.owning.Unlock()
	log.owners[s.session.pid] = s
}

// restoreSession gives s the session of this pid, and ends a socket that still owns it. It returns false if there
// is no such session.
func (s *Socket) restoreSession(pid, offset string) bool {
	log := s.roster.log
	old := log.takeOver(pid)
	if old != nil {
		log.Sessions.Save(log.namespace, old.suspend())
	}
	restored, ok := log.Sessions.Restore(log.namespace, pid, offset)
	if ok {
		if restored.Offset == "" { // Sessions does not know it
			restored.Offset = offset
		}
		s.id = restored.ID
		s.session = &session{pid: pid, restored: &restored}
		log.owners[pid] = s
		s.rooms, s.data = restored.Rooms, restored.Data
		previous := old
		if previous == nil {
			previous = log.away[pid].Value()
		}
		if previous != nil {
			previous.handOver(s)
		}
		delete(log.away, pid)
	}
	log.owning.Unlock()
	if old != nil {
		old.retire()
	}
	return ok
}

// suspend returns the session of a socket that does not own it any more. From then on no event is sent to the
// socket, so the client misses the events that follow.
func (s *Socket) suspend() Session {
	log, own := s.roster.log, s.session
	log.mu.Lock()
	own.suspended, own.movedAt = true, time.Now()
	saved := Session{PID: own.pid, ID: s.id, Offset: own.offset, Replayed: own.replayed, Sent: own.sent,
		Until: log.position()}
	if !own.registered && own.restored != nil {
		saved = *own.restored
	}
	log.mu.Unlock()
	saved.Rooms, saved.Data = s.Rooms(), s.Data() // read last: later changes are made to the successor
	return saved
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
	defer log.owning.Unlock()
	if log.disown(s) {
		log.Sessions.Save(log.namespace, s.suspend())
		log.lastSaved.Store(time.Now().UnixNano())
		log.remember(s)
	}
}

// dropSession drops the session of a socket whose client may not be recovered.
func (s *Socket) dropSession() {
	if log := s.roster.log; log != nil {
		log.owning.Lock()
		defer log.owning.Unlock()
		log.disown(s)
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

// emitWithOffset is Emit in a namespace with recovery: a client that is away receives the event when it reconnects.
func (s *Socket) emitWithOffset(args backplane.Args, o engineio.SendOptions) error {
	if s = s.latest(); !s.Connected() && !s.isPending() && (o.Volatile || !s.isAway()) {
		return ErrDisconnected
	}
	s.callOutgoingListeners(args)
	log := s.roster.log
	log.mu.Lock()
	defer log.mu.Unlock()
	s = s.latestLocked() // the session may have moved in the meantime
	if s.session.suspended {
		if other := s.roster.find(s.id); other != nil { // restored from Sessions, without a pointer to s
			s = other
		}
	}
	offset := log.assignOffset(args, backplane.Selector{Rooms: []string{s.id}}, o.Volatile)
	frame, err := eventFrame(s.name, parser.NoID, args, offset)
	if err != nil {
		return err
	}
	s.deliverWithOffset(frame, o, offset)
	return nil
}

// isAway reports whether the client is disconnected, but may be recovered.
func (s *Socket) isAway() bool {
	log, own := s.roster.log, s.session
	log.owning.Lock()
	owner := log.owners[own.pid] == s
	log.owning.Unlock()
	if owner {
		return s.state.Load() != client.Connecting || own.restored != nil
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	return !own.movedAt.IsZero() && (time.Since(own.movedAt) < log.MaxDisconnection || s.roster.find(s.id) != nil)
}

// deliverWithOffset is like deliver, for an event that has an offset. The caller holds the log's mu.
func (s *Socket) deliverWithOffset(f *wsframe.Frame, o engineio.SendOptions, offset string) {
	own := s.session
	if !own.registered && own.offset == "" {
		own.offset = s.roster.log.before
	}
	switch {
	case own.suspended: // the event is among those that the client misses
	case !o.Volatile:
		own.sent = offset // even if it does not arrive
		s.deliver(f, o, offset)
	case s.deliver(f, o, ""):
		own.sent = offset
	}
}
