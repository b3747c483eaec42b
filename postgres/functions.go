package postgres

import (
	"embed"
	"strconv"
	"strings"
)

// FunctionsVersion is the version of the SQL functions that Functions returns.
const FunctionsVersion = 3

// defaultSchema is where the functions are created when the table names no schema.
const defaultSchema = "public"

//go:embed functions/*.sql
var functions embed.FS

// Functions returns the SQL that installs, or upgrades, the functions through which a trigger or a psql session emits:
//
//	SELECT backplane_emit('/', ARRAY['room1'], 'order.updated', '[{"id": 1}]')
//
// They live in the schema of table, "public" if it names none, which is also where they expect the table. It has to exist
// only when a message of 8000 bytes or more is emitted. prefix is the channel prefix of the cluster, "socket.io" if empty.
// The SQL may be run any number of times; run it in a transaction (psql -1). It needs PostgreSQL 13.
//
// Nobody but their owner may call the functions until FunctionGrants are given.
func Functions(table, prefix string) (string, error) {
	if prefix == "" {
		prefix = "socket.io"
	}
	if len(prefix) > MaxName-len("#/") {
		return "", &NameError{Kind: "channel", Name: prefix, Problem: "is longer than 61 bytes, which leaves no room for a namespace"}
	}
	if _, err := quoteIdentifier("channel", prefix); err != nil {
		return "", err
	}
	version, err := functionsSQL("version.sql", table, "", "")
	if err != nil {
		return "", err
	}
	msgpack, err := functionsSQL("msgpack.sql", table, "", "")
	if err != nil {
		return "", err
	}
	emit, err := functionsSQL("emit.sql", table, prefix, "")
	return version + "\n" + msgpack + "\n" + emit, err
}

// DropFunctions returns the SQL that removes what Functions installed. Triggers that call them fail from then on.
func DropFunctions(table string) (string, error) { return functionsSQL("drop.sql", table, "", "") }

// FunctionGrants returns the SQL that lets role emit through the functions, with the least privileges: to execute them, to
// insert attachments into table, which must exist, and to learn their ids, but neither to read nor to delete any. The
// privileges are needed by the role that runs the statement, or whose trigger function calls the functions if that is a
// SECURITY DEFINER.
func FunctionGrants(table, role string) (string, error) {
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	return functionsSQL("grants.sql", table, "", to)
}

// FunctionsVersionQuery returns a query that yields one integer: the version of the installed functions, 0 if there are
// none. It needs no privileges.
func FunctionsVersionQuery(table string) (string, error) {
	schema, _, err := functionNames(table)
	return installed(schema), err
}

// installed reads the version out of the source of the function that returns it.
func installed(schema string) string {
	name := quoteLiteral(schema + ".backplane_functions_version()")
	return "SELECT coalesce(max(substring(prosrc FROM '[0-9]+')::integer), 0) FROM pg_catalog.pg_proc WHERE oid = pg_catalog.to_regprocedure(" + name + ")"
}

// functionNames returns the schema and the table as they are written in SQL, both with the schema.
func functionNames(table string) (schema, qualified string, err error) {
	if table == "" {
		table = DefaultTable
	}
	if !strings.Contains(table, ".") {
		table = defaultSchema + "." + table
	}
	if qualified, err = QuoteTable(table); err != nil {
		return "", "", err
	}
	schema, _, _ = strings.Cut(table, ".")
	return quote(schema), qualified, nil
}

// functionsSQL fills in one of the files. role is quoted already.
func functionsSQL(file, table, prefix, role string) (string, error) {
	schema, qualified, err := functionNames(table)
	if err != nil {
		return "", err
	}
	text, err := functions.ReadFile("functions/" + file)
	if err != nil {
		return "", err
	}
	if table == "" {
		table = DefaultTable
	}
	if !strings.Contains(table, ".") {
		table = defaultSchema + "." + table
	}
	// What is filled in may hold anything, even the quotes around the bodies of the functions.
	tag := "$backplane$"
	for i := 1; strings.Contains(schema+qualified+prefix, tag); i++ {
		tag = "$backplane" + strconv.Itoa(i) + "$"
	}
	return strings.NewReplacer(
		"@version@", strconv.Itoa(FunctionsVersion),
		"@installed@", installed(schema),
		"@schema@", schema,
		"@table@", qualified,
		"@sequence@", sequence(table),
		"@prefix@", quoteLiteral(prefix),
		"@role@", role,
		"@quote@", tag,
	).Replace(string(text)), nil
}

// quoteLiteral returns s as a string in SQL, whatever standard_conforming_strings says.
func quoteLiteral(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
