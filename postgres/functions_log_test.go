package postgres_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// functionsLogDatabase returns a database with the functions, their table, and a log.
func functionsLogDatabase(tb testing.TB, log postgres.FunctionsLog) string {
	tb.Helper()
	database := logDatabase(tb, log.Table)
	pgtest.Exec(tb, database, mustSQL(tb)(postgres.Schema(postgres.DefaultTable)))
	pgtest.Exec(tb, database, mustSQL(tb)(postgres.FunctionsWithLog("", "", log)))
	return database
}

// withoutNonce returns a message without what makes it differ from equal ones.
func withoutNonce(tb testing.TB, payload string) map[string]any {
	tb.Helper()
	var message map[string]any
	require.NoError(tb, json.Unmarshal([]byte(payload), &message))
	delete(message, "nonce")
	return message
}

func TestFunctionsWithLogKeepEventsThatAreNotVolatile(t *testing.T) {
	database := functionsLogDatabase(t, postgres.FunctionsLog{})
	d := newDriver(t, kinds[0], database)
	reader := newLogReader(t, d, "", "socket.io#/", "socket.io#/a")
	conn := connect(t, database, "")
	const emits = `SELECT backplane_emit('/', NULL, 'one', '[1]'), backplane_emit('a', ARRAY['r'], 'two', '[]', '{x}'),
		backplane_emit('/', NULL, 'three', '[]', '{}', true), backplane_emit('/', NULL, 'one', '[1]'),
		backplane_emit('/', '{}', 'nobody'), backplane_emit('/', NULL, 'four', '[]', '{}', false, true)`
	_, err := conn.Exec(within(t), "BEGIN; "+emits)
	require.NoError(t, err)
	require.Zero(t, moveAll(t, d), "it has not committed")
	expect(t, d, reader.session, "socket.io#/")
	_, err = conn.Exec(within(t), "COMMIT")
	require.NoError(t, err)
	expect(t, d, reader.session, "socket.io#/") // the transaction sends nothing itself
	require.Equal(t, 5, moveAll(t, d))
	var got []map[string]any
	var offsets []string
	for range 5 {
		channel, payload, offset := reader.next(t)
		got = append(got, withoutNonce(t, payload))
		offsets = append(offsets, fmt.Sprint(channel, " ", offset))
	}
	require.Equal(t, []string{"socket.io#/ 1", "socket.io#/a 1", "socket.io#/ 0", "socket.io#/ 2", "socket.io#/ 3"},
		offsets)

	// without a log, the same messages are sent at once
	pgtest.Exec(t, database, mustSQL(t)(postgres.Functions("", "")))
	_, err = conn.Exec(within(t), emits)
	require.NoError(t, err)
	for i := range 5 {
		_, payload, offset := reader.next(t)
		require.Zero(t, offset)
		require.Equal(t, got[i], withoutNonce(t, payload))
	}
	require.Zero(t, moveAll(t, d))
}

func TestFunctionsWithLogKeepAttachments(t *testing.T) {
	database := functionsLogDatabase(t, postgres.FunctionsLog{MaxAge: 90*time.Second + 1})
	d := newDriver(t, kinds[0], database)
	conn := connect(t, database, "")
	emit := func(volatile bool, n int) {
		_, err := conn.Exec(within(t),
			`SELECT backplane_emit('/', NULL, 'e', jsonb_build_array(repeat('x', $1)), '{}', $2)`, n, volatile)
		require.NoError(t, err)
	}
	emit(true, 9000)
	require.Equal(t, 1, pgtest.QueryInt(t, database,
		"SELECT count(*) FROM socket_io_attachments WHERE created_at <= now()"))
	emit(false, 9000)
	require.Equal(t, 1, pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments "+
		"WHERE created_at BETWEEN now() + interval '120 s' AND now() + interval '181 s'"))
	require.Equal(t, 2, pgtest.QueryInt(t, database,
		"SELECT count(*) FROM backplane_log_outbox WHERE payload LIKE '%attachmentId%'"))
	pgtest.Exec(t, database, "DELETE FROM backplane_log_outbox")
	emit(false, 0)
	empty := pgtest.QueryInt(t, database, "SELECT octet_length(payload) FROM backplane_log_outbox")
	emit(false, 7999-empty)
	require.Equal(t, 7999, pgtest.QueryInt(t, database, "SELECT max(octet_length(payload)) FROM backplane_log_outbox"))
	emit(false, 8000-empty)
	require.Equal(t, 3, moveAll(t, d))
	require.Equal(t, 3, pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments"))
}

func TestFunctionsChangeBetweenBothVariants(t *testing.T) {
	database := functionsLogDatabase(t, postgres.FunctionsLog{})
	logged := func(log postgres.FunctionsLog) bool {
		return pgtest.QueryInt(t, database,
			"SELECT ("+mustSQL(t)(postgres.FunctionsLogQuery("", log))+")::int") == 1
	}
	for _, c := range []struct {
		sql         string
		log, second bool
	}{
		{mustSQL(t)(postgres.FunctionsWithLog("", "", postgres.FunctionsLog{})), true, false},
		{mustSQL(t)(postgres.Functions("", "")), false, false},
		{mustSQL(t)(postgres.FunctionsWithLog("", "", postgres.FunctionsLog{Table: "second"})), false, true},
		{mustSQL(t)(postgres.DropFunctions("")), false, false},
	} {
		pgtest.Exec(t, database, c.sql)
		pgtest.Exec(t, database, c.sql)
		require.Equal(t, c.log, logged(postgres.FunctionsLog{}))
		require.Equal(t, c.second, logged(postgres.FunctionsLog{Table: "second"}))
	}
	require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_proc WHERE proname = 'backplane_emit'"))
}

