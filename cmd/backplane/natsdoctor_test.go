package main_test

import (
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/natsdriver"
)

func TestNATSDoctor(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, func(o *server.Options) {
		o.ServerName, o.JetStream, o.StoreDir = "s1", true, t.TempDir()
	})
	w := newNATSWorld(t, "nats://"+address)
	w.openNATSCluster(natsdriver.Config{})
	for range 2 {
		r := w.run("doctor")
		require.Empty(t, r.stderr)
		for _, want := range []string{`connection  .*` + address + `, after`, `server  .*NATS \d+\.\d+\.\d+, server s1`,
			`cluster  .*one server`, `max_payload  .*the server accepts 1048576 bytes; nodes send up to 1044480`,
			`permissions  .*the user may publish and subscribe as a node does`, `messages  .*a message came back`,
			`JetStream  .*enabled for the account; streams: 0`,
			`nodes  .*nodes of /chat that have answered: 1, the last`,
		} {
			require.Regexp(t, `(?m)^ok +`+want, r.stdout)
		}
	}
	require.Empty(t, w.ours.Peers(), "the doctor must not count as a node")

	both := startNATSCluster(t)
	found := doctor(t, 0, "--nats", "nats://"+both[0])
	require.Equal(t, "both; other servers: "+both[1], found["cluster"][1])
	require.Equal(t, "not enabled; only a log and a store for large messages need it", found["JetStream"][1])
	require.Equal(t, "none of / is connected", found["nodes"][1])

	_, small := startNATS(t, func(o *server.Options) { o.MaxPayload = 4096 })
	found = problems(doctor(t, 1, "--nats", "nats://"+small))
	require.Len(t, found, 1, "checks that require the payload must be skipped")
	require.Contains(t, found["max_payload"][1], "the server accepts 4096 bytes, and nodes send up to 1044480")
	require.Contains(t, found["max_payload"][2], "--nats-max-payload to 4096")
	require.Empty(t, problems(doctor(t, 0, "--nats", "nats://"+small, "--nats-max-payload", "4096")))

	found = doctor(t, 1, "--nats", "nats://u:guessed@"+closedPort(t))
	require.Len(t, found, 1)
	require.Contains(t, found["connection"][1], "connection refused: check that the server runs")

	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	require.NoError(t, err)
	defer silent.Close()
	found = doctor(t, 1, "--nats", "nats://"+silent.Addr().String(), "--timeout", "1s")
	require.Contains(t, found["connection"][1], "no answer within 1s: check that a NATS server is at that address")
}

func TestNATSPermissions(t *testing.T) {
	t.Parallel()
	allow := func(subjects ...string) *server.SubjectPermission { return &server.SubjectPermission{Allow: subjects} }
	var users []*server.User
	for name, p := range map[string]*server.Permissions{
		"least":  {Publish: allow("backplane.*"), Subscribe: allow("backplane.*")}, // as docs/howto/use-nats.md says
		"silent": {Publish: allow("other"), Subscribe: allow("backplane.*")},
		"deaf":   {Publish: allow("backplane.*"), Subscribe: allow("other")},
		"mute": {Publish: &server.SubjectPermission{Deny: []string{"backplane.socket%2Eio#/chat"}},
			Subscribe: allow("backplane.*")},
	} {
		users = append(users, &server.User{Username: name, Password: "secret", Permissions: p})
	}
	_, address := startNATS(t, func(o *server.Options) { o.Users = users })
	url := func(user string) string { return "nats://" + user + ":secret@" + address }
	found := doctor(t, 0, "--nats", url("least"))
	require.Contains(t, found["JetStream"][1], "not known, because the user's permissions do not allow")
	require.Empty(t, problems(found))

	found = problems(doctor(t, 1, "--nats", url("silent"), "--nsp", "/chat"))
	require.Len(t, found, 1, "checks that require the permissions must be skipped")
	require.Regexp(t, `^the user may not publish backplane\.socket%2Eio-watch#\w+, `+
		`publish backplane\.socket%2Eio#/chat$`, found["permissions"][1])
	require.Equal(t, `add to the user's permissions: publish: ["backplane.*"]`, found["permissions"][2])
	found = problems(doctor(t, 1, "--nats", url("deaf"), "--nsp", "/chat"))
	require.Contains(t, found["permissions"][1], ", subscribe backplane.socket%2Eio#/chat")
	require.Equal(t, `add to the user's permissions: subscribe: ["backplane.*"]`, found["permissions"][2])
	found = problems(doctor(t, 1, "--nats", url("mute"), "--nsp", "/chat"))
	require.Equal(t, "the user may not publish backplane.socket%2Eio#/chat", found["permissions"][1])

	for _, args := range [][]string{{"emit", "e"}, {"nodes"}, {"sockets"}, {"request", "stats"}, {"tail"}} {
		for user, permission := range map[string]string{"silent": "publish", "deaf": "subscribe"} {
			if args[0] == "emit" && user == "deaf" {
				require.Zero(t, run(t, append(args, "--nats", url(user))...).code)
				continue
			}
			r := run(t, append(args, "--nats", url(user))...)
			requireFailure(t, r, address+": the user may not "+permission+` on "backplane.`,
				`"backplane doctor"`)
			require.NotContains(t, strings.TrimPrefix(r.stderr, "backplane "), "natsdriver")
		}
	}
}
