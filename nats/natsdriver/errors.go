package natsdriver

import "github.com/backplane-go/backplane/nats/internal/server"

// The errors of a driver. They wrap the server's own error, a *ServerError, if there is one.
var (
	// ErrDisconnected means that the connection was lost. The server was shut down, or has closed it: that of a slow
	// consumer, for which more than max_pending waits, or of a user whose permissions have changed.
	ErrDisconnected = server.ErrDisconnected
	// ErrLameDuck means that the server is about to shut down. The next connection goes to another one.
	ErrLameDuck = server.ErrLameDuck
	// ErrDenied means that the user's permissions do not allow a subject. The error is a *PermissionError, which says
	// which one.
	ErrDenied = server.ErrDenied
	// ErrAuth means that the server does not accept the credentials, or does not accept them any more.
	ErrAuth = server.ErrAuth
	// ErrTooLarge means that a payload is larger than Config.MaxPayload.
	ErrTooLarge = server.ErrTooLarge
	// ErrMaxPayload means that the server's max_payload is smaller than Config.MaxPayload.
	ErrMaxPayload = server.ErrMaxPayload
	// ErrTLS means that the options ask for TLS, and the server does not offer it.
	ErrTLS = server.ErrTLS
	// ErrOptions means that the URL or an option cannot be used.
	ErrOptions = server.ErrOptions
	// ErrWitness means that another server of the NATS cluster cannot be reached, although this server says that it is
	// there.
	ErrWitness = server.ErrWitness
	// ErrApart means that messages do not pass between two servers of the NATS cluster, both of which can be reached.
	ErrApart = server.ErrApart
)

// PermissionError says what the user may not do. errors.Is finds ErrDenied in it.
type PermissionError = server.PermissionError

// ServerError is what a server says in an -ERR.
type ServerError = server.ServerError
