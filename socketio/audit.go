package socketio

import (
	"context"
	"net"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// AuditEvent is something that concerns who uses the server, for a log of such things.
type AuditEvent struct {
	Time time.Time
	Kind AuditKind
	// Address is the client's: what Config.ClientAddress returns, by default the host of the connection.
	Address string
	// Namespace and SID are those of the socket that it is about. They are empty if it is about the whole connection. Of a
	// namespace with a longer name there are the first 256 bytes.
	Namespace string
	SID       string
	// Reason is why: the reason of a disconnection, a Quota, the message of a connect_error. Empty for AuditConnect.
	Reason string
	// Err says more, where there is more to say.
	Err error
}

// AuditKind is what an AuditEvent is about.
type AuditKind string

// What is audited.
const (
	// AuditConnect: a client has joined a namespace.
	AuditConnect AuditKind = "connect"
	// AuditRefuse: a handshake was refused, or, if there is a Namespace, a client that wanted to join it.
	AuditRefuse AuditKind = "refuse"
	// AuditDisconnect: a client has left a namespace, or, if there is no Namespace, a connection has ended.
	AuditDisconnect AuditKind = "disconnect"
	// AuditQuota: a client has reached a limit. If it is refused or disconnected for that, another event says so.
	AuditQuota AuditKind = "quota"
	// AuditReauthenticate: a client was not admitted again; see Config.Reauthenticate. It is disconnected.
	AuditReauthenticate AuditKind = "reauthenticate"
)

// audit tells Config.Audit of an event.
func (s *Server) audit(e AuditEvent) {
	if s.config.Audit == nil {
		return
	}
	e.Time, e.Namespace, e.Reason = time.Now(), excerpt.Of(e.Namespace), excerpt.Of(e.Reason)
	s.config.Audit(e)
}

// audit tells Config.Audit of an event that concerns the client.
func (c *client) audit(e AuditEvent) {
	if c.server.config.Audit == nil {
		return
	}
	e.Address = c.server.config.address(c.conn.Request(context.Background()))
	c.server.audit(e)
}

// host is an address without its port.
func host(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
