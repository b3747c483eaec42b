package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
)

func TestRedisACLs(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	user := func(name string, rules ...string) string {
		server.Do(t, append([]string{"ACL", "SETUSER", name, "on", ">secret", "resetchannels"}, rules...)...)
		return "redis://" + name + ":secret@" + server.Address()
	}
	// What docs/howto/use-redis.md shows is enough.
	least := user("least", "&{backplane}*", "+publish", "+subscribe", "+unsubscribe")
	found := doctor(t, 0, "--redis", least)
	require.Contains(t, found["output buffer"][1], "the user may not run CONFIG GET")
	require.Empty(t, problems(found))
	classic := user("classic", "&socket.io*", "&socket.io#/chat#*", "&backplane#*", "+publish", "+subscribe",
		"+unsubscribe", "+psubscribe", "+punsubscribe", "+pubsub")
	require.Empty(t, problems(doctor(t, 0, "--redis", classic, "--dialect", "classic", "--nsp", "/chat")))

	silent := user("silent", "&{backplane}*", "+subscribe", "+unsubscribe")
	found = problems(doctor(t, 1, "--redis", silent))
	require.Len(t, found, 1, "checks that require the rights must be skipped")
	require.Regexp(t, `^the user "silent" may not publish \{backplane\}socket\.io-watch#\w+: NOPERM `, found["rights"][1])
	require.Equal(t, "ACL SETUSER silent &{backplane}* +publish", found["rights"][2])
	r := run(t, "emit", "--redis", silent, "e")
	requireFailure(t, r, `NOPERM`, `the ACL of the user "silent" does not allow it`, `"backplane doctor"`)

	found = problems(doctor(t, 1, "--redis", classic, "--dialect", "classic", "--nsp", "/other"))
	require.Contains(t, found["rights"][1], "may not psubscribe socket.io#/other#*")
	require.Contains(t, found["rights"][2], "+psubscribe")
	require.Contains(t, found["rights"][2], "&socket.io#/other#*")
	r = run(t, "tail", "--redis", classic, "--dialect", "classic", "--nsp", "/other")
	requireFailure(t, r, `NOPERM`, `"socket.io-request#/other#*"`)
	// What the advice says is enough.
	_, grants, _ := strings.Cut(found["rights"][2], "SETUSER classic ")
	server.Do(t, append([]string{"ACL", "SETUSER", "classic"}, strings.Fields(grants)...)...)
	require.Empty(t, problems(doctor(t, 0, "--redis", classic, "--dialect", "classic", "--nsp", "/other")))

	// To count the nodes, the commands need no more than a node, but tail listens to more patterns.
	requireFailure(t, run(t, "nodes", "--redis", classic, "--dialect", "classic"), "there is no node of /:")
	patterns := user("patterns", "&socket.io*", "&socket.io-request#/chat#*", "&socket.io-response#/chat#*",
		"&socket.io#/chat#*", "+publish", "+subscribe", "+psubscribe")
	startUntil(t, "listening to socket.io-request#/chat#*, socket.io-response#/chat#*, socket.io#/chat#*\n",
		"tail", "--redis", patterns, "--dialect", "classic", "--nsp", "/chat").interrupt()

	uncounted := user("uncounted", "allchannels", "+publish", "+subscribe", "+unsubscribe", "+psubscribe")
	found = problems(doctor(t, 1, "--redis", uncounted, "--dialect", "classic"))
	require.Contains(t, found["rights"][1], "pubsub|numsub socket.io-request#/#")
	require.Contains(t, found["rights"][1], "punsubscribe socket.io#/#*")
}

func TestRedisDoctor(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	for range 2 {
		r := w.run("doctor")
		require.Empty(t, r.stderr)
		for _, want := range []string{`connection  .*` + w.redis.Address() + ` as "default", after`,
			`server  .*redis \d`, `mode  .*one server`, `primary  .*this is the primary`, `rights  .*the ACL allows`,
			`messages  .*a message came back`, `output buffer  .*32768 KiB wait for it, or 8192 KiB for 60 s`,
			`nodes  .*nodes of /chat that have answered: 2, .*; with this library: 1, Node\.js's: 1`} {
			require.Regexp(t, `(?m)^ok +`+want, r.stdout)
		}
	}
	require.Len(t, w.ours.Peers(), 1, "the doctor must not count as a node")
	require.Empty(t, w.peer.Errors.Take(), "the Node.js node must not notice the doctor")
	require.Empty(t, problems(doctor(t, 0, "--redis", w.url+"?protocol=2")))
	w.mute()
	found := problems(w.doctor(1, "--timeout", "2s"))
	require.Len(t, found, 1)
	require.Equal(t, "3 listen for requests of /chat, and only 2 have answered one", found["nodes"][1])

	w.redis.Do(t, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 60")
	require.Contains(t, doctor(t, 0, "--redis", w.url)["output buffer"][1], "when 1024 KiB wait for it")
	w.redis.Do(t, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
	require.Contains(t, doctor(t, 0, "--redis", w.url)["output buffer"][1], "there is no limit")

	replica := w.redis.NewReplica(t)
	found = problems(doctor(t, 1, "--redis", "redis://"+replica.Address()))
	require.Len(t, found, 1)
	require.Equal(t, "this server is a replica: its primary does not get what is sent here", found["primary"][1])
	locked := redistest.New(t, "requirepass secret")
	found = doctor(t, 1, "--redis", "redis://:guessed@"+locked.Address())
	require.Len(t, found, 1)
	require.Contains(t, found["connection"][1], "check the user and password in the URL")
	found = doctor(t, 1, "--redis", "redis://u:guessed@"+closedPort(t))
	require.Len(t, found, 1)
	require.Contains(t, found["connection"][1], "connection refused: check that the server runs")
}
