package socketio

import (
	"net/http"

	"github.com/backplane-go/backplane/internal/guard"
)

// isolateHooks wraps the functions of the configuration, and its Sessions, so that any goroutine can call them. If
// such a function panics, the panic is reported and the wrapper returns a safe result, such as a refusal.
func (e *environment) isolateHooks() {
	c := &e.config
	if f := c.Admit; f != nil {
		c.Admit = func(r *http.Request) error {
			err := errInternal
			e.isolate("", "", "Admit", func() { err = guard.Error(f(r)) })
			return err
		}
	}
	if f := c.ClientAddress; f != nil {
		c.ClientAddress = func(r *http.Request) string {
			address := r.RemoteAddr
			e.isolate("", "", "ClientAddress", func() { address = f(r) })
			return address
		}
	}
	if f := c.Audit; f != nil {
		c.Audit = func(event AuditEvent) {
			e.isolate(event.Namespace, event.SID, "audit", func() { f(event) })
		}
	}
	if c.Recovery == nil {
		return
	}
	if _, ours := c.Recovery.Sessions.(*MemorySessions); !ours {
		c.Recovery.Sessions = &isolatedSessions{env: e, sessions: c.Recovery.Sessions}
	}
}

// isolatedSessions are Sessions of the application. When one of their methods panics, the client is not
// recovered.
type isolatedSessions struct {
	env      *environment
	sessions Sessions
}

// Append implements Sessions.
func (i *isolatedSessions) Append(namespace string, e SessionEvent) (offset string) {
	i.env.isolate(namespace, "", "Sessions.Append", func() { offset = i.sessions.Append(namespace, e) })
	return offset
}

// Forget calls the method Forget of the application's Sessions, if there is one.
func (i *isolatedSessions) Forget(namespace string) {
	if s, ok := i.sessions.(interface{ Forget(namespace string) }); ok {
		i.env.isolate(namespace, "", "Sessions.Forget", func() { s.Forget(namespace) })
	}
}

// Save implements Sessions.
func (i *isolatedSessions) Save(namespace string, session Session) {
	i.env.isolate(namespace, session.ID, "Sessions.Save", func() { i.sessions.Save(namespace, session) })
}

// Restore implements Sessions.
func (i *isolatedSessions) Restore(namespace, pid, offset string) (Session, bool) {
	var session Session
	found := false
	if !i.env.isolate(namespace, "", "Sessions.Restore", func() {
		session, found = i.sessions.Restore(namespace, pid, offset)
	}) {
		return Session{}, false
	}
	return session, found
}

// Missed implements Sessions.
func (i *isolatedSessions) Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool) {
	var events []SessionEvent
	known := false
	if !i.env.isolate(namespace, "", "Sessions.Missed", func() {
		events, known = i.sessions.Missed(namespace, offset, rooms)
	}) {
		return nil, false
	}
	return events, known
}
