package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/redis/streamsdriver"
)

// newStreamsWorld returns a Redis server with a Node.js node that has @socket.io/redis-streams-adapter and a Go node,
// which are peers in the namespace /chat.
func newStreamsWorld(t *testing.T, streams int) *world {
	t.Helper()
	w := newRedisWorld(t, redistest.New(t))
	w.startNode(interop.RedisOptions{Stream: "my stream", StreamCount: streams, MaxLen: 50_000})
	client := redis.NewClient(&redis.Options{Addr: w.redis.Address()})
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	driver := streamsdriver.NewWithConfig(client, streamsdriver.Config{MaxLen: 50_000})
	t.Cleanup(func() { require.NoError(t, driver.Close(context.Background())) })
	w.openCluster(redisdriver.Config{}, backplane.Config{Bus: driver, ChannelPrefix: "my app",
		Dialect: redisstreams.Dialect{Stream: "my stream", Streams: streams}})
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2))
	require.NoError(t, w.ours.WaitForPeers(w.ctx, 1))
	w.flags = []string{"--dialect", "streams", "--prefix", "my app", "--stream-name", "my stream",
		"--stream-count", fmt.Sprint(streams), "--max-len", "50000"}
	return w
}

func TestStreams(t *testing.T) {
	t.Parallel()
	for _, streams := range []int{1, 3} {
		t.Run(fmt.Sprint(streams), func(t *testing.T) {
			t.Parallel()
			w := newStreamsWorld(t, streams)
			theirs := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}, Ack: interop.Reply("node"),
				Data: map[string]any{"name": "n"}})
			ours := w.add("ours", "go", "r2")
			w.emits(theirs, ours)
			w.inspects(theirs)
			w.requestsNamed()
			w.changes(theirs, ours)
			require.Empty(t, w.peer.Errors.Take(), "the Node.js node must not notice the commands")
			require.NoError(t, w.node.AwaitServerCount(w.ctx, 2), "the commands must leave the cluster")
		})
	}
}

func TestStreamsTail(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 1)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}, Ack: interop.Reply("node")})
	tl := w.tail()
	require.NoError(t, w.node.Emit(w.ctx, interop.Target{To: []string{"r"}}, "news", "é", []byte{1}))
	m := tl.next("BROADCAST")
	require.NotEmpty(t, m["uid"])
	require.Equal(t, "/chat", m["nsp"])
	require.Equal(t, "news", m["event"])
	require.Equal(t, []any{"r"}, m["to"])
	require.Equal(t, []any{"é", map[string]any{"type": "Buffer", "base64": "AQ=="}}, m["args"])
	require.NoError(t, w.ours.Emit(w.ctx, "ours"))
	require.Equal(t, w.ours.UID(), tl.next("BROADCAST")["uid"])
	_, err := w.ours.FetchSockets(w.ctx)
	require.NoError(t, err)
	question := tl.next("FETCH_SOCKETS")
	response := tl.next("FETCH_SOCKETS_RESPONSE")
	require.Equal(t, question["requestId"], response["requestId"])
	require.Contains(t, response["sockets"].([]any)[0].(map[string]any)["id"], c.ID())
	require.NoError(t, w.node.Join(w.ctx, interop.To("r"), "new"))
	require.Equal(t, []any{"new"}, tl.next("SOCKETS_JOIN")["rooms"])
	require.NoError(t, w.node.ServerSideEmit(w.ctx, "hello", 1))
	require.Equal(t, "hello", tl.next("SERVER_SIDE_EMIT")["event"])
	require.Len(t, w.ours.Peers(), 1, "a tail must not count as a node")
	require.Equal(t, `"node"`+"\n", w.run("emit", "--ack", "--room", "r", "ready?").stdout)
	require.NotEmpty(t, tl.next("BROADCAST")["requestId"])
	require.Equal(t, "node", tl.next("BROADCAST_ACK")["value"])

	w.redis.Do(t, "XADD", "my stream", "*", "uid", "u", "nsp", "/elsewhere", "type", "3", "data", "{}")
	w.redis.Do(t, "XADD", "my stream", "*", "uid", "u", "nsp", "/chat", "type", "3", "data", "garbage")
	m = receive(w, tl.lines)
	require.Equal(t, "/chat", m["nsp"])
	require.Contains(t, m["error"], "malformed")
	w.redis.KillSubscribers(t)
	require.Contains(t, receive(w, tl.stderr), "the connection was lost")
	require.Contains(t, receive(w, tl.stderr), "listening again")
	w.run("emit", "again")
	for m := tl.next("BROADCAST"); m["event"] != "again"; m = tl.next("BROADCAST") {
	}
	tl.interrupt()
}

