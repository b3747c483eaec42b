package main_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// tailing is a running tail command.
type tailing struct {
	w      *world
	cmd    *exec.Cmd
	lines  chan map[string]any
	stderr chan string
}

// tail starts a tail command and waits until it listens.
func (w *world) tail(args ...string) *tailing {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	w.t.Cleanup(cancel)
	tl := &tailing{w: w, cmd: command(ctx, w.args(append([]string{"tail"}, args...)...)...),
		lines: make(chan map[string]any, 1024), stderr: make(chan string, 64)}
	stdout, err := tl.cmd.StdoutPipe()
	require.NoError(w.t, err)
	stderr, err := tl.cmd.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, tl.cmd.Start())
	go scan(stdout, func(line string) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			m = map[string]any{"not JSON": line}
		}
		tl.lines <- m
	}, func() { close(tl.lines) })
	go scan(stderr, func(line string) { tl.stderr <- line }, func() { close(tl.stderr) })
	require.Contains(w.t, receive(w, tl.stderr), "listening to ")
	return tl
}

func scan(in io.Reader, each func(string), done func()) {
	defer done()
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		each(scanner.Text())
	}
}

// next returns the next message with that name.
func (tl *tailing) next(name string) map[string]any {
	tl.w.t.Helper()
	for {
		m := receive(tl.w, tl.lines)
		require.NotNil(tl.w.t, m, "the tail ended; want a %s", name)
		if m["name"] == name {
			return m
		}
	}
}

// both returns the next messages with two names, in any order.
func (tl *tailing) both(one, other string) map[string]map[string]any {
	tl.w.t.Helper()
	got := make(map[string]map[string]any)
	for got[one] == nil || got[other] == nil {
		m := receive(tl.w, tl.lines)
		require.NotNil(tl.w.t, m, "the tail ended; want two more messages")
		if name := m["name"].(string); name == one || name == other {
			got[name] = m
		}
	}
	return got
}

// interrupt stops it like Ctrl-C.
func (tl *tailing) interrupt() {
	tl.w.t.Helper()
	require.NoError(tl.w.t, tl.cmd.Process.Signal(os.Interrupt))
	for range tl.lines { // until it has ended
	}
	for range tl.stderr {
	}
	require.NoError(tl.w.t, tl.cmd.Wait(), "want exit status 0")
}

