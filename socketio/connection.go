package socketio

import (
	"container/list"
	"errors"
	"log/slog"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// connection is a client as the server sees it. It implements client.Host.
type connection struct {
	client.Client
	server *Server
	waiter *waiter       // its entry in the list of clients that have not joined a namespace
	review *list.Element // its entry in the reauthenticator's list; guarded by the reauthenticator
}

var _ client.Host = (*connection)(nil)

// open is called for every new connection.
func (s *Server) open(conn *engineio.Conn) engineio.Receiver {
	s.mu.Lock()
	s.unreleased++
	s.mu.Unlock()
	s.connected.Add(1)
	s.env.counts.connects.Add(1)
	c := &connection{server: s}
	c.Init(conn, &s.clients, c)
	for _, old := range s.unjoined.add(c, conn.Kept()) {
		old.Expel(QuotaUnjoined)
	}
	if s.reauthenticator != nil {
		s.reauthenticator.add(c)
	}
	return &c.Client
}

// opened is called when a new connection has its transport.
func opened(r engineio.Receiver) { r.(*client.Client).Begin() }

// NewSocket implements client.Host.
func (c *connection) NewSocket(namespace string, auth backplane.Value) client.Socket {
	return (*endpoint)(&Socket{client: &c.Client, env: &c.server.env, name: namespace, auth: auth})
}

// Connect implements client.Host.
func (c *connection) Connect(s client.Socket) { c.server.connect((*Socket)(s.(*endpoint))) }

// Refuse implements client.Host.
func (c *connection) Refuse(namespace string, err error) {
	c.server.env.refuse(&c.Client, namespace, "", err)
}

// OnQuota implements client.Host.
func (c *connection) OnQuota(q Quota) error { return c.server.env.quotaReached(&c.Client, q, "", "") }

// OnSlow implements client.Host.
func (c *connection) OnSlow(s client.Socket, event string, took time.Duration) {
	c.server.env.journal.Log(&journal.SlowHandler, journal.Text(s.Namespace()),
		slog.StringValue((*Socket)(s.(*endpoint)).id), journal.Text(event), slog.DurationValue(took))
}

// OnJoined implements client.Host.
func (c *connection) OnJoined() { c.server.unjoined.remove(c.waiter) }

// OnClosed implements client.Host.
func (c *connection) OnClosed(reason engineio.Reason, err error) {
	env := &c.server.env
	count(env.counts.disconnects, string(reason))
	var quota *QuotaError
	if errors.As(err, &quota) {
		env.countQuota(quota)
		env.auditClient(&c.Client, AuditEvent{Kind: AuditQuota, Reason: string(quota.Quota), Err: quota})
	}
	env.auditClient(&c.Client, AuditEvent{Kind: AuditDisconnect, Reason: string(reason), Err: err})
	c.server.unjoined.remove(c.waiter)
	if c.server.reauthenticator != nil {
		c.server.reauthenticator.remove(c)
	}
}

// OnLeft implements client.Host.
func (c *connection) OnLeft() { c.server.connected.Add(-1) }

// OnReleased implements client.Host.
func (c *connection) OnReleased() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unreleased--; s.unreleased == 0 && s.closed {
		close(s.idle)
	}
}
