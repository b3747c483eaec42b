package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs read the log: with --log-format json each line is an object.
func TestServeLogsInJSON(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--log-format", "json", "--log-level", "info")
	v := visit(t, r.links[0], `{}`)
	r.interrupt()
	v.gone()
	var messages []string
	for line := range strings.Lines(r.stderr.String()) {
		var record struct{ Time, Level, Msg string }
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		require.Contains(t, []string{"INFO", "WARN", "ERROR"}, record.Level, line)
		messages = append(messages, record.Msg)
	}
	require.Equal(t, "backplane: cluster started", messages[0])
	require.True(t, slices.Contains(messages, "socketio: server closed"), "%q", messages)
	require.Equal(t, "backplane: cluster closed", messages[len(messages)-1])
}

func TestServeLogLevels(t *testing.T) {
	t.Parallel()
	const started, connected = `msg="backplane: cluster started"`, `msg="socketio: client connected"`
	for flags, want := range map[string][]string{
		"--verbose":                   {started, connected},
		"--log-level=debug":           {started, connected},
		"--log-level=debug --verbose": {started, connected},
		"--log-level=info":            {started},
		"--log-level=warn":            {},
		"--log-level=error":           {},
	} {
		r := start(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, strings.Fields(flags)...)...)
		visit(t, r.links[0], `{}`)
		r.interrupt()
		for _, message := range []string{started, connected} {
			require.Equal(t, slices.Contains(want, message), strings.Contains(r.stderr.String(), message),
				"%s: %s in\n%s", flags, message, r.stderr)
		}
	}
}

func TestServeFlagsOfTheLogAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--log-format", "xml"}, `--log-format must be text or json, not "xml"`},
		{[]string{"--log-level", "loud"}, `--log-level must be debug, info, warn or error, not "loud"`},
		{[]string{"--log-level", "info", "--verbose"}, "--verbose is --log-level debug: give only one of them"},
		{[]string{"--drain", "-1s"}, "--drain must not be negative"},
	} {
		r := run(t, append([]string{"serve"}, c.args...)...)
		require.Equal(t, 2, r.code, c.args)
		require.Contains(t, r.stderr, c.want)
	}
}

func TestServeSaysWhetherItIsReady(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0")
	for path, want := range map[string]string{"/healthz": "alive\n", "/readyz": "ready\n"} {
		response, body := fetch(t, r.links[0]+path)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, want, body)
	}
}

// While a server drains, it still answers: the balancer sees that it is not ready, and new clients are refused.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--drain", "1h", "--log-level", "info")
	one, two := visit(t, r.links[0], `{}`), visit(t, r.links[0], `{}`)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	r.stderr.await(t, `msg="socketio: server draining" clients=2 over=1h`)
	gone := make(chan struct{}, 2)
	for _, v := range []*visitor{one, two} {
		go func() {
			for range v.packets { // until the connection has ended
			}
			gone <- struct{}{}
		}()
	}
	<-gone
	response, body := fetch(t, r.links[0]+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "the server is draining\n", body)
	response, _ = fetch(t, r.links[0]+"/healthz")
	require.Equal(t, http.StatusOK, response.StatusCode)
	response, body = fetch(t, r.links[0]+"/socket.io/?EIO=4&transport=polling")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Contains(t, body, "the server is shutting down")

	r.stopped = true
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt)) // a second signal stops it at once
	require.Error(t, r.cmd.Wait())
}

func TestServeEndsWhenItHasDrained(t *testing.T) {
	t.Parallel()
	r := start(t, "serve", "--addr", "127.0.0.1:0", "--drain", "100ms")
	one, two := visit(t, r.links[0], `{}`), visit(t, r.links[0], `{}`)
	r.end(syscall.SIGTERM)
	one.gone()
	two.gone()
	require.Empty(t, r.stderr.String())
}
