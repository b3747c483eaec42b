package natsdriver

import (
	"errors"

	"github.com/backplane-go/backplane/nats/internal/server"
)

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
	// ErrNoJetStream means that JetStream is not enabled on the servers, or not for the account of the user.
	ErrNoJetStream = errors.New("natsdriver: JetStream is not enabled on the servers (jetstream: enabled), or not " +
		"for this account; a log needs it")
	// ErrVersion means that the server is too old for a log, which needs NATS 2.11.
	ErrVersion = errors.New("natsdriver: a log needs NATS 2.11 or later")
	// ErrStream means that the stream of the log has settings with which the log cannot be kept.
	ErrStream = errors.New("natsdriver: the stream of the log cannot be used")
	// ErrUnwritable means that JetStream has refused to store a message, because the disk or a limit of the account is
	// full. It is not in the log.
	ErrUnwritable = errors.New("natsdriver: JetStream does not store the message")
	// ErrLeader means that another server leads the stream of the log now. Sessions of OpenLog end: what the server
	// before has stored last may not have reached them. It can be replayed.
	ErrLeader = errors.New("natsdriver: another server leads the stream of the log")
	// ErrMissed means that a message is in the log that has not reached the session. It can be replayed.
	ErrMissed = errors.New("natsdriver: a message of the log has not reached the session")
)

// PermissionError says what the user may not do. errors.Is finds ErrDenied in it.
type PermissionError = server.PermissionError

// ServerError is what a server says in an -ERR.
type ServerError = server.ServerError
