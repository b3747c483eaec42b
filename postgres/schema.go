package postgres

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Schema returns the SQL that creates the attachment table ("table" or "schema.table"). It is the table of the
// Node.js adapter. The SQL can be run any number of times.
func Schema(table string) (string, error) {
	name, err := QuoteTable(table)
	if err != nil {
		return "", err
	}
	return "CREATE TABLE IF NOT EXISTS " + name +
		" (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)", nil
}

// Grants returns the SQL that lets role use table, with the least privileges:
//
//   - SELECT on the columns, for Get, for the condition of Expire and for INSERT … RETURNING id
//   - INSERT on payload, for Put, and on created_at, for PutFor
//   - DELETE, for Expire
//   - USAGE on the sequence that Schema creates for the column id, for Put
//   - USAGE on the schema, if table names one
//
// LISTEN and NOTIFY need no privilege but CONNECT on the database.
func Grants(table, role string) (string, error) {
	name, err := QuoteTable(table)
	if err != nil {
		return "", err
	}
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	sql.WriteString(schemaGrant(table, to))
	sql.WriteString("GRANT SELECT (id, created_at, payload), INSERT (created_at, payload), DELETE ON " + name +
		" TO " + to + ";\n")
	sql.WriteString("GRANT USAGE ON SEQUENCE " + sequence(table) + " TO " + to + ";\n")
	return sql.String(), nil
}

// sequence returns the quoted name that PostgreSQL gives to the sequence of the column id. PostgreSQL shortens
// the table's name at a character boundary to make room for "_id_seq".
func sequence(table string) string {
	const suffix = "_id_seq"
	schema, name, qualified := strings.Cut(table, ".")
	if !qualified {
		schema, name = "", table
	}
	name = quote(shorten(name, MaxName-len(suffix)) + suffix)
	if schema != "" {
		return quote(schema) + "." + name
	}
	return name
}

// shorten returns the first bytes of a name, and no part of a character.
func shorten(name string, room int) string {
	if len(name) <= room {
		return name
	}
	for room > 0 && name[room]&0xC0 == 0x80 {
		room--
	}
	return name[:room]
}

// derivedName returns the quoted name, without a schema, of something that belongs to table. If the name of the table
// has to be shortened, a hash makes sure that different tables have different names.
func derivedName(table, suffix string) string {
	_, name, qualified := strings.Cut(table, ".")
	if !qualified {
		name = table
	}
	if len(name)+len(suffix) > MaxName {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(name))
		suffix = fmt.Sprintf("_%08x", hash.Sum32()) + suffix
	}
	return quote(shorten(name, MaxName-len(suffix)) + suffix)
}
