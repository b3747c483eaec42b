package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/backplane-go/backplane/postgres"
)

// SQLSTATEs, from appendix A of PostgreSQL's manual.
const (
	adminShutdown           = "57P01"
	idleSessionTimeout      = "57P05"
	crashShutdown           = "57P02"
	readOnlyTransaction     = "25006"
	unknownStatement        = "26000"
	duplicateStatement      = "42P05"
	lockNotAvailable        = "55P03"
	uniqueViolation         = "23505"
	invalidTransactionState = "25000"
	serializationFailure    = "40001"
	deadlockDetected        = "40P01"
	invalidSchema           = "3F000"
	invalidDatabase         = "3D000"
	insufficientPrivilege   = "42501"
	duplicateTable          = "42P07"
	invalidAuthorization    = "28000"
	invalidPassword         = "28P01"
)

// sqlState returns the SQLSTATE of an error of the server, or "" for other errors. It works with the errors of
// both drivers.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// IsContextError reports whether err is the error of a context that has ended.
func IsContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// IsBrokenConn reports whether err is the end of an established connection. It is false for failed attempts to
// connect and for the errors of contexts.
func IsBrokenConn(err error) bool {
	var net *net.OpError
	switch {
	case IsContextError(err):
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &net):
		return net.Op != "dial"
	}
	state := sqlState(err)
	return state == adminShutdown || state == idleSessionTimeout || state == crashShutdown
}

// IsPreparedStatementError reports whether err means that a prepared statement does not exist or exists
// already. That happens if a proxy spreads the statements of one client over several server connections.
func IsPreparedStatementError(err error) bool {
	state := sqlState(err)
	return state == unknownStatement || state == duplicateStatement
}

// explain adds the cause and a hint to errors of the driver's own connections that have a known cause.
func explain(err error) error {
	switch state := sqlState(err); {
	case state == readOnlyTransaction:
		return fmt.Errorf("%w: %w (%s)", postgres.ErrReadOnly, err, readOnlyHint)
	case IsPreparedStatementError(err):
		return fmt.Errorf("%w: %w", postgres.ErrPooled, err)
	}
	return err
}

// contextError returns the error of ctx if it has ended. A connection that has the same deadline may notice
// that it has passed before the timer of the context runs. That counts as the end of the context, too.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// unreachable explains why a connection could not be opened before ctx ended.
func unreachable(ctx context.Context, err error) error {
	if ended := contextError(ctx); ended != nil {
		err = ended // the driver's error is a consequence
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	explained := explain(err)
	if errors.Is(explained, postgres.ErrReadOnly) || errors.Is(explained, postgres.ErrPooled) {
		return explained
	}
	return fmt.Errorf("%w: %w (%s)", postgres.ErrUnreachable, err, hintFor(err))
}

const readOnlyHint = "connect to the primary server, with transactions that are not read-only"

// hintFor returns what to do about a server that refuses a connection.
func hintFor(err error) string {
	switch sqlState(err) {
	case invalidAuthorization, invalidPassword:
		return "check the user and the password, and pg_hba.conf on the server"
	case invalidDatabase:
		return "create the database, or correct its name"
	case "":
		return "check the host and the port, and that the server is running and accepts connections from here"
	default:
		return "see the server's message"
	}
}
