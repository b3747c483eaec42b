package engine

import (
	"context"
	"strings"

	"github.com/backplane-go/backplane/postgres"
)

// inspectTable returns what the role of the pool finds about the table $1, a quoted name: whether it exists,
// whether transactions are read-only, the columns that are missing or have another type, the missing
// privileges, whether the server supports lz4, and the reasons not to trust the table. It only reads the
// catalog, so it needs no privileges. to_regclass also sees a table that was committed after the statement
// began, unlike the rest of the statement: so the table must also be in pg_class.
const inspectTable = `
SELECT t.id IS NOT NULL,
       current_setting('transaction_read_only') = 'on',
       coalesce((
         SELECT string_agg(need.name || ' ' || need.kind, ', ')
         FROM (VALUES ('id', 'bigint', 20, 23), ('created_at', 'timestamptz', 1184, 1114), ('payload', 'bytea', 17, 17))
              AS need(name, kind, type, other)
         WHERE t.id IS NOT NULL AND NOT EXISTS (
           SELECT FROM pg_attribute a
           WHERE a.attrelid = t.id AND a.attname = need.name AND NOT a.attisdropped
             AND a.atttypid IN (need.type, need.other))), ''),
       coalesce((
         SELECT string_agg(need.privilege || coalesce(' (' || need.name || ')', ''), ', ')
         FROM (VALUES ('SELECT', 'id'), ('SELECT', 'created_at'), ('SELECT', 'payload'),
                      ('INSERT', 'payload'), ('DELETE', NULL))
              AS need(privilege, name)
         LEFT JOIN pg_attribute a ON a.attrelid = t.id AND a.attname = need.name
         WHERE NOT CASE WHEN need.name IS NULL THEN has_table_privilege(t.id, need.privilege)
                        ELSE has_column_privilege(t.id, a.attnum, need.privilege) END), ''),
       coalesce((
         SELECT s.oid::regclass::text
         FROM pg_attribute a
         JOIN pg_depend d ON d.refobjid = t.id AND d.refobjsubid = a.attnum AND d.deptype = 'a'
                         AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass
         JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
         WHERE a.attrelid = t.id AND a.attname = 'id' AND NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE')
         LIMIT 1), ''),
       EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)),
       coalesce((` + untrustedReasons + `), '')
FROM (SELECT (SELECT oid FROM pg_class WHERE oid = to_regclass($1)) AS id) AS t`

// Prepare implements storage.Preparer.
func (s *Store) Prepare(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return s.retry(ctx, func() error { return s.prepare(ctx) })
}

func (s *Store) prepare(ctx context.Context) error {
	exists, err := s.inspect(ctx)
	if err != nil || exists {
		return err
	}
	schema, err := postgres.Schema(s.table)
	if err != nil {
		return err
	}
	if s.noAutoCreate {
		return s.setup.failed("inspect", postgres.ErrNoTable, nil, "create it with: "+schema)
	}
	return s.setup.create(ctx, schema, s.inspect)
}

// inspect reports whether the table exists. It returns an error if the table exists but cannot be used.
func (s *Store) inspect(ctx context.Context) (exists bool, err error) {
	var readOnly, lz4 bool
	var columns, privileges, sequence, reasons string
	_, err = s.pool.QueryRow(ctx, inspectTable, []any{s.name, s.owner},
		&exists, &readOnly, &columns, &privileges, &sequence, &lz4, &reasons)
	if err != nil {
		return false, s.setup.classify(ctx, "inspect", err)
	}
	s.inserter.useSettings(lz4)
	if sequence != "" {
		privileges = strings.TrimPrefix(privileges+", USAGE on sequence "+sequence, ", ")
	}
	switch {
	case readOnly:
		return exists, s.setup.failed("inspect", postgres.ErrReadOnly, nil, readOnlyHint)
	case columns != "":
		hint := "missing: " + columns + "; choose another table, or drop this one"
		return exists, s.setup.failed("inspect", postgres.ErrBadTable, nil, hint)
	case reasons != "":
		return exists, s.setup.untrusted(reasons, "choose another table, or drop this one")
	case exists && privileges != "":
		return exists, s.setup.lacksPrivileges(ctx, privileges)
	}
	return exists, nil
}
