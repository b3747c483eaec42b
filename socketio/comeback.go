package socketio

import (
	"maps"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// resume is a socket's part in recovery.
type resume struct {
	pid      string
	restored *Session   // what it has come back to, nil: it is new
	joining  sync.Mutex // held while it joins

	// guarded by the log's mu
	joined   bool            // it has been in the registry
	frozen   bool            // its session has gone elsewhere: no event is sent to this socket any more
	saved    time.Time       // when that was
	heir     *Socket         // the socket that has taken over, or come back, nil: none yet
	late     map[string]bool // by room: whether it was joined or left since its session went elsewhere, and there is no heir
	offset   string          // see Session
	replayed bool
	sent     string
}

// restore gives the socket its id, which is that of before if the client has a session to come back to.
func (s *Socket) restore() {
	s.id = newID()
	log := s.ns.log
	if log == nil {
		return
	}
	var auth struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"` // absent when the client has got nothing
	}
	if s.auth.Decode(&auth) == nil && auth.PID != "" && s.comeBack(auth.PID, auth.Offset) {
		return
	}
	s.resume = &resume{pid: newID()}
	log.moving.Lock()
	defer log.moving.Unlock()
	log.owners[s.resume.pid] = s
}

// comeBack restores the session of this pid to s. If another socket still has the session, that one is ended. It is false if there
// is no such session.
func (s *Socket) comeBack(pid, offset string) bool {
	log := s.ns.log
	old := log.claim(pid)
	if old != nil {
		log.Sessions.Save(log.namespace, old.suspend())
	}
	session, ok := log.Sessions.Restore(log.namespace, pid, offset)
	if ok {
		if session.Offset == "" { // Sessions that know no better
			session.Offset = offset
		}
		s.id = session.ID
		s.resume = &resume{pid: pid, restored: &session}
		log.owners[pid] = s
		s.rooms, s.data = session.Rooms, session.Data
		before := old
		if before == nil {
			before = log.away[pid].Value()
		}
		if before != nil {
			before.bequeath(s)
		}
		delete(log.away, pid)
	}
	log.moving.Unlock()
	if old != nil {
		old.retire()
	}
	return ok
}

// claim takes the session of a pid from the socket that has it, and returns that socket, nil if there is none. It waits while the socket
// is joining its namespace. It leaves moving locked.
func (l *recoveryLog) claim(pid string) *Socket {
	for {
		l.moving.Lock()
		old := l.owners[pid]
		if old == nil || old.state.CompareAndSwap(connecting, gone) || old.state.Load() != held {
			delete(l.owners, pid)
			return old
		}
		l.moving.Unlock() // a func that is called for rooms may need it
		old.resume.joining.Lock()
		old.resume.joining.Unlock() //lint:ignore SA2001 it only waits
	}
}

// take takes the session from a socket. It is false if the socket does not have it any more. The caller holds moving.
func (l *recoveryLog) take(s *Socket) bool {
	if s.resume == nil || l.owners[s.resume.pid] != s {
		return false
	}
	delete(l.owners, s.resume.pid)
	return true
}

// suspend returns the session of a socket, which the caller has taken. No event is sent to the socket from then on: the client
// has missed what comes now.
func (s *Socket) suspend() Session {
	log, r := s.ns.log, s.resume
	log.mu.Lock()
	r.frozen, r.saved = true, time.Now()
	session := Session{PID: r.pid, ID: s.id, Offset: r.offset, Replayed: r.replayed, Sent: r.sent, Until: log.position()}
	if !r.joined && r.restored != nil {
		session = *r.restored
	}
	log.mu.Unlock()
	session.Rooms, session.Data = s.Rooms(), s.Data() // not before: what is done from now on is the heir's
	return session
}

// bequeath makes another socket, which nobody else knows yet, the heir of a suspended one, with what was done to that since.
func (s *Socket) bequeath(heir *Socket) {
	log := s.ns.log
	log.mu.Lock()
	defer log.mu.Unlock()
	s.resume.heir = heir
	for room, joined := range s.resume.late {
		heir.rooms = without(heir.rooms, []string{room})
		if joined {
			heir.rooms = append(heir.rooms, room)
		}
	}
	s.resume.late = nil
	heir.data = s.Data()
}

