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
	adminShutdown         = "57P01"
	idleSessionTimeout    = "57P05"
	crashShutdown         = "57P02"
	readOnlyTransaction   = "25006"
	unknownStatement      = "26000"
	duplicateStatement    = "42P05"
	uniqueViolation       = "23505"
	invalidSchema         = "3F000"
	invalidDatabase       = "3D000"
	insufficientPrivilege = "42501"
	duplicateTable        = "42P07"
	invalidAuthorization  = "28000"
	invalidPassword       = "28P01"
)

// stateOf returns the code the server gave with err, "" if err is not the server's. The errors of both drivers know it.
func stateOf(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// OfContext tells whether err is that of a context that has ended.
func OfContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Broken tells whether err is the end of a connection that stood: not that of an attempt to connect, nor of a context.
func Broken(err error) bool {
	var net *net.OpError
	switch {
	case OfContext(err):
		return false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &net):
		return net.Op != "dial"
	}
	state := stateOf(err)
	return state == adminShutdown || state == idleSessionTimeout || state == crashShutdown
}

// NotPrepared tells whether err means that a prepared statement is missing, or there already: a proxy gives the
// statements of one client different server connections.
func NotPrepared(err error) bool {
	state := stateOf(err)
	return state == unknownStatement || state == duplicateStatement
}

// explain adds to an error of the driver's own connections what it means for them.
func explain(err error) error {
	switch state := stateOf(err); {
	case state == readOnlyTransaction:
		return fmt.Errorf("%w: %w (%s)", postgres.ErrReadOnly, err, readOnlyHint)
	case NotPrepared(err):
		return fmt.Errorf("%w: %w", postgres.ErrPooled, err)
	}
	return err
}

// endOf returns the error of a context that has ended. Its deadline may have passed on a connection, where it was set too, before
// the context's own timer has run: that is its end all the same.
func endOf(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// unreachable explains why a connection could not be made before ctx ended.
func unreachable(ctx context.Context, err error) error {
	if ended := endOf(ctx); ended != nil {
		err = ended // what the driver says is a consequence
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if explained := explain(err); errors.Is(explained, postgres.ErrReadOnly) || errors.Is(explained, postgres.ErrPooled) {
		return explained
	}
	return fmt.Errorf("%w: %w (%s)", postgres.ErrUnreachable, err, remedy(err))
}

const readOnlyHint = "connect to the primary server, with transactions that may write"

// remedy says what to do about a server that does not let one in.
func remedy(err error) string {
	switch stateOf(err) {
	case invalidAuthorization, invalidPassword:
		return "check the user and the password, and pg_hba.conf on the server"
	case invalidDatabase:
		return "create the database, or correct its name"
	case "":
		return "check the host and the port, and that the server runs and accepts connections from here"
	default:
		return "the server's own message says why"
	}
}
