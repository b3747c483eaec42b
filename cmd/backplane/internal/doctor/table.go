package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/postgres"
)

// table finds out whether the table for large messages is there and may be used.
func table(ctx context.Context, p *patient) finding {
	driver := p.server.Driver()
	err := driver.Prepare(ctx)
	var setup *postgres.SetupError
	switch {
	case err == nil:
		return fine("%s, with all privileges that a node needs", p.flags.Table())
	case errors.Is(err, postgres.ErrNoTable):
		return finding{Status: fail, Detail: fmt.Sprintf("there is no table %s", p.flags.Table()),
			Advice: fmt.Sprintf("give the cluster's own --table; or create it: backplane schema --table %s | psql URL; or start a node whose role may",
				p.flags.Table())}
	case errors.As(err, &setup) && setup.Hint != "":
		return finding{Status: fail, Detail: fmt.Sprintf("%s: %v", p.flags.Table(), setup.Err), Advice: setup.Hint}
	}
	return finding{Status: fail, Detail: p.server.Explain(err).Error(), Advice: "make the server answer this, then run the doctor again"}
}

// largeMessages stores a message as a node would and reads it again, in a transaction that is rolled back.
func largeMessages(ctx context.Context, p *patient) finding {
	name, err := postgres.QuoteTable(p.flags.Table())
	if err != nil {
		return p.cannot(err)
	}
	tx, err := p.server.DB.BeginTx(ctx, nil)
	if err != nil {
		return p.cannot(err)
	}
	defer func() { _ = tx.Rollback() }() // so that nothing stays
	failed := func(err error) finding {
		if f, found := locked(ctx, p, name); found {
			return f
		}
		return finding{Status: fail, Detail: "none can be stored: " + p.server.ExplainSQL(err).Error(),
			Advice: "see the table above; row-level security and triggers on it must let the role pass"}
	}
	var id int64
	if err := tx.QueryRowContext(ctx, "INSERT INTO "+name+" (payload) VALUES ('\\x00') RETURNING id").Scan(&id); err != nil {
		return failed(err)
	}
	var size int
	if err := tx.QueryRowContext(ctx, "SELECT length(payload) FROM "+name+" WHERE id = $1", id).Scan(&size); err != nil {
		return failed(err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+name+" WHERE id = $1", id); err != nil {
		return failed(err)
	}
	return fine("one was stored, read, and rolled back")
}

// locked finds out who has locked the table, if it has not answered until ctx ended.
func locked(ctx context.Context, p *patient, name string) (f finding, found bool) {
	if ctx.Err() == nil {
		return finding{}, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.Timeout)
	defer cancel()
	var pid, seconds int
	var who string
	err := p.server.DB.QueryRowContext(ctx, `
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'), coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::int
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
WHERE l.relation = to_regclass($1) AND l.granted AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND a.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 1`, name).Scan(&pid, &who, &seconds)
	if err != nil {
		return finding{}, false
	}
	return finding{Status: fail, Detail: fmt.Sprintf("%s does not answer: process %d (%s) has locked it, in a transaction of %d s", p.flags.Table(), pid, who, seconds),
		Advice: fmt.Sprintf("wait until that is over, or end it: SELECT pg_terminate_backend(%d); until then large messages fail, and small ones go on", pid)}, true
}

// oldAge is an age that attachments reach only where nobody removes them: nodes do after a minute or two.
const oldAge = 10 * time.Minute

// oldAttachments finds out whether somebody removes what has expired.
func oldAttachments(ctx context.Context, p *patient) finding {
	name, err := postgres.QuoteTable(p.flags.Table())
	if err != nil {
		return p.cannot(err)
	}
	var rows int
	query := fmt.Sprintf("SELECT count(*) FROM %s WHERE created_at < now() - interval '%d seconds'", name, int(oldAge.Seconds()))
	if err := p.scan(ctx, query, &rows); err != nil {
		if f, found := locked(ctx, p, name); found {
			f.Status = warn
			return f
		}
		return finding{Status: warn, Detail: "cannot be counted: " + p.server.ExplainSQL(err).Error(), Advice: "see the table above"}
	}
	if rows > 0 {
		return finding{Status: warn, Detail: fmt.Sprintf("rows older than 10 minutes: %d, which no node removes", rows),
			Advice: "start a node with this table: it removes what has expired"}
	}
	return fine("none is older than 10 minutes")
}

// functions finds out whether the SQL functions, if they are installed, are of this version.
func functions(ctx context.Context, p *patient) finding {
	query, err := postgres.FunctionsVersionQuery(p.flags.Table())
	if err != nil {
		return p.cannot(err)
	}
	var version int
	if err := p.scan(ctx, query, &version); err != nil {
		return p.cannot(err)
	}
	upgrade := fmt.Sprintf("upgrade them: backplane schema --functions --table %s --prefix %s | psql -1 URL", p.flags.Table(), p.flags.Prefix)
	switch {
	case version == 0:
		return fine("none are installed (only SQL that emits needs them)")
	case version < postgres.FunctionsVersion:
		return finding{Status: warn, Detail: fmt.Sprintf("they are of version %d", version), Advice: upgrade}
	case version > postgres.FunctionsVersion:
		return finding{Status: warn, Detail: fmt.Sprintf("they are of version %d, which this program does not know", version),
			Advice: "use the backplane command they were installed with"}
	}
	return fine("they are of version %d", version)
}
