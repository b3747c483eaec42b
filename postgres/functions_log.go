package postgres

import (
	"fmt"
	"strings"
	"time"
)

// FunctionsLog describes the log of the cluster for which FunctionsWithLog returns functions.
type FunctionsLog struct {
	// Table is Config.LogTable of the cluster. Empty: DefaultLogTable, in the schema of the attachments' table.
	Table string
	// MaxAge is core.LogConfig.MaxAge of the cluster. Attachments of kept messages are stored for at least twice as
	// long, because the log may keep a message for twice MaxAge. Default: 2 min.
	MaxAge time.Duration
}

// notifyingFunctions are the replacements in emit.sql for a cluster without a log.
var notifyingFunctions = []string{
	"@when@", "", "@stored_columns@", "", "@stored_values@", "", "@send@", "PERFORM pg_notify(channel, payload);",
}

// FunctionsWithLog is Functions for a cluster with a log: events that are not volatile are kept. The functions insert
// all messages into the outbox of the log, and a node moves them on after the commit. The calling transaction takes no
// lock for which others wait, and sends no notification. The outbox must exist when the functions are called; LogSchema
// creates it. Roles that call them need the privileges of FunctionGrantsWithLog.
func FunctionsWithLog(table, prefix string, log FunctionsLog) (string, error) {
	names, err := log.names(table)
	if err != nil {
		return "", err
	}
	if log.MaxAge <= 0 {
		log.MaxAge = 2 * time.Minute
	}
	seconds := int64((2*log.MaxAge + time.Second - 1) / time.Second)
	return functionsWith(table, prefix, []string{
		"@when@", ", when a node moves it into the log",
		"@stored_columns@", "created_at, ",
		"@stored_values@", "now() + CASE WHEN is_volatile THEN interval '0' ELSE " +
			fmt.Sprintf("interval '%d seconds' END, ", seconds),
		"@send@", insertIntoOutbox(names) + " (channel, payload, keep) VALUES (channel, payload, NOT is_volatile);",
	})
}

// FunctionGrantsWithLog returns the SQL that lets role emit through the functions of FunctionsWithLog: the privileges
// of FunctionGrants and OutboxGrants, and to set when an attachment expires.
func FunctionGrantsWithLog(table, role string, log FunctionsLog) (string, error) {
	grants, err := FunctionGrants(table, role)
	if err != nil {
		return "", err
	}
	_, qualified, err := functionNames(table)
	if err != nil {
		return "", err
	}
	outbox, err := OutboxGrants(log.table(table), role)
	if err != nil {
		return "", err
	}
	return grants + "GRANT INSERT (created_at) ON " + qualified + " TO " + quote(role) + ";\n" + outbox, nil
}

// FunctionsLogQuery returns a query that yields one boolean: whether functions are installed that write to the outbox
// of the log. The query needs no privileges.
func FunctionsLogQuery(table string, log FunctionsLog) (string, error) {
	schema, _, err := functionNames(table)
	if err != nil {
		return "", err
	}
	names, err := log.names(table)
	if err != nil {
		return "", err
	}
	function := schema + ".backplane_emit(text, text[], text, jsonb, text[], boolean, boolean, text)"
	return "SELECT coalesce(bool_or(strpos(prosrc, " + quoteLiteral(insertIntoOutbox(names)+" ") + ") > 0), false) " +
		"FROM pg_catalog.pg_proc WHERE oid = pg_catalog.to_regprocedure(" + quoteLiteral(function) + ")", nil
}

func insertIntoOutbox(names LogNames) string { return "INSERT INTO " + names.Table("_outbox") }

// table returns the name of the table of the log, for the attachments' table.
func (l FunctionsLog) table(attachments string) string {
	table := l.Table
	if table == "" {
		table = DefaultLogTable
	}
	if strings.Contains(table, ".") {
		return table
	}
	schema, _, _ := strings.Cut(withSchema(attachments), ".")
	return schema + "." + table
}

func (l FunctionsLog) names(attachments string) (LogNames, error) {
	return LogNamesOf(l.table(attachments))
}
