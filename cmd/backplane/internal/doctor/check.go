// Package doctor examines whether a cluster can run on a database, and says what to do where it cannot.
package doctor

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// status is what a check has found.
type status string

const (
	ok   status = "ok"
	warn status = "warn" // works, but somebody should look at it
	fail status = "fail" // does not work
)

// finding is the outcome of one check, in JSON.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Detail string `json:"detail"`
	// Advice is what to do, empty if all is well.
	Advice string `json:"advice"`
}

// check examines one thing.
type check struct {
	name string
	run  func(ctx context.Context, p *patient) finding
	// needs is a check without whose success this one is not made.
	needs string
}

// patient is what is examined.
type patient struct {
	server  *connect.Server
	flags   *connect.Flags
	channel string // that of the namespace
}

// checks are in the order in which they are made and shown.
var checks = []check{
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
	{"queue", queue, "connection"},
	{"connections", connections, "connection"},
	{"clock", clock, "connection"},
}

// examine makes the checks. Each may take as long as the flags say.
func (p *patient) examine(ctx context.Context, each func(finding)) {
	failed := make(map[string]bool)
	for _, c := range checks {
		if failed[c.needs] || failed["connection"] {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, p.flags.Timeout)
		f := c.run(bounded, p)
		cancel()
		if ctx.Err() != nil {
			return
		}
		f.Check = c.name
		each(f)
		failed[c.name] = f.Status == fail
	}
}

func fine(format string, args ...any) finding {
	return finding{Status: ok, Detail: fmt.Sprintf(format, args...)}
}

// cannot is a check that could not be made.
func (p *patient) cannot(err error) finding {
	return finding{Status: fail, Detail: "cannot be examined: " + p.server.ExplainSQL(err).Error(),
		Advice: "make the server answer this, then run the doctor again"}
}

// scan reads one row.
func (p *patient) scan(ctx context.Context, query string, into ...any) error {
	return p.server.DB.QueryRowContext(ctx, query).Scan(into...)
}

// conn takes a connection of the server's pool.
func (p *patient) conn(ctx context.Context) (*sql.Conn, error) { return p.server.DB.Conn(ctx) }

// milliseconds is a time that people can compare.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
