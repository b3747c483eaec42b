package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/postgres"
)

// inspection tells what the role of the pool finds of the table, which stands as $1 the way it is written in
// SQL: whether it exists, whether transactions may write, the columns that are missing or of another type, and
// the privileges that are missing, whether the server knows lz4, and why the table is not to be trusted. It reads the catalogue only, so that no privilege is needed to run it.
// to_regclass also sees a table that was committed after the statement began, the rest does not: pg_class decides.
const inspection = `
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
         FROM (VALUES ('SELECT', 'id'), ('SELECT', 'created_at'), ('SELECT', 'payload'), ('INSERT', 'payload'), ('DELETE', NULL))
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
       coalesce((` + distrust + `), '')
FROM (SELECT (SELECT oid FROM pg_class WHERE oid = to_regclass($1)) AS id) AS t`

// creationLock is the advisory lock under which tables are created: CREATE TABLE IF NOT EXISTS by itself fails
// with a unique violation when two run at once. The number is "backplan" in ASCII.
const creationLock int64 = 0x6261636b706c616e

// Prepare implements storage.Preparer.
func (s *Store) Prepare(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return repeatable(ctx, s.db, func() error { return s.prepare(ctx) })
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
		return s.setupError("inspect", postgres.ErrNoTable, nil, "create it with: "+schema)
	}
	create := fmt.Sprintf("SELECT pg_advisory_xact_lock(%d); %s", creationLock, schema)
	if err = s.db.Exec(ctx, create); err == nil {
		return nil
	}
	switch stateOf(err) {
	case duplicateTable, uniqueViolation: // created by somebody who does not take the lock
		if exists, inspectErr := s.inspect(ctx); inspectErr != nil || exists {
			return inspectErr
		}
	case invalidSchema:
		return s.setupError("create", postgres.ErrNoTable, err, "create the schema first, then: "+schema)
	case insufficientPrivilege:
		return s.setupError("create", postgres.ErrPrivilege, err, "have it created by a role that may: "+schema+"; "+s.grants(ctx))
	}
	return s.classify(ctx, "create", err)
}

// inspect tells whether the table exists, and returns an error if it does but cannot be used.
func (s *Store) inspect(ctx context.Context) (exists bool, err error) {
	var readOnly, lz4 bool
	var columns, privileges, sequence, reasons string
	_, err = s.db.QueryRow(ctx, inspection, []any{s.name, s.owner}, &exists, &readOnly, &columns, &privileges, &sequence, &lz4, &reasons)
	if err != nil {
		return false, s.classify(ctx, "inspect", err)
	}
	s.write(lz4)
	if sequence != "" {
		privileges = strings.TrimPrefix(privileges+", USAGE on sequence "+sequence, ", ")
	}
	switch {
	case readOnly:
		return exists, s.setupError("inspect", postgres.ErrReadOnly, nil, readOnlyHint)
	case columns != "":
		return exists, s.setupError("inspect", postgres.ErrBadTable, nil, "missing: "+columns+"; choose another table, or drop this one")
	case reasons != "":
		return exists, s.setupError("inspect", postgres.ErrUntrustedTable, nil, reasons+"; its owner could run code as this role: choose another table, "+
			"or drop this one; or set TableOwner if the owner is trusted")
	case exists && privileges != "":
		return exists, s.setupError("inspect", postgres.ErrPrivilege, nil, "missing: "+privileges+"; "+s.grants(ctx))
	}
	return exists, nil
}

// classify turns an error of the server into what it means for the caller.
func (s *Store) classify(ctx context.Context, op string, err error) error {
	switch stateOf(err) {
	case readOnlyTransaction:
		return s.setupError(op, postgres.ErrReadOnly, err, readOnlyHint)
	case insufficientPrivilege:
		return s.setupError(op, postgres.ErrPrivilege, err, s.grants(ctx))
	}
	if ended := endOf(ctx); ended != nil {
		err = errors.Join(ended, err)
	}
	return s.setupError(op, postgres.ErrUnreachable, err, remedy(err))
}

// grants is the hint when a privilege is missing.
func (s *Store) grants(ctx context.Context) string {
	role := "role" // to be replaced, if the server does not tell
	_, _ = s.db.QueryRow(ctx, "SELECT current_user::text", nil, &role)
	sql, err := postgres.Grants(s.table, role)
	if err != nil {
		return ""
	}
	return "grant it: " + strings.ReplaceAll(strings.TrimSpace(sql), "\n", " ")
}

func (s *Store) setupError(op string, reason, err error, hint string) error {
	if err != nil {
		reason = fmt.Errorf("%w: %w", reason, err)
	}
	return &postgres.SetupError{Op: op, Table: s.table, Hint: hint, Err: reason}
}
