package socketio

import (
	"sync"
	"time"

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
	joined   bool      // it has been in the registry
	frozen   bool      // its session has gone elsewhere: no event is sent to this socket any more
	saved    time.Time // when that was
	heir     *Socket   // the socket that has taken over, nil: none has, or not from this one
	offset   string    // see Session
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
		if old != nil {
			old.bequeath(s)
		} else {
			s.rooms, s.data = session.Rooms, session.Data
		}
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

// suspend returns the session of a socket, which the caller has taken. No event is sent to the socket from then on: all later events
// count as missed.
func (s *Socket) suspend() Session {
	rooms, data := s.Rooms(), s.Data()
	log, r := s.ns.log, s.resume
	log.mu.Lock()
	defer log.mu.Unlock()
	r.frozen, r.saved = true, time.Now()
	if r.joined || r.restored == nil {
		return Session{PID: r.pid, ID: s.id, Rooms: rooms, Data: data,
			Offset: r.offset, Replayed: r.replayed, Sent: r.sent, Until: log.position()}
	}
	session := *r.restored
	session.Rooms, session.Data = rooms, data
	return session
}

// bequeath gives the rooms and data of a suspended socket to the one that has taken over.
func (s *Socket) bequeath(heir *Socket) {
	log := s.ns.log
	log.mu.Lock()
	s.resume.heir = heir
	log.mu.Unlock()
	rooms, data := s.Rooms(), s.Data()
	heir.mu.Lock()
	defer heir.mu.Unlock()
	heir.rooms = append(rooms, heir.rooms...) // what s has joined meanwhile
	heir.data = data
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
	}
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
