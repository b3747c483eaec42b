package main_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletionScriptsAreValid(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := run(t, "completion", shell)
		require.Zero(t, r.code, r.stderr)
		require.Contains(t, r.stdout, "backplane")
		program, err := exec.LookPath(shell)
		if shell == "powershell" || err != nil {
			continue
		}
		cmd := exec.Command(program, "-n")
		cmd.Stdin = strings.NewReader(r.stdout)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", shell, out)
	}
	requireUsage(t, `there is no completion for "csh"`, "completion", "csh")
	requireUsage(t, "SHELL is missing", "completion")
}

// In bash it completes commands, flags and values.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	complete := func(line ...string) string {
		r := run(t, append([]string{"__complete"}, line...)...)
		require.Zero(t, r.code)
		return r.stdout
	}
	require.Contains(t, complete("em"), "emit\tsend an event to clients\n")
	require.Contains(t, complete("emit", "--ro"), "--room\t")
	require.Equal(t, "pgx\npq\n:4\n", complete("emit", "--driver", ""))
	require.Contains(t, complete("tail", "--type", "BR"), "BROADCAST")
	require.Contains(t, complete("schema", ""), "up\ndown\n")
	require.Contains(t, complete("completion", "z"), "zsh\n")
	require.Equal(t, ":4\n", complete("emit", "--nsp", ""), "want no completion of file names")

	cmd := exec.Command(bash, "-c", "source /dev/stdin && complete -p backplane")
	cmd.Stdin = strings.NewReader(run(t, "completion", "bash").stdout)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), out.String())
	require.Contains(t, out.String(), "__start_backplane")
}
