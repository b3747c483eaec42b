package socketio

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// Recovery configures connection state recovery. A client that lost its connection, and comes back to this node in time,
// is the socket that it was: its id, rooms and data are restored, and it gets the events that it has missed. Clients learn
// where they are by an offset, a string that is then the last argument of every event; it costs nothing where recovery is
// off.
//
// Volatile events and those with an acknowledgement are not kept. A socket that was disconnected by either side does not
// come back.
type Recovery struct {
	// MaxDisconnection is for how long a client may be away (Node.js: maxDisconnectionDuration). Default: 2 min.
	MaxDisconnection time.Duration
	// RunMiddlewares has the namespace's middlewares decide about a client that comes back too (Node.js:
	// skipMiddlewares: false).
	RunMiddlewares bool
	// Sessions keeps what clients come back to. Default: NewMemorySessions with MaxDisconnection.
	Sessions Sessions
}

// Sessions keeps the sessions of clients that are away, and the events that they may miss meanwhile. It is safe for
// concurrent use. NewMemorySessions returns one; a transport that keeps a log of its messages could be another.
type Sessions interface {
	// Append keeps an event that is about to be sent in a namespace and returns its offset: a short string that no
	// other event has. It must not block.
	Append(namespace string, e SessionEvent) (offset string)
	// Save keeps the session of a client that was lost just now.
	Save(namespace string, s Session)
	// Restore returns a session and forgets it. It is false when there is none, or it is too old, or the events after
	// offset are not there any more.
	Restore(namespace, pid, offset string) (Session, bool)
	// Missed returns the events after offset that were sent to one of rooms, or to all, and to none of them
	// as an exception, in their order. It is false when some of them are not there any more.
	Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool)
}

// Session is what is restored of a client.
type Session struct {
	PID   string // known to the client alone
	ID    string
	Rooms []string // its id among them
	Data  any      // Socket.Data
}

// SessionEvent is an event that a client may have missed.
type SessionEvent struct {
	Args   backplane.Args
	Rooms  []string // none: all sockets
	Except []string
	Offset string
}

const defaultMaxDisconnection = 2 * time.Minute

func (r Recovery) withDefaults() Recovery {
	if r.MaxDisconnection <= 0 {
		r.MaxDisconnection = defaultMaxDisconnection
	}
	if r.Sessions == nil {
		r.Sessions = NewMemorySessions(MemorySessionsConfig{MaxDisconnection: r.MaxDisconnection})
	}
	return r
}

// recoveryLog is the part of a namespace that recovery needs.
type recoveryLog struct {
	*Recovery
	namespace string

	// mu makes the order of the log that in which every client gets the events: the offset of the last one says what
	// it has got. Sending, which is done while mu is held, does not block.
	mu sync.Mutex
}

// add keeps an event. The caller holds mu.
func (l *recoveryLog) add(args backplane.Args, to backplane.Selector) (offset string) {
	return l.Sessions.Append(l.namespace, SessionEvent{Args: args, Rooms: to.Rooms, Except: to.Except})
}

// resume is a socket's part in recovery.
type resume struct {
	pid       string
	recovered bool
	offset    string // the last one that the client has got
	saved     bool   // guarded by the socket's mu
}

// restore gives the socket its id, which is that of before if the client has a session to come back to.
func (s *Socket) restore() {
	log := s.ns.log
	if log == nil {
		s.id = newID()
		return
	}
	var auth struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"`
	}
	if err := s.auth.Decode(&auth); err == nil && auth.PID != "" && auth.Offset != "" {
		if session, ok := log.Sessions.Restore(log.namespace, auth.PID, auth.Offset); ok {
			s.resume = &resume{pid: session.PID, recovered: true, offset: auth.Offset}
			s.id, s.rooms, s.data = session.ID, session.Rooms, session.Data
			return
		}
	}
	s.id = newID()
	s.resume = &resume{pid: newID()}
}

// missed returns what the client has missed until now. It is false when that is not known any more.
func (s *Socket) missed() ([]backward, bool) {
	if !s.Recovered() {
		return nil, true
	}
	log := s.ns.log
	rooms := s.ns.registry.SocketRooms(s.id)
	// With mu no event is halfway, kept but not delivered yet: it would be among those missed and come once more.
	log.mu.Lock()
	events, ok := log.Sessions.Missed(log.namespace, s.resume.offset, rooms)
	log.mu.Unlock()
	if !ok {
		return nil, false
	}
	missed := make([]backward, 0, len(events))
	for _, e := range events {
		frame, err := eventFrame(s.name, parser.NoID, e.Args, e.Offset)
		if err != nil {
			s.report("recovery", err)
			continue
		}
		missed = append(missed, backward{frame: frame, offset: e.Offset})
	}
	return missed, true
}

// save keeps the session of a socket whose client may come back.
func (s *Socket) save() {
	log := s.ns.log
	if log == nil {
		return
	}
	session := Session{PID: s.resume.pid, ID: s.id, Rooms: s.Rooms(), Data: s.Data()}
	log.Sessions.Save(log.namespace, session)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resume.saved = true
}

// emitLogged is Emit where there is recovery: what a client does not get now it may get when it comes back.
func (s *Socket) emitLogged(args backplane.Args, o engineio.SendOptions) error {
	s.mu.Lock()
	away := s.resume != nil && (s.resume.saved || s.lost.Load() && !s.ended)
	s.mu.Unlock()
	if !s.Connected() && !s.arriving() && !away {
		return ErrDisconnected
	}
	s.announce(args)
	log := s.ns.log
	log.mu.Lock()
	defer log.mu.Unlock()
	offset := log.add(args, backplane.Selector{Rooms: []string{s.id}})
	frame, err := eventFrame(s.name, parser.NoID, args, offset)
	if err != nil {
		return err
	}
	s.deliver(frame, o, offset)
	return nil
}

var nothing backplane.Value