// What Node.js's servers add to the stream is kept, and so is what the command adds.
func TestStreamsHistoryAndDoctor(t *testing.T) {
	t.Parallel()
	w := newStreamsWorld(t, 1)
	require.Equal(t, "nothing is kept for that\n", w.run("history").stderr)
	require.NoError(t, w.node.Emit(w.ctx, interop.To("r"), "theirs", 1))
	require.NoError(t, w.node.Join(w.ctx, interop.To("r"), "new"))
	w.run("emit", "--except", "x", "mine")
	var kept []keptEvent
	for line := range strings.Lines(w.run("history", "--json").stdout) {
		var e keptEvent
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		kept = append(kept, e)
	}
	require.Equal(t, []string{"theirs", "mine"}, names(kept))
	require.Equal(t, []string{"r"}, kept[0].Rooms)
	require.Equal(t, []string{"x"}, kept[1].Except)
	require.Contains(t, w.run("history", "--since", kept[0].Position).stdout, "mine")

	for _, flags := range [][]string{nil, {"--log"}} {
		found := w.doctor(0, flags...)
		require.Contains(t, found["nodes"][1], "nodes of /chat that have answered: 2")
		if flags != nil {
			require.Contains(t, found["log"][1], "with all rights that a node needs")
			require.Contains(t, found["log contents"][1], "entries of a stream: up to about 50000")
		}
		require.Empty(t, problems(found))
	}
	require.Empty(t, w.peer.Errors.Take(), "the Node.js node must not notice the doctor")
	require.Empty(t, w.redis.Do(t, "KEYS", "sio:session:*").Items, "the doctor leaves nothing")
}

// An official client moves from a Go server to one in Node.js and back, with its session and what it has missed.
func TestStreamsServeRecovers(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, redistest.New(t))
	w.startNode(interop.RedisOptions{Stream: "my stream"}, func(c *interop.Config) { c.Recovery = 2 * patience })
	theirs, err := w.peer.URL(w.ctx)
	require.NoError(t, err)
	flags := []string{"--redis", w.url, "--dialect", "streams", "--prefix", "my app", "--stream-name", "my stream"}
	serve := func() *running {
		return start(t, append([]string{"serve", "--addr", "127.0.0.1:0", "--log", "--recover", "2m"}, flags...)...)
	}
	one, two := serve(), serve()
	r := roam(t, one.links[0], map[string]any{"name": "ann"})
	first := r.connected()
	require.Equal(t, map[string]any{"ok": true}, r.ask("join", "den"))
	there := visit(t, two.links[0], `{"name":"there"}`)
	say(there, "den", "seen")
	require.Equal(t, "seen", r.next("chat message")["text"])
	for _, url := range []string{theirs, two.links[0], theirs, one.links[0], two.links[0]} {
		r.do("leave", nil)
		w.awaitStreamsSession()
		say(there, "den", "missed 1")
		say(there, "elsewhere", "not for ann")
		say(there, "", "missed 2")
		r.do("return", map[string]any{"url": url})
		again := r.connected()
		require.True(t, again.Recovered, url)
		require.Equal(t, first.SID, again.SID)
		say(there, "den", "live")
		for _, text := range []string{"missed 1", "missed 2", "live"} {
			require.Equal(t, text, r.next("chat message")["text"])
		}
	}
	require.Equal(t, map[string]any{"ok": true}, r.ask("chat message", map[string]any{"text": "I"}))
	said := there.message("chat message")
	for said["text"] != "I" { // the others are its own
		said = there.message("chat message")
	}
	require.Equal(t, "ann", said["from"], "the data of the client must be restored")
	for _, command := range []string{"sockets", "rooms", "nodes"} {
		require.Zero(t, run(t, append([]string{command, "--nodes", "3"}, flags...)...).code)
	}
	for _, s := range []*running{one, two} {
		s.interrupt()
		require.NotContains(t, s.stderr.String(), "level=")
	}
}

