package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// legacyChecks are the checks for --dialect legacy.
var legacyChecks = []check{
	{"connection", connection, ""},
	{"server", version, "connection"},
	{"primary", primary, "connection"},
	{"encoding", encoding, "connection"},
	{"pooler", pooler, "connection"},
	{"notifications", notifications, "connection"},
	{"channel", sharedChannel, "notifications"},
	{"names", names, "connection"},
	{"other databases", otherDatabases, "connection"},
	{"nodes", nodes, "names"},
	{"answers", answers, "nodes"},
	{"Node.js", nodeJS, "nodes"},
	{"queue", queue, "connection"},
	{"connections", connections, "connection"},
	{"clock", clock, "connection"},
}

// maxName is the length of the longest name of a connection that PostgreSQL shows, in bytes.
const maxName = 63

// entryName returns the name of the connections by which nodes of the namespace are counted.
func (s *subject) entryName() string {
	return "socket.io-" + s.flags.Prefix + "-request#" + s.nsp + "#"
}

// withDriver calls f with a driver, and closes it afterwards.
func (s *subject) withDriver(ctx context.Context, f func(driver connect.PostgresDriver) finding) finding {
	driver := s.sql.New()
	defer connect.CloseDriver(ctx, driver)
	return f(driver)
}

// names checks that the server shows the names of connections as they are.
func names(ctx context.Context, s *subject) finding {
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		name := "backplane-doctor-" + listen.RandomText()
		entry, err := driver.Enter(ctx, name)
		if errors.Is(err, postgres.ErrPooled) {
			return finding{Status: fail, Detail: "a connection does not keep its name: a pooler is in between",
				Advice: connectDirectly}
		}
		if err != nil {
			return s.notChecked(err)
		}
		shown, err := driver.Entries(ctx, "")
		closed := entry.Close(ctx)
		if err = errors.Join(err, closed); err != nil {
			return s.notChecked(err)
		}
		if !slices.ContainsFunc(shown, func(e transport.EntryInfo) bool { return e.Name == name && e.Marked }) {
			return finding{Status: fail, Detail: "the server does not show the name that a connection has set",
				Advice: "allow this role to read pg_stat_activity and pg_locks"}
		}
		return s.checkName(len(shown) - 1)
	})
}

// checkName checks the name by which nodes are counted.
func (s *subject) checkName(shown int) finding {
	name := s.entryName()
	switch {
	case len(name) > maxName:
		return finding{Status: warn,
			Detail: fmt.Sprintf("nodes are counted by the name %s, which has %d bytes, and PostgreSQL shows %d: "+
				"Node.js's servers find no node", name, len(name), maxName),
			Advice: fmt.Sprintf("shorten the key (--prefix) or the namespace by %d bytes", len(name)-maxName)}
	case strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) >= 0:
		return finding{Status: warn,
			Detail: fmt.Sprintf("nodes are counted by the name %s, and PostgreSQL replaces characters that are not "+
				"ASCII: Node.js's servers find no node", name),
			Advice: "use ASCII characters in the key (--prefix) and the namespace"}
	}
	return pass("the server shows the names of connections, %d at the moment; nodes are counted by %s", shown, name)
}

// otherDatabases looks for nodes that Node.js's servers count although they cannot be reached.
func otherDatabases(ctx context.Context, s *subject) finding {
	var count int
	err := s.sql.DB.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
		WHERE datname <> current_database() AND application_name = $1`, s.entryName()).Scan(&count)
	if err != nil {
		return s.notChecked(err)
	}
	if count > 0 {
		return finding{Status: warn,
			Detail: fmt.Sprintf("nodes with this key and namespace in other databases of the server: %d; "+
				"Node.js's servers count them too, and wait for their answers", count),
			Advice: "give each cluster on the server a key of its own"}
	}
	return pass("none has nodes with this key and namespace")
}

// nodes counts the nodes, as a node does.
func nodes(ctx context.Context, s *subject) finding {
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		wire, err := s.flags.Wire(driver)
		if err != nil {
			return s.notChecked(err)
		}
		if s.nodes, err = listen.Connections(ctx, wire.Wire, driver, s.nsp); err != nil {
			return s.notChecked(err)
		}
		certain, ours := 0, 0
		for _, n := range s.nodes {
			if n.Certain {
				certain++
			}
			if n.Backplane {
				ours++
			}
		}
		if len(s.nodes) == 0 {
			return pass("none of %s is connected", s.nsp)
		}
		return pass("nodes of %s: %d; servers that may have opened it: %d; with this library: %d, Node.js's: %d",
			s.nsp, certain, len(s.nodes)-certain, ours, len(s.nodes)-ours)
	})
}

// nodeJS lists the limits of socket.io-adapter-postgres 1.2, if one of the nodes has it.
func nodeJS(_ context.Context, s *subject) finding {
	count := 0
	for _, n := range s.nodes {
		if !n.Backplane {
			count++
		}
	}
	if count == 0 {
		return pass("no server of Node.js is connected")
	}
	return pass("servers of Node.js: %d. Their requests to all nodes (clients, allRooms, customRequest) end by "+
		"timeout, they cannot send messages of about 7900 to 8000 characters, their messages have no order, they end "+
		"when a notification is not JSON, and they do not listen again after the connection was lost", count)
}
