package postgres

import (
	"strings"
	"unicode/utf8"
)

// NameError reports a table, schema, role, channel or application name that PostgreSQL cannot represent.
type NameError struct {
	// Kind is "table", "schema", "role", "channel" or "application".
	Kind string
	// Name is the name as it was passed.
	Name string
	// Problem says what is wrong with the name.
	Problem string
}

func (e *NameError) Error() string {
	name := e.Name
	if len(name) > 2*MaxName {
		name = name[:2*MaxName] + "…"
	}
	return "postgres: " + e.Kind + " name " + quote(strings.ToValidUTF8(name, "\uFFFD")) + " " + e.Problem
}

// QuoteTable returns table ("table" or "schema.table") as it is written in SQL: each part is a quoted
// identifier.
func QuoteTable(table string) (string, error) {
	schema, name, qualified := strings.Cut(table, ".")
	if !qualified {
		return quoteIdentifier("table", table)
	}
	if strings.Contains(name, ".") {
		return "", &NameError{Kind: "table", Name: table, Problem: "has more than one dot"}
	}
	quotedSchema, err := quoteIdentifier("schema", schema)
	if err != nil {
		return "", err
	}
	quotedName, err := quoteIdentifier("table", name)
	if err != nil {
		return "", err
	}
	return quotedSchema + "." + quotedName, nil
}

// QuoteChannel returns channel as it is written after LISTEN and UNLISTEN: a quoted identifier.
func QuoteChannel(channel string) (string, error) { return quoteIdentifier("channel", channel) }

func quoteIdentifier(kind, name string) (string, error) {
	problem := ""
	switch {
	case name == "":
		problem = "is empty"
	case strings.IndexByte(name, 0) >= 0:
		problem = "contains a NUL byte"
	case !utf8.ValidString(name):
		problem = "is not valid UTF-8"
	case len(name) > MaxName:
		problem = "is longer than 63 bytes"
	default:
		return quote(name), nil
	}
	return "", &NameError{Kind: kind, Name: name, Problem: problem}
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
