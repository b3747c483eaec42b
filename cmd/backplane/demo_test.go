package main_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// requireShow checks that a demo of three nodes has shown everything.
func requireShow(t *testing.T, r result) {
	t.Helper()
	require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
	require.Empty(t, r.stderr)
	require.NotContains(t, r.stdout, "\x1b", "no colours where there is no terminal")
	sections := strings.Split(r.stdout, "\n\n")
	require.Len(t, sections, 8, r.stdout)
	for i, want := range []struct {
		title   string
		lines   int // about nodes
		outcome string
	}{
		{"backplane demo: 3 nodes in one process", 0, ""},
		{"", 3, "all know each other after "},
		{`Broadcast: node 1 sends "news" to room "phones"`, 3, "3 clients of 6 got it"},
		{`Acknowledgements: node 2 asks every client "ready?"`, 6, "6 answers after "},
		{"fetchSockets: node 3 lists the clients of all nodes", 6, "6 clients on 3 nodes after "},
		{"Server-side request: node 1 asks the other servers", 2, "2 answers after "},
		{`Large binary event: node 2 sends 256 KiB to room "browsers"`, 3, "3 clients got it"},
		{"Totals: ", 0, ""},
	} {
		section := sections[i]
		require.Contains(t, section, want.title)
		require.Contains(t, section, want.outcome)
		require.Len(t, regexp.MustCompile(`(?m)^  node [1-3]  \S`).FindAllString(section, -1), want.lines, section)
	}
	require.Contains(t, r.stdout, "node 3  phone-3  got [\"news\",\"hello\",{\"id\":1}]")
	require.Contains(t, r.stdout, `node 1  phone-1    in phone-1, phones; from 10.0.0.1; data {"node":1}`)
	require.Contains(t, r.stdout, "got 262144 bytes, all as sent")
	require.Regexp(t, `messages published, \d+ received, 0 dropped`, r.stdout)
}

func TestDemoInMemory(t *testing.T) {
	r := run(t, "demo")
	requireShow(t, r)
	require.Contains(t, r.stdout, "over the in-memory bus")
	require.Contains(t, r.stdout, "0 attachments stored")
}

// The README shows what the demo prints, but for times, ids, the random content and the spaces that align them.
func TestReadmeShowsTheDemo(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(readme), "```\nbackplane demo: 3 nodes")
	require.True(t, found, "the README has a block with the demo")
	shown, _, _ = strings.Cut(shown, "\n```")
	_, printed, _ := strings.Cut(run(t, "demo").stdout, "backplane demo: 3 nodes")

	varying := regexp.MustCompile(`[0-9]+\.[0-9]+ ms|[0-9]+ messages published, [0-9]+ received|uid [0-9a-f]{16}|SHA-256 [0-9a-f]{8}`)
	spaces := regexp.MustCompile(` +`)
	same := func(text string) string {
		return spaces.ReplaceAllString(varying.ReplaceAllString(strings.TrimSpace(text), "*"), " ")
	}
	require.Equal(t, same(printed), same(shown))
}

func TestDemoWithMoreNodes(t *testing.T) {
	for _, nodes := range []string{"2", "20"} {
		r := run(t, "demo", "--nodes", nodes)
		require.Zero(t, r.code, r.stderr)
		require.Contains(t, r.stdout, nodes+" clients got it")
	}
}

// others counts the connections to the database but the one that asks.
const others = `SELECT count(*) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

func TestDemoOverPostgres(t *testing.T) {
	pgtest.URL(t)
	for _, driver := range []string{"pgx", "pq"} {
		t.Run(driver, func(t *testing.T) {
			database := pgtest.Database(t)
			r := run(t, "demo", "--postgres", database, "--driver", driver, "--table", "Demo")
			requireShow(t, r)
			require.Contains(t, r.stdout, "over PostgreSQL with ")
			require.Contains(t, r.stdout, "1 attachment stored")
			require.Equal(t, 1, pgtest.QueryInt(t, database, `SELECT count(*) FROM "Demo"`))
			require.Eventually(t, func() bool { return pgtest.QueryInt(t, database, others) == 0 }, 10*time.Second, 20*time.Millisecond,
				"the demo leaves no connection behind")
		})
	}
}

func TestDemoSaysWhatToDoAboutPostgres(t *testing.T) {
	dead := closedPort(t)
	for _, driver := range []string{"pgx", "pq"} {
		r := run(t, "demo", "--postgres", "postgres://u@"+dead+"/x?sslmode=disable", "--driver", driver)
		requireFailure(t, r, dead, "connection refused", "check that the server runs")
	}
	pgtest.URL(t)
	for _, driver := range []string{"pgx", "pq"} {
		t.Run(driver, func(t *testing.T) {
			database := pgtest.Database(t)
			missing := pgtest.With(t, database, func(u *url.URL) { u.Path = "/missing" })
			r := run(t, "demo", "--postgres", missing, "--driver", driver)
			requireFailure(t, r, `database "missing" does not exist (SQLSTATE 3D000)`, "check the user, password and database")

			r = run(t, "demo", "--postgres", database, "--driver", driver, "--table", "nowhere.t")
			requireFailure(t, r, `schema "nowhere" does not exist`, "CREATE TABLE IF NOT EXISTS")
		})
	}
}

func requireFailure(t *testing.T, r result, want ...string) {
	t.Helper()
	require.Equal(t, 1, r.code)
	requireOneLine(t, r.stderr)
	for _, w := range want {
		require.Contains(t, r.stderr, w)
	}
}

func TestInterruptedDemoEndsAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	require.NoError(t, err)
	defer listener.Close()
	var stderr bytes.Buffer
	cmd := command(context.Background(), "demo", "--postgres", "postgres://u@"+listener.Addr().String()+"/x?sslmode=disable")
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	connection, err := listener.Accept()
	require.NoError(t, err)
	defer connection.Close()

	start := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Equal(t, "backplane demo: interrupted\n", stderr.String())
	require.Less(t, time.Since(start), 3*time.Second, "Ctrl-C does not wait for the server")
}

// closedPort is an address nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