func TestTail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}, Data: "data"})
	for _, driver := range drivers {
		tl := w.tail("--driver", driver)

		compress := true
		to := interop.Target{To: []string{"r"}, Except: []string{"x"}, Volatile: true, Compress: &compress}
		require.NoError(t, w.node.Emit(w.ctx, to, "news", "é", 1.5, nil))
		m := tl.next("BROADCAST")
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, m["time"])
		require.Greater(t, m["bytes"], 100.0)
		delete(m, "time")
		delete(m, "bytes")
		require.Equal(t, map[string]any{
			"nsp": "/chat", "uid": w.node.UID(), "type": 3.0, "name": "BROADCAST",
			"event": "news", "args": []any{"é", 1.5, nil}, "to": []any{"r"}, "except": []any{"x"},
			"flags": map[string]any{"volatile": true, "compress": true},
		}, m)

		require.NoError(t, w.node.Emit(w.ctx, interop.Target{}, "picture", map[string]any{"bytes": []byte{1, 2}}))
		m = tl.next("BROADCAST")
		require.NotEmpty(t, m["attachment"])
		require.Equal(t, []any{map[string]any{"bytes": map[string]any{"type": "Buffer", "base64": "AQI="}}}, m["args"])

		require.NoError(t, w.ours.To("r").SocketsJoin(w.ctx, "a", "b"))
		m = tl.next("SOCKETS_JOIN")
		require.Equal(t, w.ours.UID(), m["uid"])
		require.Equal(t, []any{"r"}, m["to"])
		require.Equal(t, []any{"a", "b"}, m["rooms"])
		require.NoError(t, w.ours.SocketsLeave(w.ctx, "b"))
		require.Equal(t, []any{}, tl.next("SOCKETS_LEAVE")["to"], "all clients")

		_, err := w.ours.FetchSockets(w.ctx)
		require.NoError(t, err)
		asked := tl.next("FETCH_SOCKETS")
		m = tl.next("FETCH_SOCKETS_RESPONSE")
		require.Equal(t, asked["requestId"], m["requestId"])
		found := m["sockets"].([]any)[0].(map[string]any)
		require.Equal(t, c.ID(), found["id"])
		require.Equal(t, "data", found["data"])

		_, err = w.ours.EmitWithAck(w.ctx, "ask", 1)
		require.NoError(t, err)
		require.Equal(t, 5000.0, tl.next("BROADCAST")["flags"].(map[string]any)["timeout"])
		answers := tl.both("BROADCAST_CLIENT_COUNT", "BROADCAST_ACK")
		require.Equal(t, 1.0, answers["BROADCAST_CLIENT_COUNT"]["clients"])
		require.Equal(t, []any{1.0}, answers["BROADCAST_ACK"]["value"])

		require.NoError(t, w.node.OnServerSide(w.ctx, "stats", interop.Reply("fine")))
		_, err = w.ours.ServerSideEmitWithAck(w.ctx, "stats", true)
		require.NoError(t, err)
		require.Equal(t, []any{true}, tl.next("SERVER_SIDE_EMIT")["args"])
		require.Equal(t, "fine", tl.next("SERVER_SIDE_EMIT_RESPONSE")["value"])

		w.run("disconnect", "--room", "nobody", "--close")
		m = tl.next("DISCONNECT_SOCKETS")
		require.Equal(t, "emitter", m["uid"])
		require.Equal(t, true, m["close"])

		require.Equal(t, []string{w.node.UID()}, w.ours.Peers(), "a tail must not count as a node")

		w.run("sockets", "--nodes", "2") // joins and leaves
		tl.next("INITIAL_HEARTBEAT")
		tl.next("ADAPTER_CLOSE")
		require.Eventually(t, func() bool { return len(w.ours.Peers()) == 1 }, patience, pause)
		tl.interrupt()
	}
}

func TestTailFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.tail("--heartbeats")
	all.next("HEARTBEAT") // the Node.js node of the world sends one each second

	two := w.tail("--nsp", "other", "--type", "sockets_join", "--type", "9", "--count", "2")
	w.run("emit", "a")
	w.run("request", "--no-ack", "a")
	r := run(t, "join", "--postgres", w.url, "--nsp", "/other", "--all", "room")
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "SERVER_SIDE_EMIT", receive(w, two.lines)["name"])
	m := receive(w, two.lines)
	require.Equal(t, "SOCKETS_JOIN", m["name"])
	require.Equal(t, "/other", m["nsp"])
	require.NoError(t, two.cmd.Wait(), "the tail must end after two messages")
	all.interrupt()
}

// Payloads that are not messages, and messages without their attachment, are printed with an error.
func TestTailPrintsWhatItCannotDecode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tl := w.tail("--type", "BROADCAST")
	pgtest.Exec(t, w.url, `SELECT pg_notify('socket.io#/chat', E'no \x1b[31m message')`)
	m := receive(w, tl.lines)
	require.Contains(t, m["error"], "malformed")
	require.Equal(t, "no \x1b[31m message", m["payload"])
	pgtest.Exec(t, w.url, `SELECT pg_notify('socket.io#/chat', '{"uid":"emitter","type":3,"attachmentId":"123456"}')`)
	m = receive(w, tl.lines)
	require.Equal(t, "attachment 123456: it has expired or is in another table", m["error"])
	require.Equal(t, "emitter", m["uid"])
	pgtest.Exec(t, w.url,
		`INSERT INTO socket_io_attachments (id, payload) VALUES (123456, convert_to(repeat('x', 16777217), 'UTF8'));
		SELECT pg_notify('socket.io#/chat', '{"uid":"emitter","type":3,"attachmentId":"123456"}')`)
	m = receive(w, tl.lines)
	require.Equal(t, "attachment 123456: it has 16777217 bytes and the limit is 16777216", m["error"])
	pgtest.Exec(t, w.url,
		`SELECT pg_notify('socket.io#/chat',
			'{"uid":"emitter","type":3,"data":{"packet":{"data":["a"]},"opts":{"rooms":[null]}}}')`)
	m = receive(w, tl.lines)
	require.Equal(t, []any{}, m["to"])
	require.Equal(t, true, m["nobody"], "nobody must be true: an empty list of rooms would mean all clients")
	pgtest.Exec(t, w.url,
		`SELECT pg_notify('socket.io#/chat',
			'{"uid":"emitter","type":3,"nsp":"/x","data":{"packet":{"data":["a"]},"opts":{}}}')`)
	require.Contains(t, receive(w, tl.lines)["error"], `it is for "/x"`)
	tl.interrupt()
}

