package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

func TestFunctionsRefuseInvalidArguments(t *testing.T) {
	database := functionsDatabase(t, "", "")
	conn := connect(t, database, "")
	require.NoError(t, conn.PgConn().Ping(within(t)))
	_, err := conn.Exec(within(t), `LISTEN "socket.io#/"`)
	require.NoError(t, err)
	for _, c := range []struct{ code, call string }{
		{"22023", `'/', NULL, 'connect', '[]'`},
		{"22023", `'/', '{}', 'disconnecting', '[]'`},
		{"22023", `'/', '{}', 'removeListener'`},
		{"22023", `'/', '{}', 'e', '{}'`},
		{"22023", `'/', '{}', 'e', '"text"'`},
		{"22023", `'/', '{}', 'e', 'null'`},
		{"22004", `NULL, '{}', 'e', '[]'`},
		{"22004", `'/', '{a,NULL}', 'e', '[]'`},
		{"22004", `'/', '{}', NULL, '[]'`},
		{"22004", `'/', '{}', 'e', NULL`},
		{"22004", `'/', '{}', 'e', '[]', NULL`},
		{"22004", `'/', '{}', 'e', '[]', '{NULL}'`},
		{"22004", `'/', '{}', 'e', '[]', '{}', NULL`},
		{"42622", `'/' || repeat('x', 53), '{}', 'e', '[]'`},
		{"42622", `'/' || repeat('ü', 27), '{}', 'e', '[]'`},
		{"42622", `'/', '{}', 'e', '[]', prefix => repeat('x', 62)`},
		{"54000", `'/', '{}', 'e', (repeat('[', 98) || repeat(']', 98))::jsonb`},
		{"54000", `'/', '{}', 'e', (repeat('{"a":', 97) || '1' || repeat('}', 97))::jsonb ` +
			`|| to_jsonb(repeat('x', 9000))`},
		{"22P05", `'/', '{}', 'e', '["\u0000"]'`},
		{"22P02", `'/', '{}', 'e', '[1,]'`},
		{"22023", `'/', NULL, 'e', jsonb_build_array(repeat('x', 9000), '{"a":[{"__proto__":1}]}'::jsonb)`},
	} {
		e := failsWith(t, conn, c.code, "SELECT backplane_emit("+c.call+")")
		if strings.HasPrefix(e.Message, "backplane:") || strings.Contains(e.Message, "reserved") {
			require.NotEmpty(t, e.Hint, "%s", e.Message)
		}
	}
	_, err = conn.Exec(within(t), `SELECT backplane_emit('/' || repeat('x', 52), '{}', 'e')`)
	require.NoError(t, err, "a channel of 63 bytes is allowed")
	_, err = conn.Exec(within(t), `SELECT backplane_emit('/', '{}', 'nobody'),
		backplane_emit('/', ARRAY(SELECT 'a' WHERE false), 'nobody', '[]', '{b}')`)
	require.NoError(t, err, "an empty array of rooms means no recipients")
	_, err = conn.Exec(within(t), `SELECT backplane_emit('', NULL, 'first')`)
	require.NoError(t, err)
	n, err := conn.WaitForNotification(within(t))
	require.NoError(t, err)
	require.Contains(t, n.Payload, `["first"]`, "no earlier call may have sent anything")
	require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments"))
}

func TestFunctionsStoreMessagesFrom8000BytesOn(t *testing.T) {
	database := functionsDatabase(t, "", "")
	conn := connect(t, database, "")
	_, err := conn.Exec(within(t), `LISTEN "socket.io#/"`)
	require.NoError(t, err)
	emit := func(n int) string {
		_, err := conn.Exec(within(t), `SELECT backplane_emit('/', NULL, 'e', jsonb_build_array(repeat('x', $1)))`, n)
		require.NoError(t, err)
		m, err := conn.WaitForNotification(within(t))
		require.NoError(t, err)
		return m.Payload
	}
	empty := len(emit(0))
	require.Len(t, emit(7999-empty), 7999)
	require.Contains(t, emit(8000-empty), "attachmentId")
	require.Equal(t, 1, pgtest.QueryInt(t, database, "SELECT count(*) FROM socket_io_attachments"))
}

