// Package doctor implements the doctor command: it checks whether a cluster can run on a server and gives advice.
//
// # Files
//
//   - doctor.go: the command and its output
//   - check.go: the list of checks, and how they are run
//   - server.go: checks of a PostgreSQL server
//   - pooler.go: checks of poolers and notifications
//   - table.go: checks of the table and the SQL functions
//   - log.go: checks of the log
//   - legacy.go, traffic.go: checks of the legacy dialect
//   - redis.go, redisrights.go, redislog.go: checks of a Redis server
//   - nats.go, natsrights.go: checks of a NATS server
//   - messages.go: checks of both
package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
)

// status is the result of a check.
type status string

const (
	ok   status = "ok"
	warn status = "warn" // it works, but an administrator should look at it
	fail status = "fail" // it does not work
)

// finding is what a check has found, in JSON.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Detail string `json:"detail"`
	// Advice says what to do. It is empty if the status is ok.
	Advice string `json:"advice"`
}

// check examines one property of the subject.
type check struct {
	name     string
	examine  func(ctx context.Context, s *subject) finding
	requires string // the check is skipped if this one has failed or was skipped
}

// subject is the server that is checked.
type subject struct {
	server  connect.Server
	sql     *connect.Postgres // nil unless it is PostgreSQL
	redis   *connect.Redis    // nil unless it is Redis
	nats    *connect.NATS     // nil unless it is NATS
	flags   *connect.Flags
	nsp     string
	channel string // of the namespace
	log     bool   // the nodes have a log
	noLog   bool   // they have none, and none is installed

	checks []check

	nodes []listen.Connection // of the legacy dialect
	hello map[string]string   // what the Redis server says of itself
	about *natsInfo           // what the NATS server says of itself
}

// use notes what kind of server it is, and chooses the checks.
func (s *subject) use(server connect.Server) error {
	s.server = server
	switch server := server.(type) {
	case *connect.Postgres:
		s.sql, s.checks = server, postgresChecks
		if s.flags.Legacy() {
			s.checks = legacyChecks
		}
	case *connect.Redis:
		s.redis, s.checks = server, redisChecks
	case *connect.NATS:
		s.nats, s.checks = server, natsChecks
	default:
		return &cli.UsageError{Reason: "there are no checks for " + server.Engine()}
	}
	return nil
}

// postgresChecks are those for PostgreSQL and the standard dialect. They are run and printed in this order.
var postgresChecks = []check{
	{"connection", connection, ""},
	{"server", version, "connection"},
	{"primary", primary, "connection"},
	{"encoding", encoding, "connection"},
	{"pooler", pooler, "connection"},
	{"notifications", notifications, "connection"},
	{"table", table, "connection"},
	{"large messages", largeMessages, "table"},
	{"old attachments", oldAttachments, "table"},
	{"functions", functions, "connection"},
	{"log", logTables, "connection"},
	{"kept messages", keptMessages, "log"},
	{"log contents", logContents, "log"},
	{"sessions", sessions, "log"},
	{"nodes", logNodes, "log"},
	{"queue", queue, "connection"},
	{"connections", connections, "connection"},
	{"clock", clock, "connection"},
}

// runChecks runs the checks, each with the timeout of the flags, and calls each with every finding.
func (s *subject) runChecks(ctx context.Context, each func(finding)) {
	failed := make(map[string]bool)
	for _, c := range s.checks {
		if failed[c.requires] {
			failed[c.name] = true
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, s.flags.Timeout)
		f := c.examine(bounded, s)
		cancel()
		if ctx.Err() != nil {
			return
		}
		f.Check = c.name
		each(f)
		failed[c.name] = f.Status == fail
	}
}

// pass returns the finding of a check that is ok.
func pass(format string, args ...any) finding {
	return finding{Status: ok, Detail: fmt.Sprintf(format, args...)}
}

const repeat = "fix this error, then run the doctor again"

// notChecked returns the finding for a check that could not be done because of err.
func (s *subject) notChecked(err error) finding {
	reason := err.Error()
	if s.sql != nil {
		reason = s.sql.ExplainSQL(err).Error()
	} else if has, ok := s.server.(interface{ Reason(error) string }); ok && has.Reason(err) != "" {
		reason = has.Reason(err)
	}
	return finding{Status: fail, Detail: "cannot be checked: " + reason, Advice: repeat}
}

// scan reads one row.
func (s *subject) scan(ctx context.Context, query string, into ...any) error {
	return s.sql.DB.QueryRowContext(ctx, query).Scan(into...)
}

// conn takes a connection from the server's pool.
func (s *subject) conn(ctx context.Context) (*sql.Conn, error) { return s.sql.DB.Conn(ctx) }

// milliseconds formats a duration in milliseconds.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
