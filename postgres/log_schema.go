package postgres

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"strings"
)

// DefaultLogTable is the table of the log if Config.LogTable is empty.
const DefaultLogTable = "backplane_log"

// LogVersion is the version of the tables and functions that LogSchema creates.
const LogVersion = 1

// MaxLogTable is the length of the longest name of the log's table, in bytes, without its schema. The other tables
// and the functions have longer names, which begin with it.
const MaxLogTable = 48

// LogSlots is the number of tables in the ring that contains the messages of a log.
const LogSlots = 8

// The first keys of the advisory locks of a log: the ASCII codes of "bklg", "bklt" and "bklo". The second is a hash of
// the log's name.
const (
	logLock  = 0x626b6c67 // from taking an offset to the commit
	trimLock = 0x626b6c74 // while old messages are removed
	moveLock = 0x626b6c6f // while messages are moved from the outbox
)

//go:embed log/*.sql
var logFiles embed.FS

// LogSchema returns the SQL that creates or upgrades the log: its tables and functions, whose names begin with table
// ("table" in the schema "public", or "schema.table"; empty means DefaultLogTable). The SQL can be run any number of
// times; run it in a transaction (psql -1). It needs PostgreSQL 13. All nodes of the cluster use the same log.
func LogSchema(table string) (string, error) {
	n, err := LogNamesOf(table)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	sql.WriteString(n.file("tables.sql"))
	for i := range LogSlots {
		sql.WriteString(n.slotFile("slot.sql", i))
	}
	for _, name := range []string{"append.sql", "trim.sql", "read.sql", "outbox.sql", "row.sql"} {
		sql.WriteString(n.file(name))
	}
	for _, function := range n.Functions() {
		sql.WriteString("REVOKE ALL ON FUNCTION " + function + " FROM PUBLIC;\n")
	}
	return sql.String(), nil
}

// LogGrants returns the SQL that lets role use the log, with the least privileges: it can read, write and trim it.
func LogGrants(table, role string) (string, error) {
	n, err := LogNamesOf(table)
	if err != nil {
		return "", err
	}
	to, err := quoteIdentifier("role", role)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	sql.WriteString("GRANT USAGE ON SCHEMA " + quote(n.schema) + " TO " + to + ";\n")
	for _, table := range n.Tables() {
		sql.WriteString("GRANT " + table[1] + " ON " + n.Table(table[0]) + " TO " + to + ";\n")
	}
	sql.WriteString("GRANT USAGE ON SEQUENCE " + n.outboxSequence() + " TO " + to + ";\n")
	for _, function := range n.Functions() {
		sql.WriteString("GRANT EXECUTE ON FUNCTION " + function + " TO " + to + ";\n")
	}
	return sql.String(), nil
}

// DropLog returns the SQL that removes the log with all its messages.
func DropLog(table string) (string, error) {
	n, err := LogNamesOf(table)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	for _, function := range append(n.Functions(), n.Table("_version")+"()") {
		sql.WriteString("DROP FUNCTION IF EXISTS " + function + ";\n")
	}
	for _, table := range n.Tables() {
		sql.WriteString("DROP TABLE IF EXISTS " + n.Table(table[0]) + ";\n")
	}
	return sql.String(), nil
}

// LogVersionQuery returns a query that yields one integer: the version of the installed log, or 0 if there is none.
// The query needs no privileges.
func LogVersionQuery(table string) (string, error) {
	n, err := LogNamesOf(table)
	return n.installed(), err
}

// LogNames are the names that belong to a log, as they are written in SQL. They are for the driver packages.
type LogNames struct {
	schema, name string // not quoted
}

// LogNamesOf returns the names of the log with a table.
func LogNamesOf(table string) (LogNames, error) {
	if table == "" {
		table = DefaultLogTable
	}
	schema, name, qualified := strings.Cut(table, ".")
	if !qualified {
		schema, name = defaultSchema, table
	}
	if _, err := QuoteTable(schema + "." + name); err != nil {
		return LogNames{}, err
	}
	if len(name) > MaxLogTable {
		problem := "is longer than " + strconv.Itoa(MaxLogTable) + " bytes, which leaves no room for suffixes"
		return LogNames{}, &NameError{Kind: "table", Name: name, Problem: problem}
	}
	return LogNames{schema: schema, name: name}, nil
}

// Table returns the name of the table or function whose name ends with suffix, such as "_heads".
func (n LogNames) Table(suffix string) string { return quote(n.schema) + "." + quote(n.name+suffix) }

// outboxSequence returns the name of the sequence of the outbox.
func (n LogNames) outboxSequence() string { return sequence(n.schema + "." + n.name + "_outbox") }

// Slot returns the name of a table of the ring.
func (n LogNames) Slot(i int) string { return n.Table("_" + strconv.Itoa(i)) }

// Tables returns the tables, as the suffixes of their names, each with the privileges that a user of the log needs.
func (n LogNames) Tables() [][2]string {
	tables := [][2]string{
		{"", "SELECT, INSERT, UPDATE"}, {"_heads", "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"},
		{"_marker", "SELECT, INSERT, TRUNCATE"}, {"_outbox", "SELECT, INSERT, DELETE"},
	}
	for i := range LogSlots {
		tables = append(tables, [2]string{"_" + strconv.Itoa(i), "SELECT, INSERT, TRUNCATE"})
	}
	return tables
}