// moved notes that a socket has joined or left rooms after its session went elsewhere. It returns the heir, nil if there is none, and
// false if these are more rooms than it may join.
func (s *Socket) moved(rooms []string, joined bool) (heir *Socket, fits bool) {
	if s.ns == nil || s.ns.log == nil {
		return nil, true
	}
	log, r := s.ns.log, s.resume
	log.mu.Lock()
	defer log.mu.Unlock()
	switch {
	case r.heir != nil || !r.frozen:
		return r.heir, true
	case time.Since(r.saved) > log.MaxDisconnection: // it does not come back
		r.late = nil
		return nil, true
	case !s.client.server.config.roomsFit(slices.Collect(maps.Keys(r.late)), rooms):
		return nil, !joined
	case r.late == nil:
		r.late = make(map[string]bool)
	}
	for _, room := range rooms {
		r.late[room] = joined
	}
	return nil, true
}

// retire ends a socket whose session was taken, and its connection. When it returns, the funcs of OnDisconnect have been called, unless
// another func of the application's still runs for that client.
func (s *Socket) retire() {
	log := s.ns.log
	log.mu.Lock()
	joined := s.resume.joined
	log.mu.Unlock()
	if joined {
		s.leave(s.Rooms())
	}
	s.cut()
	s.client.close(engineio.TransportClose)
	if joined && s.begun() {
		s.client.doNow(work{kind: toFarewell, socket: s, reason: string(engineio.TransportClose)})
	}
}

// save keeps the session of a socket whose client may come back.
func (s *Socket) save() {
	log := s.ns.log
	if log == nil {
		return
	}
	log.moving.Lock()
	defer log.moving.Unlock()
	if log.take(s) {
		log.Sessions.Save(log.namespace, s.suspend())
		log.saved.Store(time.Now().UnixNano())
		log.remember(s)
	}
}

// remember has the socket whose session was saved inherited by who comes back to it, if somebody still has it by then, such as a handler that
// runs. The caller holds moving.
func (l *recoveryLog) remember(s *Socket) {
	l.away[s.resume.pid] = weak.Make(s)
	if len(l.away) < l.sweep {
		return
	}
	maps.DeleteFunc(l.away, func(_ string, p weak.Pointer[Socket]) bool { return p.Value() == nil })
	l.sweep = max(64, 2*len(l.away))
}

// forfeit forgets the session of a socket whose client may not come back.
func (s *Socket) forfeit() {
	if log := s.ns.log; log != nil {
		log.moving.Lock()
		defer log.moving.Unlock()
		log.take(s)
	}
}

// successor returns the socket that has taken over from s, s itself if none has.
func (s *Socket) successor() *Socket {
	if s.ns == nil || s.ns.log == nil {
		return s
	}
	log := s.ns.log
	log.mu.Lock()
	defer log.mu.Unlock()
	for s.resume.heir != nil {
		s = s.resume.heir
	}
	return s
}

// emitLogged is Emit with recovery: a client that is away gets the event when it comes back.
func (s *Socket) emitLogged(args backplane.Args, o engineio.SendOptions) error {
	if s = s.successor(); !s.Connected() && !s.arriving() && (o.Volatile || !s.away()) {
		return ErrDisconnected
	}
	s.announce(args)
	log := s.ns.log
	log.mu.Lock()
	defer log.mu.Unlock()
	for s.resume.heir != nil { // meanwhile
		s = s.resume.heir
	}
	if s.resume.frozen {
		if other := s.ns.Socket(s.id); other != nil { // it has come back by way of Sessions
			s = other
		}
	}
	offset := log.stamp(args, backplane.Selector{Rooms: []string{s.id}}, o.Volatile)
	frame, err := eventFrame(s.name, parser.NoID, args, offset)
	if err != nil {
		return err
	}
	s.deliverStamped(frame, o, offset)
	return nil
}

// away reports whether the client is disconnected, but may come back.
func (s *Socket) away() bool {
	log, r := s.ns.log, s.resume
	log.moving.Lock()
	owner := log.owners[r.pid] == s
	log.moving.Unlock()
	if owner {
		return s.state.Load() != connecting || r.restored != nil
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	return !r.saved.IsZero() && (time.Since(r.saved) < log.MaxDisconnection || s.ns.Socket(s.id) != nil)
}

// deliverStamped is deliver for an event that has an offset. The caller holds the log's mu.
func (s *Socket) deliverStamped(f *engineio.Frame, o engineio.SendOptions, offset string) {
	r := s.resume
	if !r.joined && r.offset == "" {
		r.offset = s.ns.log.before
	}
	switch {
	case r.frozen: // it is among those that the client has missed
	case !o.Volatile:
		r.sent = offset // also if it does not get there
		s.deliver(f, o, offset)
	case s.deliver(f, o, ""):
		r.sent = offset
	}
}
