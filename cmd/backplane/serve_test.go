package main_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestServe(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--path", "/rt", "--origin", "https://app.example.com",
		"--origin", "file://", "--trusted-proxy", "127.0.0.1", "--sticky", "node", "--name", "a node",
		"--url", "https://chat.example.com/", "--compress", "--recover", "1m", "--max-clients", "2",
		"--max-payload", "2000")
	require.Contains(t, r.stdout.String(), "backplane serve: node a node, over the in-memory bus\n")
	require.Contains(t, r.stdout.String(), "\n  https://chat.example.com/\n")
	require.Empty(t, r.links, "the link must be the one of --url")
	require.Empty(t, r.stderr.String())
}

func TestServeOnAPathForAnOrigin(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--path", "/rt", "--origin", "https://app.example.com",
		"--sticky", "node")
	link := r.links[0]
	_, page := fetch(t, link+"/")
	require.Contains(t, page, `data-path="/rt/"`, "the page must have the path")
	response, _ := fetch(t, link+"/socket.io/?EIO=4&transport=polling")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	response, open := fetch(t, link+"/rt/?EIO=4&transport=polling")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.True(t, strings.HasPrefix(open, `0{"sid":`), open)
	require.Contains(t, response.Header.Get("Set-Cookie"), "node=")

	_, err := dial(t, link+"/rt/", "Origin", "https://app.example.com")
	require.NoError(t, err)
	_, err = dial(t, link+"/rt/", "Origin", link)
	require.NoError(t, err, "pages of the server itself must be able to connect, too")
	_, err = dial(t, link+"/rt/", "Origin", "https://evil.example.com")
	require.Error(t, err)
}

func TestServeClientsOfVersion2(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{"--compress": `{"code":5,`, "--allow-eio3": `118:0{"sid":`} {
		r := start(t, "serve", "--addr", "127.0.0.1:0", flags)
		_, open := fetch(t, r.links[0]+"/socket.io/?EIO=3&transport=polling")
		require.True(t, strings.HasPrefix(open, want), open)
	}
}

func TestServeMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
	require.Len(t, r.links, 2, "the page and the metrics: %s", r.stdout)
	page, metrics := r.links[0], r.links[1]+"/metrics"
	v := visit(t, page, `{}`)
	v.emit("chat message", `{"text":"hello"}`)
	v.message("chat message")
	response, text := fetch(t, metrics)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, text, "\nbackplane_listening 1\n")
	require.Contains(t, text, "\nbackplane_server_clients{transport=\"websocket\"} 1\n")
	require.Contains(t, text, "\nbackplane_server_connects_total 1\n")
	require.Contains(t, text, "\ngo_goroutines ", "the metrics of Go's runtime")
	require.Contains(t, text, "\nprocess_open_fds ", "and of the process")
	response, _ = fetch(t, page+"/metrics")
	require.Equal(t, http.StatusNotFound, response.StatusCode, "they are not for clients")
	busy := run(t, "serve", "--addr", "127.0.0.1:0", "--metrics", strings.Split(metrics, "/")[2])
	require.Equal(t, 1, busy.code)
	require.Contains(t, busy.stderr, "is in use: choose another address with --metrics")
	r.end(syscall.SIGTERM)
	_, err := net.Dial("tcp", strings.Split(metrics, "/")[2])
	require.Error(t, err, "the port must be free")
}

// Process managers and containers stop a server with SIGTERM.
func TestServeDisconnectsItsClientsWhenItIsStopped(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		r := start(t, "serve", "--addr", "127.0.0.1:0")
		v := visit(t, r.links[0], `{}`)
		r.end(signal)
		v.gone()
		require.Empty(t, r.stderr.String())
		_, err := net.Dial("tcp", strings.TrimPrefix(r.links[0], "http://"))
		require.Error(t, err, "the port must be free")
	}
}

// A client that does not read delays the end for a moment. The leave message to the other nodes is still sent.
func TestServeLeavesTheClusterWhateverItsClientsDo(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	one := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--name", "one")
	two := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--name", "two")
	here := visit(t, one.links[0], `{}`)
	awaitNodes(here, "one", "two")
	_, open := fetch(t, two.links[0]+"/socket.io/?EIO=4&transport=polling") // it does not poll again
	require.Contains(t, open, "sid")

	listener, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer listener.Close(context.WithoutCancel(t.Context()))
	_, err = listener.Exec(t.Context(), `LISTEN "socket.io#/"; LISTEN ended`)
	require.NoError(t, err)
	two.end(syscall.SIGTERM)
	_, err = listener.Exec(t.Context(), `NOTIFY ended`)
	require.NoError(t, err)
	left := false
	for {
		n, err := listener.WaitForNotification(t.Context())
		require.NoError(t, err)
		if n.Channel == "ended" {
			break
		}
		left = left || strings.Contains(n.Payload, `"type":13`) // ADAPTER_CLOSE
	}
	require.True(t, left, "the leave message must be sent before the process ends")
}

func TestServeJoinsTheNodesOnTheSameDatabase(t *testing.T) {
	database := pgtest.Database(t)
	one := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--name", "one")
	two := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--name", "two")
	apart := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--prefix", "apart", "--name", "three")
	here, there, elsewhere := visit(t, one.links[0], `{}`), visit(t, two.links[0], `{}`), visit(t, apart.links[0], `{}`)
	awaitNodes(here, "one", "two")
	awaitNodes(there, "one", "two")
	awaitNodes(elsewhere, "three")
	here.emit("chat message", `{"text":"hello"}`)
	require.Equal(t, "hello", there.message("chat message")["text"])
	two.interrupt()
	awaitNodes(here, "one")
}
