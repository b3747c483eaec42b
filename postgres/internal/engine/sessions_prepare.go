package engine

import (
	"context"

	"github.com/backplane-go/backplane/postgres"
)

// inspectSessions returns what the role of the pool finds about the table $1 of sessions, as inspectTable does for
// attachments. Column missing also names the unique index if it is missing, on which replacing depends.
const inspectSessions = `
SELECT t.id IS NOT NULL,
       current_setting('transaction_read_only') = 'on',
       coalesce((
         SELECT string_agg(need.name || ' ' || need.kind, ', ')
         FROM (VALUES ('scope', 'text', 25), ('key', 'text', 25), ('owner', 'text', 25),
                      ('since', 'timestamptz', 1184), ('taken', 'text', 25), ('state', 'bytea', 17))
              AS need(name, kind, type)
         WHERE t.id IS NOT NULL AND NOT EXISTS (
           SELECT FROM pg_attribute a
           WHERE a.attrelid = t.id AND a.attname = need.name AND NOT a.attisdropped AND a.atttypid = need.type)),
         CASE WHEN t.id IS NOT NULL AND NOT EXISTS (
           SELECT FROM pg_index i
           WHERE i.indrelid = t.id AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 2
             AND (SELECT array_agg(a.attname::text ORDER BY a.attname)
                  FROM pg_attribute a WHERE a.attrelid = t.id AND a.attnum = ANY (i.indkey[0:1]::smallint[]))
               = ARRAY['key', 'scope'])
         THEN 'PRIMARY KEY (scope, key)' END, ''),
       coalesce((
         SELECT string_agg(need.privilege, ', ')
         FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS need(privilege)
         WHERE NOT has_table_privilege(t.id, need.privilege)), ''),
       coalesce((` + untrustedReasons + `), '')
FROM (SELECT (SELECT oid FROM pg_class WHERE oid = to_regclass($1)) AS id) AS t`

// PrepareSessions implements storage.Sessions.
func (s *Sessions) PrepareSessions(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	_, err := retry(ctx, s.pool.IsBroken, func() (struct{}, error) { return struct{}{}, s.prepare(ctx) })
	return err
}

func (s *Sessions) prepare(ctx context.Context) error {
	exists, err := s.inspect(ctx)
	if err != nil || exists {
		return err
	}
	schema, err := postgres.SessionsSchema(s.setup.table)
	if err != nil {
		return err
	}
	if s.noAutoCreate {
		return s.setup.failed("inspect", postgres.ErrNoTable, nil, "create it with: "+schema)
	}
	return s.setup.create(ctx, schema, s.inspect)
}

// inspect reports whether the table exists. It returns an error if the table exists but cannot be used.
func (s *Sessions) inspect(ctx context.Context) (exists bool, err error) {
	var readOnly bool
	var missing, privileges, reasons string
	_, err = s.pool.QueryRow(ctx, inspectSessions, []any{s.name, s.owner},
		&exists, &readOnly, &missing, &privileges, &reasons)
	switch {
	case err != nil:
		return false, s.setup.classify(ctx, "inspect", err)
	case readOnly:
		return exists, s.setup.failed("inspect", postgres.ErrReadOnly, nil, readOnlyHint)
	case missing != "":
		hint := "missing: " + missing + "; choose another SessionsTable, or drop this one"
		return exists, s.setup.failed("inspect", postgres.ErrBadTable, nil, hint)
	case reasons != "":
		return exists, s.setup.untrusted(reasons, "choose another SessionsTable, or drop this one")
	case exists && privileges != "":
		return exists, s.setup.lacksPrivileges(ctx, privileges)
	}
	return exists, nil
}
