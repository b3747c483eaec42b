package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedisUsage(t *testing.T) {
	t.Parallel()
	const none = "--redis=redis://u:secret@127.0.0.1:1"
	for _, command := range clusterCommands {
		with := func(flags ...string) []string { return append(append([]string{}, command...), flags...) }
		requireUsage(t, "--postgres and --redis: give one of them", with(none, nowhere)...)
		requireUsage(t, "--table needs --postgres URL, not --redis", with(none, "--table", "t")...)
		requireUsage(t, "--driver needs --postgres URL, not --redis", with(none, "--driver", "pq")...)
		requireUsage(t, "--redis-prefix needs --redis URL, not --postgres", with(nowhere, "--redis-prefix", "p")...)
		requireUsage(t, "--redis-prefix is empty", with(none, "--redis-prefix", "")...)
		requireUsage(t, "--dialect legacy needs --postgres URL, not --redis", with(none, "--dialect", "legacy")...)
		requireUsage(t, "--dialect classic needs --redis URL, not --postgres", with(nowhere, "--dialect", "classic")...)
		requireUsage(t, "--dialect classic needs --redis URL (see", with("--dialect", "classic")...)
		for flag, value := range map[string]string{
			"--codec": "cbor", "--secret-file": "file", "--redis-prefix": "p",
		} {
			requireUsage(t, flag+": the classic dialect has ", with(none, "--dialect", "classic", flag, value)...)
		}
		for _, url := range []string{
			"localhost", "redis://u:secret%zz@127.0.0.1:1", "http://u:secret@127.0.0.1", "redis://u:secret/x@127.0.0.1",
			"redis://127.0.0.1:1/secret", "redis://127.0.0.1:1?db=secret", "redis://127.0.0.1:1?addr=u:secret@h:1",
		} {
			requireUsage(t, "--redis must be a URL like redis://user:password@localhost:6379", with("--redis", url)...)
			require.NotContains(t, runHere(t, with("--redis", url)...).stderr, "secret")
		}
		requireUsage(t, "--redis: there is no option passwort", with("--redis", "redis://127.0.0.1?passwort=x")...)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--log: the classic dialect has no log: omit it",
			[]string{"emit", "e", "--log", none, "--dialect", "classic"}},
		{"--log: the classic dialect has no log: omit it", []string{"serve", "--log", none, "--dialect", "classic"}},
		{"--log-table needs --postgres URL, not --redis", []string{"serve", "--log-table", "t", none}},
		{"history: the classic dialect has no message", []string{"history", none, "--dialect", "classic"}},
		{"--dialect classic needs --redis URL (see", []string{"serve", "--dialect", "classic"}},
		{"--redis-prefix needs --redis URL (see", []string{"demo", "--redis-prefix", "p"}},
		{"--settle: the classic dialect counts the nodes at once: omit it",
			[]string{"nodes", "--settle", "1s", none, "--dialect", "classic"}},
		{"--heartbeats: the classic dialect has no message for it",
			[]string{"tail", "--heartbeats", none, "--dialect", "classic"}},
	} {
		requireUsage(t, c.want, c.args...)
	}
}