func TestFunctionsWithLogWithHostileNames(t *testing.T) {
	for i, names := range hostileNames {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			database := pgtest.Database(t)
			table, log := names.schema+"."+names.table, postgres.FunctionsLog{Table: names.table + names.table}
			schema := `"` + strings.ReplaceAll(names.schema, `"`, `""`) + `"`
			pgtest.Exec(t, database, "CREATE SCHEMA "+schema)
			pgtest.Exec(t, database, mustSQL(t)(postgres.Schema(table)))
			pgtest.Exec(t, database, mustSQL(t)(postgres.LogSchema(names.schema+"."+log.Table)))
			pgtest.Exec(t, database, mustSQL(t)(postgres.FunctionsWithLog(table, names.prefix, log)))
			require.Equal(t, 1, pgtest.QueryInt(t, database,
				"SELECT ("+mustSQL(t)(postgres.FunctionsLogQuery(table, log))+")::int"))
			conn := connect(t, database, "")
			for _, n := range []int{1, 8000} {
				_, err := conn.Exec(within(t), "SELECT "+schema+
					".backplane_emit('/', ARRAY[$1], $1, jsonb_build_array(repeat($1, $2)))", names.prefix, n)
				require.NoError(t, err)
			}
			d, _ := kinds[0].open(t, database, database, postgres.Config{Table: table, LogTable: log.Table})
			t.Cleanup(func() { _ = d.Close(within(t)) })
			require.Equal(t, 2, moveAll(t, d))
		})
	}
	var name *postgres.NameError
	for _, log := range []string{"a.b.c", strings.Repeat("x", 49), "a\x00"} {
		_, err := postgres.FunctionsWithLog("", "", postgres.FunctionsLog{Table: log})
		require.ErrorAs(t, err, &name)
		_, err = postgres.FunctionGrantsWithLog("", "role", postgres.FunctionsLog{Table: log})
		require.ErrorAs(t, err, &name)
		_, err = postgres.FunctionsLogQuery("", postgres.FunctionsLog{Table: log})
		require.ErrorAs(t, err, &name)
	}
	_, err := postgres.FunctionsWithLog("a.b.c", "", postgres.FunctionsLog{})
	require.ErrorAs(t, err, &name)
	_, err = postgres.FunctionGrantsWithLog("", "", postgres.FunctionsLog{})
	require.ErrorAs(t, err, &name)
}

// TestFunctionGrantsWithLogAreEnoughAndMinimal: as without a log, see TestFunctionGrantsAreEnoughAndMinimal.
func TestFunctionGrantsWithLogAreEnoughAndMinimal(t *testing.T) {
	database := functionsLogDatabase(t, postgres.FunctionsLog{})
	role, _ := lockedDown(t, database)
	conn := connect(t, database, role)
	const small = "SELECT public.backplane_emit('/', NULL, 'e')"
	const large = "SELECT public.backplane_emit('/', NULL, 'e', jsonb_build_array(repeat('x', 9000)))"
	const insufficientPrivilege = "42501"
	pgtest.Exec(t, database, mustSQL(t)(postgres.FunctionGrants("", role)))
	failsWith(t, conn, insufficientPrivilege, small)
	pgtest.Exec(t, database, mustSQL(t)(postgres.FunctionGrantsWithLog("", role, postgres.FunctionsLog{})))
	for _, statement := range []string{small, large} {
		_, err := conn.Exec(within(t), statement)
		require.NoError(t, err, statement)
	}
	for _, statement := range []string{
		"SELECT payload FROM public.socket_io_attachments", "SELECT payload FROM public.backplane_log_outbox",
		"DELETE FROM public.backplane_log_outbox", "INSERT INTO public.backplane_log_outbox (id) VALUES (1)",
		"SELECT public.backplane_log_move(1)", "SELECT epoch FROM public.backplane_log",
	} {
		failsWith(t, conn, insufficientPrivilege, statement)
	}
}

// TestFunctionsWithLogIgnoreTheSearchPath: a table that a role puts in front is not written.
func TestFunctionsWithLogIgnoreTheSearchPath(t *testing.T) {
	database := functionsLogDatabase(t, postgres.FunctionsLog{})
	conn := connect(t, database, "")
	_, err := conn.Exec(within(t), `CREATE TEMP TABLE backplane_log_outbox (channel text, payload text, keep boolean);
		SELECT public.backplane_emit('/', NULL, 'e')`)
	require.NoError(t, err)
	require.Equal(t, 1, pgtest.QueryInt(t, database, "SELECT count(*) FROM public.backplane_log_outbox"))
}
