package postgres

// DefaultTable is the attachment table of the Node.js adapter.
const DefaultTable = "socket_io_attachments"

// Limits of a stock PostgreSQL server, in bytes.
const (
	// MaxPayload is the largest payload NOTIFY takes: the manual says "shorter than 8000 bytes".
	MaxPayload = 7999
	// MaxName is the longest identifier, NAMEDATALEN - 1. LISTEN truncates a longer channel silently, and
	// then hears nothing.
	MaxName = 63
)

// Config is the part of a driver's options that does not depend on the driver. The zero value is ready.
type Config struct {
	// Table is the table attachments are kept in: "table", found along the search_path, or "schema.table".
	// It is taken literally, as if quoted: letters keep their case. Default: DefaultTable.
	Table string

	// NoAutoCreate forbids Prepare to create the table. A missing table is then a *SetupError whose Hint is
	// the SQL to run, as returned by Schema.
	NoAutoCreate bool

	// TableOwner is a role that may own the table and its schema, besides the role of the connection, the roles that this is a
	// member of, superusers and the owner of the database. An owner can have code of his own run with the privileges of whoever
	// uses the table, so Prepare refuses any other (ErrUntrustedTable). Default: none.
	TableOwner string

	// DurableAttachments makes storing an attachment wait for the disk, if the server's synchronous_commit says so.
	// By default it does not: a crash of the server also loses every notification under way, and cuts every listener. A
	// node that had received the notification but not yet read the attachment reports the message as lost, also when
	// the server gives its id to another one after the crash (core.ErrAttachmentReplaced). Node.js's adapter would take the
	// other one for it. The setting is made for the transaction that stores, so that nothing stays behind in the connection.
	DurableAttachments bool
}
