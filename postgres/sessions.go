package postgres

import "strings"

// DefaultSessionsTable is the name of the table of sessions. If Config.Table names a schema, the table is in that
// schema.
const DefaultSessionsTable = "backplane_sessions"

// SessionsSchema returns the SQL that creates the table of sessions ("table" or "schema.table") and its indexes. The
// table is UNLOGGED: it is empty after a crash of the server and on a promoted standby. The SQL can be run any number
// of times.
func SessionsSchema(table string) (string, error) {
	name, err := QuoteTable(table)
	if err != nil {
		return "", err
	}
	// Most updates change no indexed column. They need free space on the page to leave the indexes alone.
	return strings.Join([]string{
		"CREATE UNLOGGED TABLE IF NOT EXISTS " + name + ` (scope text COLLATE "C", key text COLLATE "C", ` +
			`owner text COLLATE "C" NOT NULL, since timestamptz, taken text, state bytea NOT NULL, ` +
			"PRIMARY KEY (scope, key)) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1)",
		"CREATE INDEX IF NOT EXISTS " + derivedName(table, "_owner_idx") + " ON " + name +
			" (scope, owner) WHERE since IS NULL OR taken IS NOT NULL",
		"CREATE INDEX IF NOT EXISTS " + derivedName(table, "_since_idx") + " ON " + name +
			" (scope, since) WHERE since IS NOT NULL",
	}, ";\n"), nil
}

// SessionsGrants returns the SQL that lets role use the table of sessions, with the least privileges: SELECT, INSERT,
// UPDATE and DELETE, and USAGE on the schema if table names one.
func SessionsGrants(table, role string) (string, error) {
	name, err := QuoteTable(table)
	if err != nil {
		return "", err
	}
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	return schemaGrant(table, to) + "GRANT SELECT, INSERT, UPDATE, DELETE ON " + name + " TO " + to + ";\n", nil
}

// schemaGrant returns the SQL that lets a role, which is quoted already, use the schema of table if it names one.
func schemaGrant(table, to string) string {
	if schema, _, qualified := strings.Cut(table, "."); qualified {
		return "GRANT USAGE ON SCHEMA " + quote(schema) + " TO " + to + ";\n"
	}
	return ""
}
