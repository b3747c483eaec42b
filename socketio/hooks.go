package socketio

import (
	"context"
	"net/http"

	"github.com/backplane-go/backplane/internal/guard"
)

// guardHooks wraps the funcs of the server's config, and its Sessions, so that any goroutine can call them: a panic is reported, and the
// result is the safe one, such as a refusal.
func (s *Server) guardHooks() {
	c := &s.config
	if f := c.Admit; f != nil {
		c.Admit = func(r *http.Request) error {
			err := errPanicked
			s.apart("", "", "Admit", func() { err = guard.Error(f(r)) })
			return err
		}
	}
	if f := c.ReauthenticateSocket; f != nil {
		c.ReauthenticateSocket = func(ctx context.Context, socket *Socket) error {
			err := errPanicked
			s.apart(socket.name, socket.id, "ReauthenticateSocket", func() { err = guard.Error(f(ctx, socket)) })
			return err
		}
	}
	if f := c.ClientAddress; f != nil {
		c.ClientAddress = func(r *http.Request) string {
			address := r.RemoteAddr
			s.apart("", "", "ClientAddress", func() { address = f(r) })
			return address
		}
	}
	if f := c.Audit; f != nil {
		c.Audit = func(e AuditEvent) {
			s.apart(e.Namespace, e.SID, "audit", func() { f(e) })
		}
	}
	if c.Recovery == nil {
		return
	}
	if _, ours := c.Recovery.Sessions.(*MemorySessions); !ours {
		c.Recovery.Sessions = &guardedSessions{server: s, to: c.Recovery.Sessions}
	}
}

// guardedSessions are Sessions of the application's. When one of their methods panics, the client is not recovered.
type guardedSessions struct {
	server *Server
	to     Sessions
}

// Append implements Sessions.
func (g *guardedSessions) Append(namespace string, e SessionEvent) (offset string) {
	g.server.apart(namespace, "", "Sessions.Append", func() { offset = g.to.Append(namespace, e) })
	return offset
}

// Forget forgets what is kept of a namespace, if the application's Sessions can.
func (g *guardedSessions) Forget(namespace string) {
	if s, ok := g.to.(interface{ Forget(namespace string) }); ok {
		g.server.apart(namespace, "", "Sessions.Forget", func() { s.Forget(namespace) })
	}
}

// Save implements Sessions.
func (g *guardedSessions) Save(namespace string, session Session) {
	g.server.apart(namespace, session.ID, "Sessions.Save", func() { g.to.Save(namespace, session) })
}

// Restore implements Sessions.
func (g *guardedSessions) Restore(namespace, pid, offset string) (Session, bool) {
	var session Session
	found := false
	if !g.server.apart(namespace, "", "Sessions.Restore", func() { session, found = g.to.Restore(namespace, pid, offset) }) {
		return Session{}, false
	}
	return session, found
}

// Missed implements Sessions.
func (g *guardedSessions) Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool) {
	var events []SessionEvent
	known := false
	if !g.server.apart(namespace, "", "Sessions.Missed", func() { events, known = g.to.Missed(namespace, offset, rooms) }) {
		return nil, false
	}
	return events, known
}
