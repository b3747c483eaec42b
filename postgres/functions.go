package postgres

import (
	"embed"
	"strconv"
	"strings"
)

// FunctionsVersion is the version of the SQL functions that Functions installs.
const FunctionsVersion = 4

// defaultSchema is the schema of the functions if the table's name contains none.
const defaultSchema = "public"

//go:embed functions/*.sql
var functions embed.FS

// Functions returns the SQL that installs or upgrades the functions through which a trigger or a psql session
// emits:
//
//	SELECT backplane_emit('/', ARRAY['room1'], 'order.updated', '[{"id": 1}]')
//
// The functions are created in the schema of table, or in "public" if the name contains none, and expect the
// table there. The table must exist only when a message of 8000 bytes or more is emitted. prefix is the channel
// prefix of the cluster; an empty one means "socket.io". The SQL can be run any number of times; run it in a
// transaction (psql -1). It needs PostgreSQL 13.
//
// Only the owner of the functions can call them, unless FunctionGrants lets other roles do so.
//
// For a cluster with a log, use FunctionsWithLog. Each of the two replaces the functions of the other.
func Functions(table, prefix string) (string, error) {
	return functionsWith(table, prefix, notifyingFunctions)
}

// functionsWith returns the SQL of all functions, with replacements for placeholders in emit.sql.
func functionsWith(table, prefix string, replacements []string) (string, error) {
	if prefix == "" {
		prefix = "socket.io"
	}
	if len(prefix) > MaxName-len("#/") {
		problem := "is longer than 61 bytes, which leaves no room for a namespace"
		return "", &NameError{Kind: "channel", Name: prefix, Problem: problem}
	}
	if _, err := quoteIdentifier("channel", prefix); err != nil {
		return "", err
	}
	var parts []string
	for _, file := range []string{"version.sql", "msgpack.sql", "emit.sql"} {
		sql, err := functionsSQL(file, table, prefix, "", replacements...)
		if err != nil {
			return "", err
		}
		parts = append(parts, sql)
	}
	return strings.Join(parts, "\n"), nil
}

// DropFunctions returns the SQL that removes the functions. Triggers that call them fail afterwards.
func DropFunctions(table string) (string, error) { return functionsSQL("drop.sql", table, "", "") }

// FunctionGrants returns the SQL that lets role emit through the functions, with the least privileges: to
// execute them, to insert attachments into table, which must exist, and to learn their ids, but not to read or
// delete attachments. The privileges must be granted to the role that runs the statement. If a trigger function
// that is SECURITY DEFINER calls the functions, grant the privileges to its owner instead.
func FunctionGrants(table, role string) (string, error) {
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	return functionsSQL("grants.sql", table, "", to)
}

// FunctionsVersionQuery returns a query that yields one integer: the version of the installed functions, or 0
// if there are none. The query needs no privileges.
func FunctionsVersionQuery(table string) (string, error) {
	schema, _, err := functionNames(table)
	return installedVersion(schema), err
}

// installedVersion returns an SQL expression that extracts the version from the source of the function that
// returns it.
func installedVersion(schema string) string {
	name := quoteLiteral(schema + ".backplane_functions_version()")
	return "SELECT coalesce(max(substring(prosrc FROM '[0-9]+')::integer), 0) FROM pg_catalog.pg_proc " +
		"WHERE oid = pg_catalog.to_regprocedure(" + name + ")"
}

// withSchema returns the name of the table with its schema, and fills in the defaults of both.
func withSchema(table string) string {
	if table == "" {
		table = DefaultTable
	}
	if !strings.Contains(table, ".") {
		table = defaultSchema + "." + table
	}
	return table
}

// functionNames returns the schema and the qualified table name, both quoted for SQL.
func functionNames(table string) (schema, qualified string, err error) {
	table = withSchema(table)
	if qualified, err = QuoteTable(table); err != nil {
		return "", "", err
	}
	schema, _, _ = strings.Cut(table, ".")
	return quote(schema), qualified, nil
}

// functionsSQL fills in the placeholders of one of the files, also those of more: names and values in turn. role is
// quoted already.
func functionsSQL(file, table, prefix, role string, more ...string) (string, error) {
	schema, qualified, err := functionNames(table)
	if err != nil {
		return "", err
	}
	text, err := functions.ReadFile("functions/" + file)
	if err != nil {
		return "", err
	}
	// The names may contain any text, even the dollar quotes around the bodies of the functions.
	tag := "$backplane$"
	for i := 1; strings.Contains(schema+qualified+prefix+strings.Join(more, ""), tag); i++ {
		tag = "$backplane" + strconv.Itoa(i) + "$"
	}
	return strings.NewReplacer(append([]string{
		"@version@", strconv.Itoa(FunctionsVersion),
		"@installed@", installedVersion(schema),
		"@schema@", schema,
		"@table@", qualified,
		"@sequence@", sequence(withSchema(table)),
		"@prefix@", quoteLiteral(prefix),
		"@role@", role,
		"@quote@", tag,
	}, more...)...).Replace(string(text)), nil
}

// quoteLiteral returns s as an SQL string that means the same whatever standard_conforming_strings is.
func quoteLiteral(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
