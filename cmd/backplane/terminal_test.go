package main_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// Ctrl-C stops every command at once, whatever the command waits for. The exit status is not that of wrong usage.
func TestCtrlCStopsEveryCommand(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	require.NoError(t, err)
	defer listener.Close()
	for _, args := range clusterCommands {
		var out bytes.Buffer
		cmd := command(t.Context(), append(args, "--postgres",
			"postgres://u@"+listener.Addr().String()+"/x?sslmode=disable", "--timeout", "1m")...)
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		connection, err := listener.Accept()
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
		require.Less(t, time.Since(start), 8*time.Second, args)
		_ = connection.Close()
		if args[0] == "tail" {
			require.Zero(t, cmd.ProcessState.ExitCode(), "want exit status 0: an interrupt is the normal end of a tail")
			require.Empty(t, out.String())
			continue
		}
		require.Equal(t, 1, cmd.ProcessState.ExitCode(), args)
		require.Equal(t, "backplane "+args[0]+": interrupted\n", out.String())
	}
}

// A command that is interrupted while it waits for answers leaves the cluster.
func TestAnInterruptedCommandLeavesTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{Ack: interop.Never()})
	cmd := command(w.ctx, w.args("emit", "--ack", "--nodes", "2", "--timeout", "1m", "ask")...)
	require.NoError(t, cmd.Start())
	require.Equal(t, []any{"ask"}, w.next(c))
	require.NoError(t, w.ours.WaitForPeers(w.ctx, 2))
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait()
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Eventually(t, func() bool { return len(w.ours.Peers()) == 1 }, 8*time.Second, pause,
		"want: the command leaves sooner than the heartbeat timeout")
}

// Colors are only for terminals.
func TestNoColorsInPipes(t *testing.T) {
	t.Parallel()
	r := run(t, "doctor", nowhere)
	require.NotContains(t, r.stdout+r.stderr, "\x1b")
	require.Contains(t, r.stdout, "fail  connection")
}

// On a terminal there are colors, unless NO_COLOR is set, and lines have the width of the terminal.
func TestColorsAndWidthOnATerminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs the script command of Linux")
	}
	onTerminal := func(variables ...string) string {
		cmd := exec.Command(script, "-qec", binary+" doctor '"+nowhere+"'", "/dev/null")
		cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TERM=xterm", "COLUMNS=60", "NO_COLOR="),
			variables...)
		cmd.Stdin = strings.NewReader("")
		out, _ := cmd.CombinedOutput() // the doctor fails
		return strings.ReplaceAll(string(out), "\r", "")
	}
	text := onTerminal()
	require.Contains(t, text, "\x1b[31mfail\x1b[0m  connection ")
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "backplane doctor: ") { // stderr
			require.LessOrEqual(t, len(strings.TrimPrefix(line, "\x1b[31mfail\x1b[0m")), 61, line)
		}
	}
	require.NotContains(t, onTerminal("NO_COLOR=1"), "\x1b")
	require.NotContains(t, onTerminal("TERM=dumb"), "\x1b")
}
