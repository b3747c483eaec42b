package socketio

import "time"

// A new client can be recovered once the functions of OnConnection have returned: until then its socket may not be in
// the rooms that it belongs to, and not have its data. Its session is not stored before, so no other node finds it, and
// it is dropped if the client is lost before, because the functions may have given up. What they do for a client that
// was recovered is a change of a session that was complete.

// maxSetUp is how long the functions of OnConnection may run until the socket counts as set up all the same. Some
// applications never return from them while the client is connected.
const maxSetUp = 5 * time.Second

// settingUp is the time in which the functions of OnConnection are called for a socket.
type settingUp struct {
	socket *Socket
	timer  *time.Timer // for maxSetUp; nil: there is no recovery, or the client was recovered
	failed bool
}

// beginSetUp is called before the functions of OnConnection.
func (s *Socket) beginSetUp() settingUp {
	u := settingUp{socket: s}
	if s.session != nil && s.session.restored == nil {
		u.timer = time.AfterFunc(maxSetUp, s.noteSetUp)
	}
	return u
}

// fail is called when a function of OnConnection has panicked or ended its goroutine.
func (u *settingUp) fail() {
	u.failed = true
	if u.timer != nil {
		u.timer.Stop()
	}
}

// end is called when the functions of OnConnection have returned, unless one has ended the goroutine. It waits until
// the session is stored, so that it is before the client gets an answer to anything.
func (u *settingUp) end() {
	s := u.socket
	if u.timer != nil {
		u.timer.Stop()
		if !u.failed {
			s.noteSetUp()
		}
	}
	if s.isStored() {
		s.roster.log.cluster.await(s)
	}
}

// isStored reports whether the socket has a session that is stored for other nodes.
func (s *Socket) isStored() bool {
	return s.session != nil && s.session.key != "" && s.roster.log.cluster != nil
}

// isSetUp reports whether the client can be recovered.
func (s *Socket) isSetUp() bool {
	s.roster.log.mu.Lock()
	defer s.roster.log.mu.Unlock()
	return s.session.setUp
}

// noteSetUp notes that the client can be recovered, unless it was lost.
func (s *Socket) noteSetUp() {
	log, own := s.roster.log, s.session
	log.mu.Lock()
	defer log.mu.Unlock()
	if own.setUp || own.suspended || s.lost.Load() {
		return
	}
	own.setUp = true
	if s.isStored() {
		log.cluster.saveNow(s)
	}
}
