package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/postgres"
)

// table checks that the table for large messages exists and that a node can use it.
func table(ctx context.Context, s *subject) finding {
	err := s.sql.New().Prepare(ctx)
	name := s.flags.Table()
	var setup *postgres.SetupError
	switch {
	case err == nil:
		return pass("%s, with all privileges that a node needs", name)
	case errors.Is(err, postgres.ErrNoTable):
		return finding{Status: fail, Detail: "there is no table " + name,
			Advice: fmt.Sprintf("set --table to the cluster's table; or create it: backplane schema --table %s | "+
				"psql URL; or start a node whose role may create it", name)}
	case errors.As(err, &setup) && setup.Hint != "":
		return finding{Status: fail, Detail: fmt.Sprintf("%s: %v", name, setup.Err), Advice: setup.Hint}
	}
	return finding{Status: fail, Detail: s.server.Explain(err).Error(), Advice: repeat}
}

// largeMessages stores and reads a message as a node does, in a transaction that is rolled back.
func largeMessages(ctx context.Context, s *subject) finding {
	name, err := postgres.QuoteTable(s.flags.Table())
	if err != nil {
		return s.notChecked(err)
	}
	tx, err := s.sql.DB.BeginTx(ctx, nil)
	if err != nil {
		return s.notChecked(err)
	}
	defer func() { _ = tx.Rollback() }() // the test leaves no row behind
	failed := func(err error) finding {
		if f, found := locked(ctx, s, name); found {
			return f
		}
		return finding{Status: fail, Detail: "no message can be stored: " + s.sql.ExplainSQL(err).Error(),
			Advice: "see the check of the table; its row-level security and its triggers must not stop the role"}
	}
	var id int64
	insert := "INSERT INTO " + name + " (payload) VALUES ('\\x00') RETURNING id"
	if err := tx.QueryRowContext(ctx, insert).Scan(&id); err != nil {
		return failed(err)
	}
	var size int
	read := "SELECT length(payload) FROM " + name + " WHERE id = $1"
	if err := tx.QueryRowContext(ctx, read, id).Scan(&size); err != nil {
		return failed(err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+name+" WHERE id = $1", id); err != nil {
		return failed(err)
	}
	return pass("one was stored, read, and rolled back")
}

// locked finds the session that has locked the table, if ctx ended before the table answered.
func locked(ctx context.Context, s *subject, name string) (f finding, found bool) {
	if ctx.Err() == nil {
		return finding{}, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.flags.Timeout)
	defer cancel()
	var pid, seconds int
	var who string
	err := s.sql.DB.QueryRowContext(ctx, `
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'),
  coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::int
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
WHERE l.relation = to_regclass($1) AND l.granted
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND a.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 1`, name).Scan(&pid, &who, &seconds)
	if err != nil {
		return finding{}, false
	}
	return finding{Status: fail,
		Detail: fmt.Sprintf("%s does not answer: process %d (%s) has locked it, in a transaction that has lasted "+
			"for %d s", s.flags.Table(), pid, who, seconds),
		Advice: fmt.Sprintf("wait until the transaction ends, or end it: SELECT pg_terminate_backend(%d); "+
			"until then large messages fail and small ones work", pid)}, true
}

// maxAge is the age from which attachments cause a warning. While a node runs, none gets that old: the node removes
// them after a minute or two.
const maxAge = 10 * time.Minute

// oldAttachments checks whether a node removes expired attachments.
func oldAttachments(ctx context.Context, s *subject) finding {
	name, err := postgres.QuoteTable(s.flags.Table())
	if err != nil {
		return s.notChecked(err)
	}
	var rows int
	query := fmt.Sprintf("SELECT count(*) FROM %s WHERE created_at < now() - interval '%d seconds'",
		name, int(maxAge.Seconds()))
	if err := s.scan(ctx, query, &rows); err != nil {
		if f, found := locked(ctx, s, name); found {
			f.Status = warn
			return f
		}
		return finding{Status: warn, Detail: "cannot be counted: " + s.sql.ExplainSQL(err).Error(),
			Advice: "see the check of the table"}
	}
	if rows > 0 {
		return finding{Status: warn,
			Detail: fmt.Sprintf("rows older than 10 minutes: %d; no node removes them", rows),
			Advice: "start a node that uses this table: it removes expired attachments"}
	}
	return pass("none is older than 10 minutes")
}

// functions checks that the SQL functions, if they are installed, have the version of this program.
func functions(ctx context.Context, s *subject) finding {
	query, err := postgres.FunctionsVersionQuery(s.flags.Table())
	if err != nil {
		return s.notChecked(err)
	}
	var version int
	if err := s.scan(ctx, query, &version); err != nil {
		return s.notChecked(err)
	}
	switch {
	case version == 0:
		return pass("not installed; only SQL that emits events needs them")
	case version < postgres.FunctionsVersion:
		return finding{Status: warn, Detail: fmt.Sprintf("version %d is installed, which is old", version),
			Advice: fmt.Sprintf("upgrade them: backplane schema --functions --table %s --prefix %s | psql -1 URL",
				s.flags.Table(), s.flags.Prefix)}
	case version > postgres.FunctionsVersion:
		return finding{Status: warn,
			Detail: fmt.Sprintf("version %d is installed, which is newer than this program", version),
			Advice: "use the backplane command that installed them, or a newer one"}
	}
	query, err = postgres.FunctionsLogQuery(s.flags.Table(), postgres.FunctionsLog{Table: s.flags.LogTable()})
	if err != nil {
		return s.notChecked(err)
	}
	var keep bool
	if err := s.scan(ctx, query, &keep); err != nil {
		return s.notChecked(err)
	}
	switch logVersion, err := s.sql.LogVersion(ctx); {
	case err != nil:
		return s.notChecked(err)
	case keep:
		return pass("version %d is installed; the log keeps what they emit", version)
	case logVersion > 0:
		return finding{Status: warn,
			Detail: fmt.Sprintf("version %d is installed; there is a log, and it does not keep what they emit",
				version),
			Advice: fmt.Sprintf("backplane schema --functions --log --table %s --log-table %s --prefix %s | "+
				"psql -1 URL", s.flags.Table(), s.flags.LogTable(), s.flags.Prefix)}
	}
	return pass("version %d is installed", version)
}
