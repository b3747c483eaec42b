package engine

import (
	"fmt"
	"strings"
)

// The settings of the driver's own connections, which override those of the server, the database and the role (ALTER ROLE … SET).
// They are sent as a statement once the connection is open, and not as startup parameters, because PgBouncer refuses those that it
// does not know, and so does a server that is older than a setting. docs/howto/deploy.md has the reasons.
var (
	// standing is for every connection: being idle is no reason to end it, and a client that has died is noticed in half a minute,
	// as KeepAlive does on this side.
	standing = []string{
		"idle_session_timeout", "0", // since PostgreSQL 14
		"idle_in_transaction_session_timeout", "0",
		"tcp_keepalives_idle", "15", "tcp_keepalives_interval", "5", "tcp_keepalives_count", "3",
	}
	// unhurried is for those that listen and publish: the deadlines of the cluster bound what they do. A message that waits for
	// others to commit is not to fail because of a limit that was meant for queries.
	unhurried = []string{"statement_timeout", "0", "lock_timeout", "0", "transaction_timeout", "0"} // the last since 17
	// read is for those that listen: one whose client is gone, or has not read for a minute, holds back the queue of
	// all notifications of the server. Keepalives do not find it while there is something to send.
	read = []string{"tcp_user_timeout", "60000"} // since 12

	// The statements for the three kinds of connection.
	Publishing = Settings(standing, unhurried)
	Listening  = Settings(standing, unhurried, read)
	Storing    = Settings(standing) // how long storing may take is up to the settings of the server

	// Abandonable has the server end a statement, such as one that waits for a lock, when its connection was cut, also since 14. It is a statement
	// of its own, because servers on systems that do not tell refuse it.
	Abandonable = Settings([]string{"client_connection_check_interval", "1000"})
)

// Settings returns a statement that makes settings, given as names and values in turn. Those that the server does not know are left out.
func Settings(lists ...[]string) string {
	var rows []string
	for _, list := range lists {
		for i := 0; i < len(list); i += 2 {
			rows = append(rows, fmt.Sprintf("('%s', '%s')", list[i], list[i+1]))
		}
	}
	return "SELECT set_config(name, value, false) FROM (VALUES " + strings.Join(rows, ", ") +
		") AS s(name, value) WHERE current_setting(name, true) IS NOT NULL"
}
