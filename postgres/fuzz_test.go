package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// FuzzQuoting checks that a server reads quoted names back unchanged, and can listen to channels and create
// tables with these names.
func FuzzQuoting(f *testing.F) {
	conn := connect(f, pgtest.Database(f), "")
	for _, name := range []string{
		"", "plain", `"; DROP TABLE x; --`, "socket.io#/", "a.b", "a.b.c", "\x00", "\xff", "$backplane$", `\`,
		"%s", "'",
		"ü" + strings.Repeat("ä", 31), strings.Repeat("t", 63), strings.Repeat("t", 64), strings.Repeat("ß",
			30) + "xyz",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		representable := name != "" && len(name) <= postgres.MaxName &&
			utf8.ValidString(name) && !strings.Contains(name, "\x00")
		quoted, err := postgres.QuoteChannel(name)
		require.Equal(t, representable, err == nil, "QuoteChannel(%q): %v", name, err)
		if err == nil {
			requireListens(t, conn, name, quoted)
		}
		if quoted, err = postgres.QuoteTable(name); err != nil {
			var bad *postgres.NameError
			require.ErrorAs(t, err, &bad)
			return
		}
		var parts []string
		require.NoError(t, conn.QueryRow(within(t), "SELECT parse_ident($1)", quoted).Scan(&parts))
		require.Equal(t, strings.Split(name, "."), parts)
		requireCreates(t, conn, name, parts)
	})
}

// requireListens requires that LISTEN with the quoted name listens to the channel.
func requireListens(t *testing.T, conn *pgx.Conn, name, quoted string) {
	t.Helper()
	_, err := conn.Exec(within(t), "LISTEN "+quoted)
	require.NoError(t, err)
	var channels []string
	require.NoError(t,
		conn.QueryRow(within(t), "SELECT array_agg(c) FROM pg_listening_channels() AS c").Scan(&channels))
	require.Equal(t, []string{name}, channels)
	_, err = conn.Exec(within(t), "UNLISTEN *")
	require.NoError(t, err)
}

// requireCreates requires that the table can be created, in a transaction that is rolled back, and granted to a
// role of the same name.
func requireCreates(t *testing.T, conn *pgx.Conn, name string, parts []string) {
	t.Helper()
	table := parts[len(parts)-1]
	if len(parts) == 2 && strings.HasPrefix(parts[0], "pg_") || strings.HasPrefix(table, "pg_") ||
		table == "public" || table == "none" {
		return // PostgreSQL reserves these names
	}
	tx, err := conn.Begin(within(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(within(t))) }()
	if len(parts) == 2 && parts[0] != "public" && parts[0] != "information_schema" {
		_, err = tx.Exec(within(t), "CREATE SCHEMA "+pgx.Identifier{parts[0]}.Sanitize())
		require.NoError(t, err)
	}
	_, err = tx.Exec(within(t), "CREATE ROLE "+pgx.Identifier{table}.Sanitize())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42710" {
		return // a role of that name exists already
	}
	require.NoError(t, err)
	for _, sql := range []string{mustSQL(t)(postgres.Schema(name)), mustSQL(t)(postgres.Grants(name, table))} {
		_, err = tx.Exec(within(t), sql)
		require.NoError(t, err, sql)
	}
	var created int
	const count = "SELECT count(*) FROM pg_class WHERE relname = $1 AND relkind = 'r'"
	require.NoError(t, tx.QueryRow(within(t), count, table).Scan(&created))
	require.Equal(t, 1, created)
}

// FuzzEmitArguments compares what backplane_emit sends with its arguments, for messages in notifications and in
// the table.
func FuzzEmitArguments(f *testing.F) {
	conn := connect(f, functionsDatabase(f, "", ""), "")
	f.Add("/", "room", "other", "", "event", `[1, "two", {"three": [null]}]`, byte(0), "socket.io", 0)
	f.Add("chat", "", `"`, `'; --`, "it's", `[]`, byte(5), `pre"fix`, 0)
	f.Add(`/\`, `{a,b}`, `NULL`, `\`, `\u0000`, `["\u20ac"]`, byte(2), `\`, 9000)
	f.Add("/x", "r", "r", "r", "connect", `{}`, byte(1), "p", 0)
	f.Add("/", "\xff", "\x00", "ok", "e", `[`, byte(0), "", 0)
	f.Fuzz(func(t *testing.T, nsp, room, second, except, event, args string, flags byte, prefix string, padding int) {
		if len(args) > 20_000 || padding < 0 || padding > 20_000 {
			return
		}
		channel := prefix + "#" + nsp
		if !strings.HasPrefix(nsp, "/") {
			channel = prefix + "#/" + nsp
		}
		quoted, err := postgres.QuoteChannel(channel)
		if err == nil {
			_, err = conn.Exec(within(t), "LISTEN "+quoted)
			require.NoError(t, err)
			defer func() {
				_, err := conn.Exec(within(t), "UNLISTEN *")
				require.NoError(t, err)
			}()
		}
		var compress *bool
		if flags&2 != 0 {
			yes := flags&4 != 0
			compress = &yes
		}
		rooms := []string{room, second, strings.Repeat("r", padding)}
		_, err = conn.Exec(within(t),
			"SELECT backplane_emit($1, $2::text[], $3, $4::text::jsonb, $5::text[], $6, $7, $8)",
			nsp, rooms, event, args, []string{except}, flags&1 != 0, compress, prefix)
		if err != nil {
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, []string{"22", "42", "54"}, refused.Code[:2], "only the caller may be at fault: %v",
				err)
			return
		}
		n, err := conn.WaitForNotification(within(t))
		require.NoError(t, err)
		require.Equal(t, channel, n.Channel)
		env, err := jsonmsgpack.Codec{}.Parse([]byte(n.Payload), codec.Text)
		require.NoError(t, err, n.Payload)
		if env.AttachmentID != "" {
			var body []byte
			const find = "SELECT payload FROM socket_io_attachments WHERE id = $1::text::bigint"
			require.NoError(t, conn.QueryRow(within(t), find, env.AttachmentID).Scan(&body))
			env, err = jsonmsgpack.Codec{}.Parse(body, codec.Binary)
			require.NoError(t, err)
		}
		require.Equal(t, codec.Broadcast, env.Type)
		require.Equal(t, codec.EmitterUID, env.UID)
		require.Equal(t, strings.TrimPrefix(channel, prefix+"#"), env.NSP)
		require.Equal(t, rooms, env.Opts.Rooms)
		require.Equal(t, []string{except}, env.Opts.Except)
		require.Equal(t, flags&1 != 0, env.Opts.Flags.Volatile)
		require.Equal(t, compress, env.Opts.Flags.Compress)
		require.Equal(t, event, env.Args.Event())
		sent, err := env.Args.AppendJSON(nil)
		require.NoError(t, err)
		var same bool
		const compare = "SELECT jsonb_build_array($1::text) || $2::text::jsonb = $3::text::jsonb"
		require.NoError(t, conn.QueryRow(within(t), compare, event, args, string(sent)).Scan(&same))
		require.True(t, same, "sent %.500s for %.500s", sent, args)
	})
}
