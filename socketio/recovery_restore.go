package socketio

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane"
)

// startSession sets the id of the socket: the id of the session, if the client has one that can be restored, or
// else a new one. If the protocol determines the id, the client is not told the pid and cannot be recovered.
func (s *Socket) startSession() {
	s.id = s.client.Protocol().SocketID(s.client.Conn(), s.name)
	fixed := s.id != ""
	if !fixed {
		s.id = newID()
	}
	log := s.roster.log
	switch {
	case log == nil:
		return
	case fixed:
		s.session = &session{pid: newID()} // without an owner, so it is never saved
		return
	}
	var auth struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"` // absent if the client has received nothing
	}
	if s.auth.Decode(&auth) == nil && auth.PID != "" {
		if s.restoreSession(auth.PID, auth.Offset) {
			s.env.counts.recovered.Add(1)
			return
		}
		s.env.counts.notRecovered.Add(1)
	}
	s.own(&session{pid: newID()})
}

// own makes s the owner of a session.
func (s *Socket) own(session *session) {
	log := s.roster.log
	if log.cluster != nil {
		session.key, session.tenure = log.cluster.keyOf(session.pid), newID()
		session.held = session.held || log.isShared()
	}
	s.session = session
	log.owning.Lock()
	defer log.owning.Unlock()
	log.owners[session.pid] = s
}

// restoreSession gives s the session of this pid, and ends a socket that still owns it. It returns false if there
// is no such session, or if it is unknown what the client has missed. It may wait for the database.
func (s *Socket) restoreSession(pid, offset string) bool {
	log := s.roster.log
	ctx, restored := context.Background(), func() {}
	if log.cluster != nil {
		store := log.cluster.store
		if !store.beginRestore() {
			return false
		}
		restored = sync.OnceFunc(store.restores.Done)
		defer restored()
		ctx = store.ctx
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryWait)
	defer cancel()
	received, ok := log.received(ctx, offset)
	if !ok {
		return false
	}
	state, previous, owner, ok := log.takeOver(ctx, pid)
	if !ok {
		return false
	}
	defer log.moved(pid)
	if owner {
		defer func(old *Socket) {
			restored()
			old.retire() // calls functions of the application
		}(previous)
		if state == nil {
			return false // no other node has it either
		}
	}
	if log.cluster != nil && (previous == nil || !previous.isHeld()) {
		taken := log.cluster.take(ctx, pid, received, state)
		if taken != state {
			previous = nil // the session has been on another node since then
		}
		state = taken
	}
	if state == nil {
		return false
	}
	from, known := state.resumesAfter(received)
	m := newMissed(from, state)
	if !known || !log.collect(ctx, m) {
		if log.cluster != nil {
			log.cluster.remove(&session{key: log.cluster.keyOf(pid)})
		}
		return false
	}
	s.id, s.rooms, s.data = state.id, m.rooms, state.data
	s.own(&session{pid: pid, restored: state, missed: m, held: true, setUp: true})
	if previous != nil {
		previous.handOver(s)
	}
	return true
}

// isHeld reports whether the session, which this node has taken over, was not stored since then. Nobody can take it.
func (s *Socket) isHeld() bool {
	s.roster.log.mu.Lock()
	defer s.roster.log.mu.Unlock()
	return s.session.held
}

// received returns the position of the last event that a client has received; zero: none. It returns false if no
// event had this offset, or if this node has missed something that the client cannot get any more.
func (l *recoveryLog) received(ctx context.Context, offset string) (p backplane.Position, ok bool) {
	select {
	case <-l.known:
	case <-ctx.Done():
		return p, false
	}
	l.mu.Lock()
	last := l.last
	if offset != "" {
		p, ok = l.parseOffset(offset)
	}
	l.mu.Unlock()
	if offset != "" && !ok {
		return p, false
	}
	reaches := func(head backplane.Position) bool {
		return p.IsZero() || p.Epoch == head.Epoch && p.Namespace == head.Namespace && !head.Before(p)
	}
	switch {
	case l.cluster == nil:
		return p, reaches(last)
	case !p.IsZero() && p.Epoch != last.Epoch:
		return p, false
	}
	head, complete := l.cluster.check(ctx)
	if !complete && reaches(head) && last.Before(p) { // the client may have what the log does not have any more
		complete = l.cluster.canRead(ctx, p)
	}
	if !complete || !reaches(head) {
		return p, false
	}
	return p, !l.isShared() || p.IsZero() || l.cluster.keeps(ctx, p)
}