func TestTailReconnects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, driver := range drivers {
		tl := w.tail("--driver", driver)
		pgtest.KillListeners(t, w.url)
		require.Contains(t, receive(w, tl.stderr), "the connection was lost")
		require.Regexp(t, `listening again; messages of the last \S+ are missing`, receive(w, tl.stderr))
		w.run("emit", "a", "again")
		for m := tl.next("BROADCAST"); m["event"] != "a"; m = tl.next("BROADCAST") {
		}
		tl.interrupt()
	}
}

// A slow reader of the output does not delay the database: otherwise its queue would keep the notifications of all
// databases.
func TestTailWithASlowReaderGoesOnReadingTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	cmd := command(ctx, w.args("tail")...)
	stdout, err := cmd.StdoutPipe() // not read yet
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan())

	pgtest.Exec(t, w.url,
		`SELECT pg_notify('socket.io#/chat', '{"uid":"emitter","type":3,"nsp":"/chat","data":{"packet":{"data":["`+
			strings.Repeat("x", 500)+`",' || n || ']},"opts":{}}}') FROM generate_series(1, 12000) AS n`)
	require.Eventually(t, func() bool {
		return pgtest.QueryInt(t, w.url, `SELECT (1000000 * pg_notification_queue_usage())::int`) < 100
	}, patience, pause, "want: the server's queue is empty")
	go scan(stdout, func(string) {}, func() {})
	require.True(t, lines.Scan())
	require.Regexp(t, `\d+ messages are missing: the output is read too slowly`, lines.Text())
}

func TestTailWaitsForALockedTableOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db, err := sql.Open("pgx", w.url)
	require.NoError(t, err)
	defer db.Close()
	tl := w.tail("--nsp", "/chat", "--nsp", "/other", "--timeout", "2s", "--type", "BROADCAST")
	tx, err := db.Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec("LOCK TABLE socket_io_attachments IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	pgtest.Exec(t, w.url,
		`SELECT pg_notify('socket.io#/chat', '{"uid":"emitter","type":3,"nsp":"/chat","attachmentId":"' || n || '"}')
			FROM generate_series(1, 30) AS n`)
	small := `{"uid":"emitter","type":3,"nsp":"%s","data":{"packet":{"data":["a"]},"opts":{}}}`
	for _, nsp := range []string{"/chat", "/other"} {
		pgtest.Exec(t, w.url, `SELECT pg_notify('socket.io#`+nsp+`', '`+fmt.Sprintf(small, nsp)+`')`)
	}
	require.Equal(t, "/other", receive(w, tl.lines)["nsp"], "the other namespace must not be delayed")
	begun := time.Now()
	for range 30 {
		require.Contains(t, receive(w, tl.lines)["error"], "attachment")
	}
	require.Equal(t, "a", receive(w, tl.lines)["event"])
	require.Less(t, time.Since(begun), 20*time.Second, "all messages together must wait for one timeout")
	tl.interrupt()
}