func TestFunctionsAreVersioned(t *testing.T) {
	database := pgtest.Database(t)
	version := func() int { return pgtest.QueryInt(t, database, mustSQL(t)(postgres.FunctionsVersionQuery(""))) }
	require.Zero(t, version())
	up := mustSQL(t)(postgres.Functions("", ""))
	pgtest.Exec(t, database, up)
	pgtest.Exec(t, database, up)
	require.Equal(t, postgres.FunctionsVersion, version())
	require.Equal(t, postgres.FunctionsVersion, pgtest.QueryInt(t, database, "SELECT backplane_functions_version()"))

	const newer = "CREATE OR REPLACE FUNCTION backplane_functions_version() RETURNS integer " +
		"LANGUAGE sql AS 'SELECT 1000'"
	pgtest.Exec(t, database, newer)
	e := failsWith(t, connect(t, database, ""), "P0001", up)
	require.Contains(t, e.Message, "version 1000")
	require.NotEmpty(t, e.Hint)

	down := mustSQL(t)(postgres.DropFunctions(""))
	pgtest.Exec(t, database, down)
	pgtest.Exec(t, database, down)
	require.Zero(t, version())
	require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'backplane%'"))
}

// hostileNames would break out of missing quotes.
var hostileNames = []struct{ schema, table, prefix string }{
	{`a"b`, `c"d`, `it's`},
	{`$backplane$`, `$backplane1$`, `$backplane2$`},
	{`@table@`, `@schema@`, `@quote@ @prefix@`},
	{`Größe`, `'; DROP TABLE x; --`, `back\slash`},
	{`s`, `%I %s $1`, `$$ '||pg_sleep(1)||'`},
}

func TestFunctionsWithHostileNames(t *testing.T) {
	for i, names := range hostileNames {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			database := pgtest.Database(t)
			table := names.schema + "." + names.table
			quoted := mustSQL(t)(postgres.QuoteTable(table))
			schema := `"` + strings.ReplaceAll(names.schema, `"`, `""`) + `"`
			pgtest.Exec(t, database, "CREATE SCHEMA "+schema)
			pgtest.Exec(t, database, mustSQL(t)(postgres.Schema(table)))
			up := mustSQL(t)(postgres.Functions(table, names.prefix))
			pgtest.Exec(t, database, up)
			pgtest.Exec(t, database, "SET standard_conforming_strings = off; "+up)
			conn := connect(t, database, "")
			channel := mustSQL(t)(postgres.QuoteChannel(names.prefix + "#/"))
			for _, setting := range []string{"on", "off"} {
				_, err := conn.Exec(within(t), "SET standard_conforming_strings = "+setting+"; LISTEN "+channel)
				require.NoError(t, err)
				_, err = conn.Exec(within(t),
					"SELECT "+schema+".backplane_emit('/', ARRAY[$1], $1, jsonb_build_array($1))", names.prefix)
				require.NoError(t, err)
				n, err := conn.WaitForNotification(within(t))
				require.NoError(t, err)
				require.Equal(t, names.prefix+"#/", n.Channel)
				_, err = conn.Exec(within(t),
					"SELECT "+schema+".backplane_emit('/', ARRAY[$1], $1, jsonb_build_array(repeat($1, 8000)))",
					names.prefix)
				require.NoError(t, err)
			}
			require.Equal(t, 2, pgtest.QueryInt(t, database, "SELECT count(*) FROM "+quoted))
			version := mustSQL(t)(postgres.FunctionsVersionQuery(table))
			require.Equal(t, postgres.FunctionsVersion, pgtest.QueryInt(t, database, version))
			pgtest.Exec(t, database, mustSQL(t)(postgres.DropFunctions(table)))
			require.Zero(t, pgtest.QueryInt(t, database, version))
		})
	}
}

