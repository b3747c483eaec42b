package postgres

import "errors"

// The reasons for a SetupError, for errors.Is.
var (
	// ErrNoTable means that the table or its schema does not exist and may not be created.
	ErrNoTable = errors.New("the table does not exist")
	// ErrBadTable means that a table of that name exists, but a column is missing or has another type.
	ErrBadTable = errors.New("the table has the wrong columns")
	// ErrUntrustedTable means that the table, its schema or a function that it calls belongs to a role that is
	// not trusted (see Config.TableOwner), or that the table has triggers or rules. Another role's code would
	// run with the privileges of this role.
	ErrUntrustedTable = errors.New("the table is not trusted")
	// ErrLogVersion means that the log has tables and functions of another version: an older one that may not be
	// upgraded, or a newer one.
	ErrLogVersion = errors.New("the log has another version")
	// ErrPrivilege means that the role lacks a privilege.
	ErrPrivilege = errors.New("a privilege is missing")
	// ErrReadOnly means that the server is a replica, or that its transactions are read-only.
	ErrReadOnly = errors.New("the server is read-only")
	// ErrUnreachable means that the server did not answer, or refused the connection.
	ErrUnreachable = errors.New("the server cannot be used")
)

// ErrPooled is wrapped in an error of the driver's own connections that reveals a proxy that pools
// transactions.
var ErrPooled = errors.New("postgres: a proxy pools transactions: give the driver a direct connection " +
	"(ConnConfig in pgxdriver.Config, or the dsn of pqdriver.New), or let the proxy pool sessions")

// ErrUnfenced is returned by Publish while an earlier connection of the driver may still commit an interrupted
// message and cannot be terminated. Nothing is published until that connection has ended, because that would
// change the order.
var ErrUnfenced = errors.New("postgres: an earlier connection may still publish and could not be terminated")

// ErrOverflow ends a session if more notifications arrive while a Listen or Unlisten waits for its answer than
// the driver keeps in memory (64 MiB). Open a new session.
var ErrOverflow = errors.New("postgres: too many notifications while waiting for LISTEN")

// ErrBatchAttachment is returned for a message that is too large for NOTIFY and was to be queued in a batch of
// statements (pgxdriver.InBatch). The server chooses the id of its attachment, which the message contains.
var ErrBatchAttachment = errors.New("postgres: a message with an attachment cannot be queued in a batch: use InTx")

// SetupError is returned by Prepare if the attachment table cannot be used, and by PrepareSessions if the table of
// sessions cannot be used.
type SetupError struct {
	// Op is the failed operation: "inspect" or "create".
	Op string
	// Table is the configured name of the table.
	Table string
	// Hint says what to do, with the SQL to run where that helps.
	Hint string
	// Err is one of the errors above, joined with the server's error if there is one.
	Err error
}

func (e *SetupError) Error() string {
	text := "postgres: " + e.Op + " table " + quote(e.Table) + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns Err.
func (e *SetupError) Unwrap() error { return e.Err }