// Functions returns the functions of the log with the types of their parameters.
func (n LogNames) Functions() []string {
	return []string{
		n.Table("_slot") + "(integer)", n.Table("_incarnation") + "(integer)", n.Table("_renew") + "()",
		n.Table("_append") + "(text[], integer[], text[], bytea[], text[], text[])",
		n.Table("_trim") + "(interval, bigint)", n.Table("_bounds") + "(text)",
		n.Table("_check") + "(text, text, bigint)",
		n.Table("_replay") + "(text, bigint, bigint, bigint)", n.Table("_latest") + "(text, bigint, bigint, bigint)",
		n.Table("_inspect") + "(text)", n.Table("_move") + "(integer)",
	}
}

// Channel returns the name of the channel on which sessions of the log learn the positions of messages.
func (n LogNames) Channel() string {
	channel := "log:" + n.schema + "." + n.name
	if len(channel) > MaxName {
		hash := sha256.Sum256([]byte(channel))
		channel = "log:" + hex.EncodeToString(hash[:16])
	}
	return channel
}

// each returns f of all slots, joined with separator.
func (n LogNames) each(separator string, f func(i int) string) string {
	var all []string
	for i := range LogSlots {
		all = append(all, f(i))
	}
	return strings.Join(all, separator)
}

// union returns a query about one slot for all slots, which are named @slot@ in it.
func (n LogNames) union(query string) string {
	return n.each("\n    UNION ALL\n", func(i int) string { return strings.ReplaceAll(query, "@slot@", n.Slot(i)) })
}

func (n LogNames) installed() string {
	function := quoteLiteral(n.Table("_version") + "()")
	return "SELECT coalesce(max(substring(prosrc FROM '[0-9]+')::integer), 0) FROM pg_catalog.pg_proc " +
		"WHERE oid = pg_catalog.to_regprocedure(" + function + ")"
}

// slotFile fills in the placeholders of a file for one slot.
func (n LogNames) slotFile(file string, i int) string {
	return strings.NewReplacer("@n@", strconv.Itoa(i), "@slot@", n.Slot(i), "@heads@", n.Table("_heads")).
		Replace(readLogFile(file))
}

// file fills in the placeholders of a file.
func (n LogNames) file(file string) string {
	tag := "$backplane$"
	for i := 1; strings.Contains(n.schema+n.name, tag); i++ {
		tag = "$backplane" + strconv.Itoa(i) + "$"
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(n.schema + "." + n.name))
	key := strconv.Itoa(int(int32(hash.Sum32())))
	return strings.NewReplacer(
		"@version@", strconv.Itoa(LogVersion),
		"@installed@", n.installed(),
		"@table@", n.Table(""),
		"@heads@", n.Table("_heads"),
		"@heads_text@", quoteLiteral(n.Table("_heads")),
		"@marker@", n.Table("_marker"),
		"@slots@", n.each(", ", n.Slot),
		"@all_slots@", n.union("SELECT s.channel FROM @slot@ AS s"),
		"@first_rows@", n.union(`        (SELECT s.first FROM @slot@ AS s WHERE s.channel = of_channel
          ORDER BY s.first LIMIT 1)`),
		"@last_rows@", n.union(`          (SELECT s.first + s.n AS next FROM @slot@ AS s WHERE s.channel = of_channel
            ORDER BY s.first DESC LIMIT 1)`),
		"@rows_after@", n.union(`      (SELECT s.first, s.n::bigint, s.payloads FROM @slot@ AS s WHERE s.channel = of_channel
        AND s.first >= coalesce((SELECT t.first FROM @slot@ AS t WHERE t.channel = of_channel
          AND t.first <= after_offset + 1 ORDER BY t.first DESC LIMIT 1), after_offset + 1) ORDER BY s.first)`),
		"@rows_before@", n.union(`      (SELECT s.first, s.n::bigint, s.payloads FROM @slot@ AS s WHERE s.channel = of_channel
        AND s.first < before_offset ORDER BY s.first DESC)`),
		"@all_times@", n.union("SELECT s.at FROM @slot@ AS s"),
		"@all_tables@", quoteLiteral(n.Table(""))+", "+quoteLiteral(n.Table("_heads"))+", "+
			n.each(", ", func(i int) string { return quoteLiteral(n.Slot(i)) }),
		"@append_slots@", n.each("", func(i int) string { return n.slotFile("append_slot.sql", i) }),
		"@slot_prefix@", quoteLiteral(strings.TrimSuffix(n.Table("_"), `"`)),
		"@slot_function@", n.Table("_slot"),
		"@incarnation@", n.Table("_incarnation"),
		"@version_function@", n.Table("_version"),
		"@append@", n.Table("_append"),
		"@renew@", n.Table("_renew"),
		"@trim@", n.Table("_trim"),
		"@outbox@", n.Table("_outbox"),
		"@move@", n.Table("_move"),
		"@bounds@", n.Table("_bounds"),
		"@check@", n.Table("_check"),
		"@replay@", n.Table("_replay"),
		"@latest@", n.Table("_latest"),
		"@inspect@", n.Table("_inspect"),
		"@channel@", quoteLiteral(n.Channel()),
		"@lock@", strconv.Itoa(logLock)+", "+key,
		"@trim_lock@", strconv.Itoa(trimLock)+", "+key,
		"@move_lock@", strconv.Itoa(moveLock)+", "+key,
		"@quote@", tag,
	).Replace(readLogFile(file))
}

func readLogFile(name string) string {
	text, err := logFiles.ReadFile("log/" + name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(text)
}
