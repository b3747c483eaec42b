package main_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// signedWorld returns a database with a node that signs its messages, and the file with the secret.
func signedWorld(t *testing.T) (w *world, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	w = &world{t: t, ctx: ctx, url: pgtest.Database(t),
		registry: backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: answer})}
	pool, err := pgxpool.New(ctx, w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	secret := []byte("a secret of this test, with a new line\n")
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Secret: secret})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close(context.Background())) })
	w.ours, err = cluster.Namespace(ctx, "/chat", w.registry)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, secret, 0o600))
	return w, file
}

func TestSecretFile(t *testing.T) {
	t.Parallel()
	w, file := signedWorld(t)
	require.Contains(t, w.run("nodes", "--nodes", "1", "--secret-file", file).stdout, w.ours.UID())
	require.NotContains(t, run(t, w.args("nodes", "--settle", "500ms")...).stdout, w.ours.UID(),
		"unsigned messages must not be answered")

	signed, plain := w.tail("--secret-file", file), w.tail()
	for _, text := range []string{"small", strings.Repeat("large", 2000)} {
		w.run("emit", "--secret-file", file, "news", text)
		got := receive(w, signed.lines)
		require.Equal(t, "news", got["event"])
		require.Equal(t, []any{text}, got["args"])
		require.Contains(t, receive(w, plain.lines)["error"], "malformed",
			"without the secret, a signed message must not be decoded: a signature is not JSON")
		w.run("emit", "news", text)
		require.Contains(t, receive(w, signed.lines)["error"], "no valid signature")
		require.Equal(t, "news", receive(w, plain.lines)["event"])
	}
	signed.interrupt()
	plain.interrupt()

	require.Contains(t, w.run("request", "--secret-file", file, "hello").stdout, "hello")
	r := run(t, w.args("emit", "--secret-file", filepath.Join(t.TempDir(), "missing"), "news")...)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "--secret-file")
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("short"), 0o600))
	r = run(t, w.args("emit", "--secret-file", short, "news")...)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "16 bytes")
}

func TestDoctorRefusesATableThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	owner := "owner_" + strings.TrimPrefix(path(t, database), "test_")
	pgtest.Exec(t, database, `CREATE ROLE `+owner)
	t.Cleanup(func() { pgtest.Exec(t, pgtest.URL(t), `DROP ROLE `+owner) })
	t.Cleanup(func() { pgtest.Exec(t, database, `DROP OWNED BY `+owner) })
	pgtest.Exec(t, database, run(t, "schema").stdout)
	pgtest.Exec(t, database, `ALTER TABLE socket_io_attachments OWNER TO `+owner)
	for _, driver := range drivers {
		found := problems(doctor(t, 1, "--postgres", database, "--driver", driver))
		require.Len(t, found, 1)
		require.Contains(t, found["table"][1], "is not trusted")
		require.Contains(t, found["table"][2], "belongs to the role "+owner)
		require.Empty(t, problems(doctor(t, 0, "--postgres", database, "--driver", driver, "--table-owner", owner)))
	}
	pgtest.Exec(t, database, `CREATE RULE spy AS ON INSERT TO socket_io_attachments DO ALSO NOTIFY spy`)
	found := problems(doctor(t, 1, "--postgres", database, "--table-owner", owner))
	require.Contains(t, found["table"][2], "has the rule spy")
}
