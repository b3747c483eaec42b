package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/postgres"
)

// creationLock is the advisory lock for creating tables: without it, CREATE TABLE IF NOT EXISTS fails with a
// unique violation if two run at the same time. The number is "backplan" in ASCII.
const creationLock int64 = 0x6261636b706c616e

// setup creates a table, and explains why it cannot be used.
type setup struct {
	pool   Pool
	table  string                                           // as configured
	grants func(table, role string) (sql string, err error) // returns the SQL that lets a role use the table
}

// create runs schema, the SQL that creates the table. inspect reports whether the table exists.
func (s setup) create(ctx context.Context, schema string, inspect func(context.Context) (bool, error)) error {
	err := s.pool.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d); %s", creationLock, schema))
	if err == nil {
		return nil
	}
	switch sqlState(err) {
	case duplicateTable, uniqueViolation: // created by a program that does not take the lock
		if exists, inspectErr := inspect(ctx); inspectErr != nil || exists {
			return inspectErr
		}
	case invalidSchema:
		return s.failed("create", postgres.ErrNoTable, err, "create the schema first, then: "+schema)
	case insufficientPrivilege:
		hint := "let a role with that privilege create it: " + schema + "; " + s.grantHint(ctx)
		return s.failed("create", postgres.ErrPrivilege, err, hint)
	}
	return s.classify(ctx, "create", err)
}

// classify turns an error of the server into a SetupError.
func (s setup) classify(ctx context.Context, op string, err error) error {
	switch sqlState(err) {
	case readOnlyTransaction:
		return s.failed(op, postgres.ErrReadOnly, err, readOnlyHint)
	case insufficientPrivilege:
		return s.failed(op, postgres.ErrPrivilege, err, s.grantHint(ctx))
	}
	if ended := contextError(ctx); ended != nil {
		err = errors.Join(ended, err)
	}
	return s.failed(op, postgres.ErrUnreachable, err, hintFor(err))
}

// untrusted returns the error for a table that is not trusted. instead says what to do about it.
func (s setup) untrusted(reasons, instead string) error {
	hint := reasons + "; its owner could run code as this role: " + instead + "; " +
		"or set TableOwner if the owner is trusted"
	return s.failed("inspect", postgres.ErrUntrustedTable, nil, hint)
}

// lacksPrivileges returns the error for missing privileges.
func (s setup) lacksPrivileges(ctx context.Context, privileges string) error {
	return s.failed("inspect", postgres.ErrPrivilege, nil, "missing: "+privileges+"; "+s.grantHint(ctx))
}

// grantHint returns the hint for a missing privilege.
func (s setup) grantHint(ctx context.Context) string {
	role := "role" // a placeholder, in case the query fails
	_, _ = s.pool.QueryRow(ctx, "SELECT current_user::text", nil, &role)
	sql, err := s.grants(s.table, role)
	if err != nil {
		return ""
	}
	return "grant it: " + strings.ReplaceAll(strings.TrimSpace(sql), "\n", " ")
}

// failed returns a SetupError.
func (s setup) failed(op string, reason, err error, hint string) error {
	if err != nil {
		reason = fmt.Errorf("%w: %w", reason, err)
	}
	return &postgres.SetupError{Op: op, Table: s.table, Hint: hint, Err: reason}
}
