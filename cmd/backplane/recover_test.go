package main_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// startLogged starts two servers with a log, one on each driver.
func startLogged(t *testing.T, database string, flags ...string) (one, two *running) {
	t.Helper()
	serve := func(name, driver string) *running {
		args := []string{"serve", "--addr", "127.0.0.1:0", "--postgres", database, "--name", name, "--driver", driver,
			"--log", "--recover", "2m"}
		return start(t, append(args, flags...)...)
	}
	return serve("one", "pgx"), serve("two", "pq")
}

// A client that loses its connection comes back to another node: it is the same client, and gets what it has missed.
func TestServeRecoversAClientOnAnotherNode(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	one, two := startLogged(t, database)
	r := roam(t, one.links[0], map[string]any{"name": "ann"})
	first := r.connected()
	require.False(t, first.Recovered)
	require.Equal(t, map[string]any{"ok": true}, r.ask("join", "den"))
	here, there := visit(t, one.links[0], `{"name":"here"}`), visit(t, two.links[0], `{"name":"there"}`)
	say(there, "den", "seen")
	require.Equal(t, "seen", r.next("chat message")["text"])

	require.Equal(t, map[string]any{"ok": true}, r.ask("rename", "eve"))
	r.do("leave", nil)
	say(there, "den", "missed 1")
	say(here, "", "missed 2")
	say(there, "elsewhere", "not for ann")
	say(here, "den", "missed 3")
	r.do("return", map[string]any{"url": two.links[0]})
	again := r.connected()
	require.True(t, again.Recovered)
	require.Equal(t, two.links[0], again.URL)
	require.Equal(t, first.SID, again.SID)
	say(here, "den", "live")
	for _, text := range []string{"missed 1", "missed 2", "missed 3", "live"} {
		require.Equal(t, text, r.next("chat message")["text"])
	}
	require.Equal(t, map[string]any{"ok": true}, r.ask("chat message", map[string]any{"text": "I"}))
	said := there.message("chat message")
	for said["text"] != "I" { // the others are those of "here"
		said = there.message("chat message")
	}
	require.Equal(t, "eve", said["from"], "the data of the client must be restored")
}

// The same when its node was killed, which neither closes a connection nor saves anything any more.
func TestServeRecoversTheClientsOfAKilledNode(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	one, two := startLogged(t, database)
	r := roam(t, one.links[0], map[string]any{"name": "ann"})
	first := r.connected()
	before := savedSession(t, database)
	require.Equal(t, map[string]any{"ok": true}, r.ask("join", "den"))
	require.Eventually(t, func() bool { return savedSession(t, database) != before }, patience, pause,
		"the session must be saved again")
	there := visit(t, two.links[0], `{"name":"there"}`)
	say(there, "den", "seen")
	require.Equal(t, "seen", r.next("chat message")["text"])

	r.do("pause", nil)
	one.kill()
	_, err := r.disconnects.Next(r.ctx)
	require.NoError(t, err)
	say(there, "den", "missed 1")
	say(there, "", "missed 2")
	r.do("return", map[string]any{"url": two.links[0]})
	again := r.connected()
	require.True(t, again.Recovered)
	require.Equal(t, first.SID, again.SID)
	say(there, "den", "live")
	for _, text := range []string{"missed 1", "missed 2", "live"} {
		require.Equal(t, text, r.next("chat message")["text"])
	}
}

// savedSession returns a number that changes with the state of the session that is saved last.
func savedSession(t *testing.T, database string) int {
	t.Helper()
	return pgtest.QueryInt(t, database, `SELECT coalesce(sum(hashtext(encode(state, 'hex'))), 0) FROM backplane_sessions`)
}

// Also a deploy: the node is stopped, and its client finds another one.
func TestServeRecoversTheClientsOfANodeThatIsStopped(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	one, two := startLogged(t, database)
	r := roam(t, one.links[0], nil)
	first := r.connected()
	r.do("pause", nil)
	one.end(os.Interrupt)
	_, err := r.disconnects.Next(r.ctx)
	require.NoError(t, err)
	there := visit(t, two.links[0], `{}`)
	say(there, "", "missed")
	r.do("return", map[string]any{"url": two.links[0]})
	again := r.connected()
	require.True(t, again.Recovered)
	require.Equal(t, first.SID, again.SID)
	require.Equal(t, "missed", r.next("chat message")["text"])
}

// A position that the log does not have any more makes a new client. It is shown nothing.
func TestServeDoesNotRecoverWhatTheLogHasLost(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	one, two := startLogged(t, database)
	r := roam(t, one.links[0], nil)
	first := r.connected()
	here := visit(t, one.links[0], `{}`)
	say(here, "", "seen")
	require.Equal(t, "seen", r.next("chat message")["text"])
	r.do("leave", nil)
	say(here, "", "missed")
	require.Eventually(t, func() bool {
		return pgtest.QueryInt(t, database, `SELECT count(*) FROM backplane_sessions WHERE since IS NOT NULL`) == 1
	}, patience, pause, "the session must be saved as that of an absent client")
	pgtest.Exec(t, database, `TRUNCATE backplane_sessions`)
	r.do("return", map[string]any{"url": two.links[0]})
	again := r.connected()
	require.False(t, again.Recovered)
	require.NotEqual(t, first.SID, again.SID)
	say(here, "", "live")
	require.Equal(t, "live", r.next("chat message")["text"])
}
