package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

var _ transport.LogPreparer = (*Bus)(nil)

// createHint says how the log is created by hand.
const createHint = "run the SQL of postgres.LogSchema, which the command \"backplane schema\" prints"

// inspectLog returns what the role of the pool finds about the log: whether transactions are read-only, the version of
// the functions, whether its table exists, the tables and functions that are missing, the missing privileges, and the
// reasons not to trust it. $1 is the name of the table, $2 a role that may own it, too. It only reads the catalog.
//
// All tables and functions belong to trusted roles, and the tables have no triggers and rules, because their code would
// run with the privileges of this role.
const inspectLog = `
WITH RECURSIVE
mine(role) AS (
  SELECT oid FROM pg_roles WHERE rolname = current_user
  UNION
  SELECT m.roleid FROM pg_auth_members m JOIN mine ON m.member = mine.role),
trusted(role) AS (
  SELECT role FROM mine
  UNION SELECT oid FROM pg_roles WHERE rolsuper OR rolname IN ($2, 'pg_database_owner')
  UNION SELECT datdba FROM pg_database WHERE datname = current_database()),
need_table(name, id, privileges) AS (
  SELECT name, (SELECT oid FROM pg_class WHERE oid = to_regclass(name)), privileges FROM (VALUES %[1]s) AS v(name, privileges)),
need_function(name, id) AS (
  SELECT name, (SELECT oid FROM pg_proc WHERE oid = to_regprocedure(name)) FROM (VALUES %[2]s) AS v(name))
SELECT current_setting('transaction_read_only') = 'on',
  (%[3]s)::bigint,
  EXISTS (SELECT FROM need_table WHERE name = $1 AND id IS NOT NULL),
  coalesce((SELECT string_agg(name, ', ') FROM (
    SELECT name FROM need_table WHERE id IS NULL UNION ALL SELECT name FROM need_function WHERE id IS NULL) AS m), ''),
  coalesce((SELECT string_agg(lacks, ', ') FROM (
    SELECT privilege || ' on ' || name FROM need_table, unnest(string_to_array(privileges, ', ')) AS privilege
    WHERE NOT has_table_privilege(id, privilege)
    UNION ALL
    SELECT 'EXECUTE on ' || name FROM need_function WHERE NOT has_function_privilege(id, 'EXECUTE')) AS m(lacks)), ''),
  coalesce((SELECT string_agg(reason, '; ') FROM (
    SELECT format('%%s belongs to the role %%I', name, pg_get_userbyid(relowner))
    FROM need_table JOIN pg_class c ON c.oid = id WHERE relowner NOT IN (SELECT role FROM trusted)
    UNION ALL
    SELECT format('%%s belongs to the role %%I', name, pg_get_userbyid(proowner))
    FROM need_function JOIN pg_proc p ON p.oid = id WHERE proowner NOT IN (SELECT role FROM trusted)
    UNION ALL
    SELECT DISTINCT format('the schema %%I belongs to the role %%I', nspname, pg_get_userbyid(nspowner))
    FROM need_table JOIN pg_class c ON c.oid = id JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspowner NOT IN (SELECT role FROM trusted)
    UNION ALL
    SELECT format('%%s is not an ordinary table', name) FROM need_table JOIN pg_class c ON c.oid = id WHERE relkind <> 'r'
    UNION ALL
    SELECT format('%%s has the trigger %%I', name, tgname) FROM need_table JOIN pg_trigger ON tgrelid = id
    WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%%s has the rule %%I', name, rulename) FROM need_table JOIN pg_rewrite ON ev_class = id
    ) AS r(reason)), '')`

// inspectStatement returns inspectLog for one log.
func (l *eventLog) inspectStatement() (string, error) {
	version, err := postgres.LogVersionQuery(l.setup.table)
	if err != nil {
		return "", err
	}
	var tables, functions []string
	for _, table := range l.names.Tables() {
		tables = append(tables, fmt.Sprintf("(%s, %s)", quoteLiteral(l.names.Table(table[0])), quoteLiteral(table[1])))
	}
	for _, function := range l.names.Functions() {
		functions = append(functions, "("+quoteLiteral(function)+")")
	}
	return fmt.Sprintf(inspectLog, strings.Join(tables, ", "), strings.Join(functions, ", "), version), nil
}

// PrepareLog implements transport.LogPreparer.
func (b *Bus) PrepareLog(ctx context.Context) error {
	if b.log.err != nil {
		return b.log.err
	}
	_, err := retry(ctx, b.pool.IsBroken, func() (struct{}, error) { return struct{}{}, b.log.prepare(ctx) })
	return err
}

func (l *eventLog) prepare(ctx context.Context) error {
	usable, err := l.check(ctx)
	if err != nil || usable {
		return err
	}
	schema, err := postgres.LogSchema(l.setup.table)
	if err != nil {
		return err
	}
	if err := l.setup.create(ctx, schema, l.check); err != nil {
		return err
	}
	switch usable, err = l.check(ctx); {
	case err == nil && !usable:
		return l.setup.failed("create", postgres.ErrNoTable, nil, "it has disappeared again")
	}
	return err
}

// check reports whether the log can be used. It returns false if it has to be created or upgraded and that is allowed,
// and an error if it cannot be used for another reason.
func (l *eventLog) check(ctx context.Context) (usable bool, err error) {
	statement, err := l.inspectStatement()
	if err != nil {
		return false, err
	}
	var readOnly, exists bool
	var version int64
	var missing, privileges, reasons string
	_, err = l.pool.QueryRow(ctx, statement, []any{l.names.Table(""), l.owner},
		&readOnly, &version, &exists, &missing, &privileges, &reasons)
	if err != nil {
		return false, l.setup.classify(ctx, "inspect", err)
	}
	switch {
	case readOnly:
		return false, l.setup.failed("inspect", postgres.ErrReadOnly, nil, readOnlyHint)
	case version > postgres.LogVersion:
		hint := fmt.Sprintf("version %d is installed, this program has version %d: upgrade the program",
			version, postgres.LogVersion)
		return false, l.setup.failed("inspect", postgres.ErrLogVersion, nil, hint)
	case reasons != "":
		return false, l.setup.untrusted(reasons, "choose another LogTable, or drop this log")
	case version == postgres.LogVersion && missing == "":
		if privileges != "" {
			return false, l.setup.lacksPrivileges(ctx, privileges)
		}
		return l.hasRow(ctx)
	case !l.noAutoCreate:
		return false, nil
	case version > 0 && version < postgres.LogVersion:
		hint := fmt.Sprintf("version %d is installed, this program needs version %d: to upgrade, ",
			version, postgres.LogVersion)
		return false, l.setup.failed("inspect", postgres.ErrLogVersion, nil, hint+createHint)
	case exists:
		return false, l.setup.failed("inspect", postgres.ErrBadTable, nil, "missing: "+missing+"; "+createHint)
	}
	return false, l.setup.failed("inspect", postgres.ErrNoTable, nil, "to create it, "+createHint)
}

// hasRow reports whether the table of the log has its row.
func (l *eventLog) hasRow(ctx context.Context) (bool, error) {
	var rows int64
	_, err := l.pool.QueryRow(ctx, "SELECT count(*)::bigint FROM "+l.names.Table(""), nil, &rows)
	switch {
	case err != nil:
		return false, l.setup.classify(ctx, "inspect", err)
	case rows == 0 && l.noAutoCreate:
		return false, l.withoutRow()
	}
	return rows > 0, nil
}
