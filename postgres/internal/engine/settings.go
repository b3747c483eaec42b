package engine

import (
	"fmt"
	"strings"
)

// The settings of the driver's own connections. They override those of the server, the database and the role
// (ALTER ROLE … SET). They are sent as a statement when the connection is open and not as startup parameters,
// because PgBouncer refuses parameters that it does not know, and so does a server that is older than a
// setting. docs/reference/postgres.md has the reasons.
var (
	// keepOpen is for every connection: the server does not end it because it is idle, and detects a dead
	// client within half a minute, as KeepAlive does on the client's side.
	keepOpen = []string{
		"idle_session_timeout", "0", // since PostgreSQL 14
		"idle_in_transaction_session_timeout", "0",
		"tcp_keepalives_idle", "15", "tcp_keepalives_interval", "5", "tcp_keepalives_count", "3",
	}
	// noTimeouts is for connections that listen or publish. The deadlines of the cluster limit what they do. A
	// message that waits for other transactions to commit must not fail because of a limit that is meant for
	// queries.
	noTimeouts = []string{
		"statement_timeout", "0", "lock_timeout", "0",
		"transaction_timeout", "0", // since PostgreSQL 17
	}
	// dropDeadClient is for connections that listen. A client that is gone, or has not read for a minute, holds
	// back the notification queue of the whole server. Keepalives do not detect it while there is data to send.
	dropDeadClient = []string{"tcp_user_timeout", "60000"} // since PostgreSQL 12

	// readCommitted is for connections that publish: appending to a log needs this isolation level.
	readCommitted = []string{"default_transaction_isolation", "read committed"}

	// asyncPublishSettings replaces PublishSettings if Config.AsyncLog is set.
	asyncPublishSettings = SetStatement(keepOpen, noTimeouts, readCommitted, []string{"synchronous_commit", "off"})

	// PublishSettings, ListenSettings and StoreSettings are the statements for the three kinds of connections.
	// The server's own timeouts limit how long storing may take.
	PublishSettings = SetStatement(keepOpen, noTimeouts, readCommitted)
	ListenSettings  = SetStatement(keepOpen, noTimeouts, dropDeadClient)
	StoreSettings   = SetStatement(keepOpen)

	// CheckClientSettings makes the server end a statement, such as one that waits for a lock, when its
	// connection was closed (since PostgreSQL 14). It is a separate statement, because servers refuse it on
	// operating systems that cannot detect a closed connection.
	CheckClientSettings = SetStatement([]string{"client_connection_check_interval", "1000"})
)

// SetStatement returns a statement that applies settings, given as alternating names and values. It skips those
// that the server does not know.
func SetStatement(lists ...[]string) string {
	var rows []string
	for _, list := range lists {
		for i := 0; i < len(list); i += 2 {
			rows = append(rows, fmt.Sprintf("('%s', '%s')", list[i], list[i+1]))
		}
	}
	return "SELECT set_config(name, value, false) FROM (VALUES " + strings.Join(rows, ", ") +
		") AS s(name, value) WHERE current_setting(name, true) IS NOT NULL"
}
