package socketio

import (
	"net"
	"time"
)

// AuditEvent is an entry for an audit log: who uses the server, and who was refused or disconnected.
type AuditEvent struct {
	Time time.Time
	Kind AuditKind
	// Address is the address of the client: the result of Config.ClientAddress, or by default the host of the
	// connection.
	Address string
	// Namespace and SID identify the socket. They are empty if the event is about the whole connection. A long
	// Namespace is cut to 256 bytes.
	Namespace string
	SID       string
	// Reason is the reason of a disconnection, a Quota, or the message of a connect_error. It is empty for
	// AuditConnect.
	Reason string
	// Err has details. It may be nil.
	Err error
}

// AuditKind is the kind of an AuditEvent.
type AuditKind string

// The kinds of events.
const (
	// AuditConnect: a client has joined a namespace.
	AuditConnect AuditKind = "connect"
	// AuditRefuse: a handshake was refused. If Namespace is set, a client was not allowed to join that namespace.
	AuditRefuse AuditKind = "refuse"
	// AuditDisconnect: a connection has ended. If Namespace is set, a client has left that namespace.
	AuditDisconnect AuditKind = "disconnect"
	// AuditQuota: a client has reached a limit. If the client is refused or disconnected because of it, another
	// event follows.
	AuditQuota AuditKind = "quota"
	// AuditReauthenticate: a client was checked again and may not stay; it is disconnected. See
	// Config.Reauthenticate.
	AuditReauthenticate AuditKind = "reauthenticate"
)

// host returns an address without its port.
func host(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
