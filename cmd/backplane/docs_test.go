package main_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allCommands returns the names of the commands in the help.
func allCommands(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+)  `).FindAllStringSubmatch(run(t, "help").stdout, -1) {
		names = append(names, m[1])
	}
	require.Greater(t, len(names), 10)
	return names
}

// docs/reference/cli.md has the help text of every command.
func TestTheReferenceHasEveryHelpText(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/cli.md")
	require.NoError(t, err)
	shown := func(command string) {
		args := strings.Fields(command)
		block := "```\n$ backplane " + command + "\n" + run(t, args...).stdout + "```\n"
		require.True(t, strings.Contains(string(page), block), "docs/reference/cli.md does not have this text:\n%s",
			block)
	}
	shown("help")
	for _, name := range allCommands(t) {
		shown("help " + name)
		require.Contains(t, string(page), "\n### "+name+"\n")
	}
	require.Equal(t, len(allCommands(t))+1, strings.Count(string(page), "$ backplane help"),
		"the page must have no other help texts")
}

func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	for _, name := range append(allCommands(t), "help") {
		r := run(t, name, "--help")
		require.Zero(t, r.code)
		for line := range strings.Lines(r.stdout) {
			require.LessOrEqual(t, len(line)-1, 80, line)
		}
		require.Equal(t, r.stdout, run(t, "help", name).stdout)
	}
}

// No example in the help texts and in docs/reference/cli.md is refused as wrong usage. They run without a server.
func TestExamplesAreNotWrongUsage(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash to run the examples")
	}
	page, err := os.ReadFile("../../docs/reference/cli.md")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cat.png"), []byte("miaow"), 0o600))
	example := regexp.MustCompile(`(?m)^(?:\$ |  )?(backplane (?:[^ h]|h[^e]).*)$`)
	examples := example.FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(examples), 40)
	for _, m := range examples {
		// Without the commands after a pipe and the file that output goes to.
		line := regexp.MustCompile(` \| [a-z]+ .*| \|$| > .*`).ReplaceAllString(m[1], "")
		for server, none := range map[string]string{
			"redis://localhost:6379": "redis://127.0.0.1:1", "nats://localhost:4222": "nats://127.0.0.1:1",
		} {
			line = strings.ReplaceAll(line, server, none)
		}
		prose := regexp.MustCompile(`^backplane (<command>|connects|[a-z-]+: )`).MatchString(line)
		if prose || strings.Contains(line, "--postgres") { // there might be a server
			continue
		}
		if words := strings.Fields(line); words[1] == "demo" || words[1] == "serve" {
			startsOrFails(t, words[1:])
			continue
		}
		cmd := exec.Command(bash, "-c", "backplane() { \""+binary+"\" \"$@\"; }; "+line)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0",
			"DATABASE_URL=postgres://u@127.0.0.1:1/x?sslmode=disable")
		out, err := cmd.CombinedOutput()
		if err != nil {
			require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s\n%s", line, out)
		}
	}
}

// startsOrFails runs a command that does not end by itself until it has written a line. Its ports may be in use.
func startsOrFails(t *testing.T, args []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, args...)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	written := follow(r)
	written.await(t, "\n")
	_ = cmd.Process.Signal(os.Interrupt) // fails if it has ended
	_ = cmd.Wait()
	require.NoError(t, w.Close())
	require.NoError(t, ctx.Err(), "%v must end", args)
	require.NotEqual(t, 2, cmd.ProcessState.ExitCode(), "%v: %s", args, written)
}