// awaitStreamsSession waits until the session of a client that is away is stored. There is no event for that.
func (w *world) awaitStreamsSession() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.redis.Do(w.t, "KEYS", "sio:session:*").Items) == 1 }, patience,
		pause)
}

func TestStreamsRightsAndUsage(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	user := func(name string, rules ...string) string {
		server.Do(t, append([]string{"ACL", "SETUSER", name, "on", ">secret", "resetchannels"}, rules...)...)
		return "redis://" + name + ":secret@" + server.Address()
	}
	on := func(url string, flags ...string) []string {
		return append([]string{"--redis", url, "--dialect", "streams"}, flags...)
	}
	// What docs/howto/use-redis.md says is enough.
	least := user("least", strings.Fields("~socket.io* ~sio:session:* &socket.io* &backplane#* +publish +subscribe "+
		"+unsubscribe +pubsub +xadd +xread +xrange +xrevrange +xinfo +exists +hmget +hset +info +eval +set +get +del "+
		"+multi +exec")...)
	require.Empty(t, problems(doctor(t, 0, on(least, "--log")...)))
	node := start(t, append([]string{"serve", "--addr", "127.0.0.1:0", "--log", "--recover", "1m"}, on(least)...)...)
	say(visit(t, node.links[0], `{}`), "", "hello")
	require.Contains(t, run(t, append([]string{"history"}, on(least)...)...).stdout, "hello")

	less := user("less", "~socket.io*", "&socket.io*", "+subscribe", "+unsubscribe", "+pubsub", "+xread")
	found := problems(doctor(t, 1, on(less)...))
	require.Contains(t, found["rights"][1], "may not publish socket.io-watch#")
	require.Contains(t, found["rights"][1], "xadd socket.io, xrevrange socket.io: ")
	grant := func(advice string) {
		_, grants, _ := strings.Cut(advice, "SETUSER less ")
		server.Do(t, append([]string{"ACL", "SETUSER", "less"}, strings.Fields(grants)...)...)
	}
	grant(found["rights"][2])
	require.Empty(t, problems(doctor(t, 0, on(less)...)), "the advice must be enough")
	found = problems(doctor(t, 1, on(less, "--log")...))
	require.Contains(t, found["log"][1], "NOPERM")
	grant(found["log"][2])
	require.Empty(t, problems(doctor(t, 0, on(less, "--log")...)), "the advice must be enough")
	elsewhere := problems(doctor(t, 1, on(less, "--stream-name", "other")...))
	require.Contains(t, elsewhere["rights"][2], "~other*")

	const none = "redis://u:secret@127.0.0.1:1"
	for _, command := range clusterCommands {
		with := func(flags ...string) []string { return append(append([]string{}, command...), flags...) }
		requireUsage(t, "--dialect streams needs --redis URL, not --postgres", with(nowhere, "--dialect", "streams")...)
		requireUsage(t, "--stream-name needs --dialect streams", with("--redis", none, "--stream-name", "s")...)
		requireUsage(t, "--max-len needs --dialect streams",
			with("--redis", none, "--dialect", "classic", "--max-len", "1")...)
		requireUsage(t, "--stream-count and --max-len must be more than 0", with(on(none, "--stream-count", "0")...)...)
		requireUsage(t, "--session-prefix is empty", with(on(none, "--session-prefix", "")...)...)
		requireUsage(t, "--redis: the streams dialect does not work on a Redis Cluster",
			with(on(none+"?addr=127.0.0.1:2")...)...)
		for flag, value := range map[string]string{
			"--codec": "cbor", "--secret-file": "file", "--redis-prefix": "p",
		} {
			requireUsage(t, flag+": the streams dialect has ", with(on(none, flag, value)...)...)
		}
	}
	for want, args := range map[string][]string{
		"--log: the streams dialect keeps all events":                    {"emit", "--log", "e"},
		"--log-age: the streams dialect keeps entries up to --max-len":   {"serve", "--log", "--log-age", "1m"},
		"--log-bytes: the streams dialect keeps entries up to --max-len": {"serve", "--log", "--log-bytes", "1"},
		"log: the streams dialect has no message for it: use history":    {"log"},
		"--heartbeats: the streams dialect has no message for it":        {"tail", "--heartbeats"},
		"--settle: the streams dialect counts the nodes at once":         {"nodes", "--settle", "1s"},
	} {
		requireUsage(t, want, append(args, on(none)...)...)
	}
}