func TestFunctionsRefuseInvalidNames(t *testing.T) {
	var name *postgres.NameError
	for _, table := range []string{"a.b.c", strings.Repeat("x", 64), "a\x00", "."} {
		_, err := postgres.Functions(table, "")
		require.ErrorAs(t, err, &name)
		_, err = postgres.DropFunctions(table)
		require.ErrorAs(t, err, &name)
		_, err = postgres.FunctionGrants(table, "role")
		require.ErrorAs(t, err, &name)
		_, err = postgres.FunctionsVersionQuery(table)
		require.ErrorAs(t, err, &name)
	}
	for _, prefix := range []string{strings.Repeat("x", 62), "a\x00", "\xff"} {
		_, err := postgres.Functions("", prefix)
		require.ErrorAs(t, err, &name)
	}
	_, err := postgres.FunctionGrants("", "")
	require.ErrorAs(t, err, &name)
}

// TestFunctionGrantsAreEnoughAndMinimal: a role with nothing but the grants can emit, and can do nothing else.
func TestFunctionGrantsAreEnoughAndMinimal(t *testing.T) {
	database := functionsDatabase(t, "", "")
	role := fmt.Sprintf("r %d\"", pgtest.QueryInt(t, database, "SELECT (random() * 1e9)::int"))
	quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
	pgtest.Exec(t, database, "CREATE ROLE "+quoted+" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC")
	t.Cleanup(func() { pgtest.Exec(t, database, "DROP OWNED BY "+quoted+"; DROP ROLE "+quoted) })
	conn := connect(t, database, role)
	const small = "SELECT public.backplane_emit('/', NULL, 'e')"
	const large = "SELECT public.backplane_emit('/', NULL, 'e', jsonb_build_array(repeat('x', 9000)))"
	const insufficientPrivilege = "42501"
	failsWith(t, conn, insufficientPrivilege, small)
	pgtest.Exec(t, database, mustSQL(t)(postgres.FunctionGrants("", role)))
	for _, statement := range []string{small, large} {
		_, err := conn.Exec(within(t), statement)
		require.NoError(t, err, statement)
	}
	for _, statement := range []string{
		"SELECT payload FROM public.socket_io_attachments", "DELETE FROM public.socket_io_attachments",
		"UPDATE public.socket_io_attachments SET payload = ''",
		"INSERT INTO public.socket_io_attachments (created_at) VALUES (now())",
		"CREATE TABLE public.x ()",
	} {
		failsWith(t, conn, insufficientPrivilege, statement)
	}
}

// TestFunctionsIgnoreTheSearchPath: functions that a role puts in front of pg_catalog are not called.
func TestFunctionsIgnoreTheSearchPath(t *testing.T) {
	database := functionsDatabase(t, "", "")
	pgtest.Exec(t, database, `CREATE SCHEMA evil;
		CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE plpgsql
			AS 'BEGIN RAISE EXCEPTION ''caught''; END';
		CREATE FUNCTION evil.octet_length(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''caught''; END';
		CREATE FUNCTION evil.backplane_msgpack(jsonb) RETURNS bytea LANGUAGE plpgsql
			AS 'BEGIN RAISE EXCEPTION ''caught''; END';
		CREATE TABLE evil.socket_io_attachments (id int DEFAULT 0, payload bytea)`)
	conn := connect(t, database, "")
	_, err := conn.Exec(within(t), "SET search_path = evil, pg_catalog, public; "+
		"CREATE TEMP TABLE socket_io_attachments (id int DEFAULT 0, payload bytea)")
	require.NoError(t, err)
	for _, n := range []int{1, 9000} {
		_, err := conn.Exec(within(t),
			"SELECT public.backplane_emit('/', NULL, 'e', jsonb_build_array(repeat('x', $1)))", n)
		require.NoError(t, err)
	}
	require.Equal(t, 1, pgtest.QueryInt(t, database, "SELECT count(*) FROM public.socket_io_attachments"))
}
