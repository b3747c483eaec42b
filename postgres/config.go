package postgres

// DefaultTable is the attachment table of the Node.js adapter.
const DefaultTable = "socket_io_attachments"

// The limits of a PostgreSQL server with default build options, in bytes.
const (
	// MaxPayload is the size of the largest payload of NOTIFY: the manual says "shorter than 8000 bytes".
	MaxPayload = 7999
	// MaxName is the length of the longest identifier, NAMEDATALEN - 1. LISTEN silently truncates a longer
	// channel name, and then receives nothing.
	MaxName = 63
)

// Config holds the options that both drivers have. The zero value is ready to use.
type Config struct {
	// Table is the name of the table for attachments: "table", found along the search_path, or "schema.table".
	// It is taken literally, as if quoted: letters keep their case. Default: DefaultTable.
	Table string

	// NoAutoCreate forbids Prepare from creating the table. If the table is missing, Prepare then returns a
	// *SetupError whose Hint contains the SQL to run, as returned by Schema.
	NoAutoCreate bool

	// SessionsTable is the name of the table for the sessions of clients, as Table is for attachments. It is used only
	// by servers that recover clients on any node. NoAutoCreate and TableOwner apply to it too. Default:
	// DefaultSessionsTable, in the schema of Table if it names one.
	SessionsTable string

	// LogTable is the name of the table of the log: "table", in the schema of Table or else in "public", or
	// "schema.table". It has up to 48 bytes. The other tables and the functions of the log have names that begin with
	// it. It is used only if the cluster has a log (core.Config.Log). NoAutoCreate and TableOwner apply to it too: see
	// LogSchema. All nodes of the cluster need the same. Default: DefaultLogTable.
	LogTable string

	// AsyncLog makes keeping messages in the log faster: the server does not wait until they are on its disk
	// (synchronous_commit = off). A crash of the server may then lose the messages of the last moments, up to three
	// times its wal_writer_delay of 200 ms, although some nodes have received them. So the log begins a new epoch after
	// a crash: nothing that was kept before can be read any more. Default: the server's setting.
	AsyncLog bool

	// TableOwner is an additional role that may own the table and its schema. The role of the connection, the
	// roles that it is a member of, superusers and the owner of the database are always allowed. An owner can
	// run code with the privileges of every role that uses the table, so Prepare refuses all others with
	// ErrUntrustedTable. Default: none.
	TableOwner string

	// DurableAttachments makes storing an attachment wait for the disk, if the server's synchronous_commit
	// requires it. By default storing does not wait: a crash of the server also loses every notification in
	// transit and ends every session. A node that received the notification but had not read the attachment yet
	// reports the message as lost, even if the server assigns the id to another attachment after the crash
	// (core.ErrAttachmentReplaced). Node.js's adapter would mistake the other attachment for it. The setting
	// applies to the transaction that stores, so it does not affect the connection afterwards.
	DurableAttachments bool
}
