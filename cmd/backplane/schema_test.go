package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// columns are the columns of the table for large messages.
const columns = " (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea);\n"

func TestSchema(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, `CREATE TABLE IF NOT EXISTS "socket_io_attachments"` + columns},
		{[]string{"up", "--table", "s.T"}, `CREATE TABLE IF NOT EXISTS "s"."T"` + columns},
		{[]string{"--table", "t", "--role", "app"}, `CREATE TABLE IF NOT EXISTS "t"` + columns + `
GRANT SELECT (id, created_at, payload), INSERT (created_at, payload), DELETE ON "t" TO "app";
GRANT USAGE ON SEQUENCE "t_id_seq" TO "app";
`},
		{[]string{"down"}, `DROP TABLE IF EXISTS "socket_io_attachments";` + "\n"},
		{[]string{"down", "--table", `a"b`}, `DROP TABLE IF EXISTS "a""b";` + "\n"},
	} {
		r := run(t, append([]string{"schema"}, c.args...)...)
		require.Zero(t, r.code, r.stderr)
		require.Equal(t, c.want, r.stdout)
	}
}

// The SQL of up and down can be run repeatedly. In between, a function reaches a client.
func TestSchemaInADatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}})
	sql := func(args ...string) {
		t.Helper()
		r := run(t, append([]string{"schema", "--table", "public.things"}, args...)...)
		require.Zero(t, r.code, r.stderr)
		pgtest.Exec(t, w.url, r.stdout)
	}
	for range 2 {
		sql()
		sql("--functions", "--role", "postgres")
	}
	pgtest.Exec(t, w.url, `SELECT backplane_emit('/chat', ARRAY['r'], 'news', '[1]')`)
	require.Equal(t, []any{"news", 1.0}, w.next(c))
	for range 2 {
		sql("--functions", "down")
		sql("down")
	}
	require.Zero(t, pgtest.QueryInt(t, w.url, `SELECT (SELECT count(*) FROM pg_class WHERE relname = 'things') +
		(SELECT count(*) FROM pg_proc WHERE proname LIKE 'backplane%')`))
}

func TestSchemaRefusesWrongArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sideways"}, `the argument must be up or down, not "sideways"`},
		{[]string{"up", "down"}, `unexpected argument "down"`},
		{[]string{"--table", "a.b.c"}, "has more than one dot"},
		{[]string{"--table", strings.Repeat("t", 64)}, "is longer than 63 bytes"},
		{[]string{"--table", ""}, "is empty"},
		{[]string{"--role", ""}, `role name "" is empty`},
		{[]string{"down", "--role", "app"}, "--role is for up"},
		{[]string{"--prefix", "x"}, "requires --functions"},
		{[]string{"--functions", "--prefix", strings.Repeat("p", 70)}, "leaves no room for a namespace"},
	} {
		r := run(t, append([]string{"schema"}, c.args...)...)
		require.Equal(t, 2, r.code, c.args)
		require.Empty(t, r.stdout)
		requireOneLine(t, r.stderr)
		require.Contains(t, r.stderr, c.want)
	}
}
