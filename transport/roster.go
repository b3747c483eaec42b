package transport

import "context"

// Roster is implemented by a Bus whose server shows which connections there are, each under a name that its
// program has chosen. Dialects that count the nodes of a cluster by such names need it. It is safe for
// concurrent use.
type Roster interface {
	// Enter opens a connection that the server shows under name. The entry remains until it is closed or its
	// connection ends. When Enter returns, Entries of every bus of the server returns the entry. Equal names
	// are different entries. Enter fails instead of waiting when the server is unreachable, or when it refuses
	// the name.
	//
	// The name is not empty, valid UTF-8 and without NUL. Other names are an error. A name of printable ASCII
	// characters and at most MinChannel bytes is shown as it is. The server may show other names shortened, or
	// with other characters: see Entry.Info.
	Enter(ctx context.Context, name string) (Entry, error)

	// Entries returns the connections whose names start with prefix, in no particular order, among them those
	// of other programs. The prefix is compared byte by byte with the names as the server shows them. The empty
	// prefix returns all connections that have a name.
	Entries(ctx context.Context, prefix string) ([]EntryInfo, error)
}

// Entry is a connection that Enter has opened. It is safe for concurrent use.
//
// The entry does not report that its connection has ended. Its owner sees that Entries does not return its ID
// any more. A connection that a broken network has cut may be shown until the server notices.
type Entry interface {
	// Info returns the entry as Entries returns it. The result is constant, and the method does no I/O.
	Info() EntryInfo

	// Close removes the entry and releases its connection, even if ctx has ended. In that case, or if the
	// server does not answer, the server shows the entry until it notices. Otherwise Entries does not return
	// the entry any more when Close returns. It is not an error if the connection has ended before. Closing
	// again does nothing.
	//
	// If the Bus is a Closer, its Close may end the connections of its entries. Close them nevertheless.
	Close(ctx context.Context) error
}

// EntryInfo describes a connection in a Roster.
type EntryInfo struct {
	// ID identifies the connection as long as it lives. It never identifies another one.
	ID string
	// Name is the name as the server shows it. It is not empty.
	Name string
	// Marked reports that the connection was opened by Enter of this library, and not by another program. An
	// entry whose connection has just broken may be shown once more without the mark, and with another ID.
	Marked bool
}
