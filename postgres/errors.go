package postgres

import "errors"

// Why a SetupError happened, for errors.Is.
var (
	// ErrNoTable: the table, or its schema, does not exist and may not be created.
	ErrNoTable = errors.New("the table does not exist")
	// ErrBadTable: a table of that name exists, but it lacks a column or has one of another type.
	ErrBadTable = errors.New("the table has other columns")
	// ErrUntrustedTable: the table, its schema or a function that it calls belongs to a role that is not trusted (see
	// Config.TableOwner), or the table has triggers or rules: somebody else's code would run with the privileges of this role.
	ErrUntrustedTable = errors.New("the table is not to be trusted")
	// ErrPrivilege: the role lacks a privilege.
	ErrPrivilege = errors.New("a privilege is missing")
	// ErrReadOnly: the server is a replica, or its transactions are read-only.
	ErrReadOnly = errors.New("the server is read-only")
	// ErrUnreachable: the server did not answer, or refused the connection.
	ErrUnreachable = errors.New("the server cannot be used")
)

// ErrPooled is in an error of the driver's own connections that shows a proxy which pools transactions.
var ErrPooled = errors.New("postgres: a proxy pools transactions: give the driver a direct connection, " +
	"as ConnConfig of pgxdriver.Config or as the dsn of pqdriver.New, or let the proxy pool sessions")

// ErrUnfenced is returned by Publish while an earlier connection of the driver may still commit what was given up, and cannot be
// ended. Nothing is published until it has ended, because that would change the order.
var ErrUnfenced = errors.New("postgres: an earlier connection may still publish, and could not be ended")

// ErrOverflow ends a session for which more notifications arrived while one LISTEN or UNLISTEN was waiting for
// its answer than the driver is willing to hold in memory. The session is to be replaced by a new one.
var ErrOverflow = errors.New("postgres: too many notifications while waiting for LISTEN")

// SetupError is returned by Prepare when the attachment table cannot be used.
type SetupError struct {
	// Op is what was being done: "inspect" or "create".
	Op string
	// Table is the table as it was configured.
	Table string
	// Hint says what to do about it, with the SQL to run where that helps.
	Hint string
	// Err is one of the errors above, joined with the server's own error if there was one.
	Err error
}

func (e *SetupError) Error() string {
	text := "postgres: " + e.Op + " table " + quote(e.Table) + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns what went wrong.
func (e *SetupError) Unwrap() error { return e.Err }
