package postgres

import "strings"

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
//   - INSERT on payload, for Put
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
	if schema, _, qualified := strings.Cut(table, "."); qualified {
		sql.WriteString("GRANT USAGE ON SCHEMA " + quote(schema) + " TO " + to + ";\n")
	}
	sql.WriteString("GRANT SELECT (id, created_at, payload), INSERT (payload), DELETE ON " + name + " TO " + to + ";\n")
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
	if room := MaxName - len(suffix); len(name) > room {
		for room > 0 && name[room]&0xC0 == 0x80 {
			room--
		}
		name = name[:room]
	}
	if schema != "" {
		return quote(schema) + "." + quote(name+suffix)
	}
	return quote(name + suffix)
}
