package main_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/freeport"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func fetch(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestDemoPrintsLinksToItsPages(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0")
	require.Contains(t, r.stdout.String(),
		"backplane demo: 3 Socket.IO servers in one cluster, over the in-memory bus\n")
	require.NotContains(t, r.stdout.String(), "\x1b", "there must be no colors without a terminal")
	require.Len(t, r.links, 3)
	require.Contains(t, r.stdout.String(), `io("`+r.links[0]+`")`)
	for _, link := range r.links {
		response, page := fetch(t, link+"/")
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotRegexp(t, `(src|href|url\()\s*=?\s*["']?(https?:)?//`,
			strings.ReplaceAll(page, "'http://www.w3.org/2000/svg'", ""),
			"the page must load nothing from other hosts")
		response, _ = fetch(t, link+"/other")
		require.Equal(t, http.StatusNotFound, response.StatusCode)
	}
	r.interrupt()
	require.Empty(t, r.stderr.String())
}

// docs/reference/cli.md shows what the demo prints on its default ports.
func TestDocsShowTheDemo(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/cli.md")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(page), "```\nbackplane demo: 3 Socket.IO servers")
	require.True(t, found, "the page must have a block with the output of the demo")
	shown, _, _ = strings.Cut(shown, "\n```")
	r := start(t, "demo", "--addr", "127.0.0.1:0")
	_, printed, _ := strings.Cut(r.stdout.String(), "backplane demo: 3 Socket.IO servers")
	for i := range 3 {
		printed = strings.ReplaceAll(printed, r.name(i), strconv.Itoa(3000+i))
	}
	require.Equal(t, strings.TrimSpace(printed), strings.TrimSpace(shown))
}

func TestDemoUsesConsecutivePorts(t *testing.T) {
	t.Parallel()
	for range 20 { // another program may take one of the ports in the meantime
		first := freePort(t)
		probe := run(t, "demo", "--addr", "127.0.0.1:65535", "--nodes", "2")
		require.Equal(t, 2, probe.code)
		require.Contains(t, probe.stderr, "no room for 2 ports")

		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+1)))
		if err != nil {
			continue
		}
		require.NoError(t, second.Close())
		r := start(t, "demo", "--addr", "127.0.0.1:"+strconv.Itoa(first), "--nodes", "2")
		require.Equal(t, []string{strconv.Itoa(first), strconv.Itoa(first + 1)}, []string{r.name(0), r.name(1)})
		return
	}
	t.Skip("no two free ports side by side")
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Get()
	require.NoError(t, err)
	return port
}

func TestAPortInUseIsReported(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	for _, command := range []string{"demo", "serve"} {
		r := run(t, command, "--addr", listener.Addr().String())
		requireFailure(t, r, listener.Addr().String()+" is in use", "--addr 127.0.0.1:4000")
		require.Empty(t, r.stdout)
	}
}

func TestANodeOfTheDemoStopsAndStartsAgain(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0")
	here, there := visit(t, r.links[0], `{}`), visit(t, r.links[1], `{}`)
	r.typed("nonsense")
	r.stderr.await(t, `there is no node "nonsense": type `+r.name(0)+" or ")
	r.typed(r.name(1))
	r.stderr.await(t, "node "+r.name(1)+" has stopped\n")
	there.gone()
	_, err := net.Dial("tcp", strings.TrimPrefix(r.links[1], "http://"))
	require.Error(t, err, "the port must be free")
	awaitNodes(here, r.name(0), r.name(2))
	r.typed(r.name(1))
	r.stderr.await(t, "node "+r.name(1)+" is back\n")
	awaitNodes(here, r.name(0), r.name(1), r.name(2))
	there = visit(t, r.links[1], `{"name":"again"}`)
	require.JSONEq(t, `{"ok":true}`, there.ask("chat message", `{"text":"hello"}`))
	var said struct{ From string }
	here.next("chat message", &said)
	require.Equal(t, "again", said.From)
	r.interrupt()
	here.gone()
}

