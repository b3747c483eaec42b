package connect

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/postgres"
)

var _ logServer = (*Postgres)(nil)

func (f *Flags) bindLogTable(fs *pflag.FlagSet) {
	fs.StringVar(&f.logged, "log-table", "", "`TABLE` of the log: name or schema.name (default "+
		postgres.DefaultLogTable+", in the schema of --table)")
}

// LogTable returns the name of the table of the log, with its schema.
func (f *Flags) LogTable() string { return QualifiedLog(f.logged, f.table) }

// QualifiedLog returns the name of the table of the log, with its schema: if it names none, that of the table for large
// payloads.
func QualifiedLog(log, table string) string {
	if log == "" {
		log = postgres.DefaultLogTable
	}
	return inSchemaOf(log, table)
}

// QualifiedSessions returns the name of the table of sessions, in the schema of the table for large payloads.
func QualifiedSessions(table string) string { return inSchemaOf(postgres.DefaultSessionsTable, table) }

// inSchemaOf adds the schema of another table to a name without one, if it has one.
func inSchemaOf(name, other string) string {
	if schema, _, qualified := strings.Cut(other, "."); qualified && !strings.Contains(name, ".") {
		return schema + "." + name
	}
	return name
}

// RequireLog implements logServer: it returns an error if the database has no log, or one of another version.
func (s *Postgres) RequireLog(ctx context.Context) error {
	version, err := s.LogVersion(ctx)
	upgrade := fmt.Sprintf(`"%s | psql -1 URL"`, s.logSchema())
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.where, s.ExplainSQL(err))
	case version == 0:
		return fmt.Errorf("%s: there is no log %s: start a node with a log, or create it with %s", s.where, s.logTable,
			upgrade)
	case version < postgres.LogVersion:
		return fmt.Errorf("%s: the log %s has version %d, which is old: upgrade it with %s", s.where, s.logTable,
			version, upgrade)
	case version > postgres.LogVersion:
		return fmt.Errorf("%s: the log %s has version %d: use a newer backplane command", s.where, s.logTable, version)
	}
	return nil
}

// LogVersion returns the version of the log in the database, 0 if there is none.
func (s *Postgres) LogVersion(ctx context.Context) (version int, err error) {
	query, err := postgres.LogVersionQuery(s.logTable)
	if err != nil {
		return 0, err
	}
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	err = s.DB.QueryRowContext(ctx, query).Scan(&version)
	return version, err
}

// hasLog implements logServer.
func (s *Postgres) hasLog(ctx context.Context) bool {
	if version, err := s.LogVersion(ctx); err != nil || version == 0 {
		return false
	}
	driver := s.New()
	defer func() { _ = driver.Close(ctx) }() // only the pool was used
	return driver.PrepareLog(ctx) == nil
}