// awaitNodes waits for a diagram with these nodes.
func awaitNodes(v *visitor, names ...string) {
	v.t.Helper()
	for {
		var state struct{ Nodes []struct{ Name string } }
		v.next("cluster", &state)
		found := make(map[string]bool)
		for _, n := range state.Nodes {
			found[n.Name] = true
		}
		all := len(found) == len(names)
		for _, name := range names {
			all = all && found[name]
		}
		if all {
			return
		}
	}
}

// others counts the connections to the database, not counting the connection of the query.
const others = `SELECT count(*) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

func TestDemoOverPostgres(t *testing.T) {
	pgtest.URL(t)
	for _, driver := range []string{"pgx", "pq"} {
		t.Run(driver, func(t *testing.T) {
			database := pgtest.Database(t)
			r := start(t, "demo", "--addr", "127.0.0.1:0", "--postgres", database, "--driver", driver,
				"--table", "Demo")
			require.Contains(t, r.stdout.String(), "over PostgreSQL with ")
			here, there := visit(t, r.links[0], `{"name":"here"}`), visit(t, r.links[2], `{"name":"there"}`)
			here.emit("chat message", `{"text":"hello"}`)
			var said struct{ From, Text string }
			there.next("chat message", &said)
			require.Equal(t, "hello", said.Text)

			picture := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, 20_000)...)
			require.JSONEq(t, `{"ok":true}`, here.ask("image", `{"data":{"_placeholder":true,"num":0}}`, picture))
			require.Equal(t, [][]byte{picture}, there.next("image", &said).attachments)
			require.Equal(t, 1, pgtest.QueryInt(t, database, `SELECT count(*) FROM "Demo"`),
				"the picture must be stored: it is too large for a notification")
			r.interrupt()
			require.Empty(t, r.stderr.String())
			require.Eventually(t, func() bool { return pgtest.QueryInt(t, database, others) == 0 }, patience, pause,
				"the demo must leave no connection behind")
		})
	}
}

func TestDemoGivesAdviceAboutPostgres(t *testing.T) {
	dead := closedPort(t)
	for _, driver := range []string{"pgx", "pq"} {
		for _, command := range []string{"demo", "serve"} {
			r := run(t, command, "--addr", "127.0.0.1:0", "--postgres", "postgres://u@"+dead+"/x?sslmode=disable",
				"--driver", driver)
			requireFailure(t, r, dead, "connection refused", "check that the server runs")
		}
	}
	pgtest.URL(t)
	for _, driver := range []string{"pgx", "pq"} {
		t.Run(driver, func(t *testing.T) {
			database := pgtest.Database(t)
			missing := pgtest.With(t, database, func(u *url.URL) { u.Path = "/missing" })
			r := run(t, "demo", "--addr", "127.0.0.1:0", "--postgres", missing, "--driver", driver)
			requireFailure(t, r, `database "missing" does not exist (SQLSTATE 3D000)`,
				"check the user, password and database")

			r = run(t, "demo", "--addr", "127.0.0.1:0", "--postgres", database, "--driver", driver,
				"--table", "nowhere.t")
			requireFailure(t, r, `schema "nowhere" does not exist`, "CREATE TABLE IF NOT EXISTS")
		})
	}
}

func requireFailure(t *testing.T, r result, want ...string) {
	t.Helper()
	require.Equal(t, 1, r.code, r.stderr)
	requireOneLine(t, r.stderr)
	for _, w := range want {
		require.Contains(t, r.stderr, w)
	}
}

func TestInterruptedStartEndsAtOnce(t *testing.T) {
	for _, name := range []string{"demo", "serve"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
		require.NoError(t, err)
		defer listener.Close()
		var stderr bytes.Buffer
		cmd := command(context.Background(), name, "--addr", "127.0.0.1:0",
			"--postgres", "postgres://u@"+listener.Addr().String()+"/x?sslmode=disable")
		cmd.Stderr = &stderr
		require.NoError(t, cmd.Start())
		connection, err := listener.Accept()
		require.NoError(t, err)
		defer connection.Close()

		start := time.Now()
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
		require.Equal(t, "backplane "+name+": interrupted\n", stderr.String())
		require.Less(t, time.Since(start), 8*time.Second, "Ctrl-C must not wait for the server")
	}
}

// closedPort returns an address on which no program listens.
func closedPort(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
}
