package main_test

import (
	"bytes"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/interop"
)

// Ctrl-C ends every command at once, whatever it waits for, and is no bad usage.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	require.NoError(t, err)
	defer listener.Close()
	for _, args := range clusterCommands {
		var out bytes.Buffer
		cmd := command(t.Context(), append(args, "--postgres", "postgres://u@"+listener.Addr().String()+"/x?sslmode=disable", "--timeout", "1m")...)
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		connection, err := listener.Accept()
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait()
		require.Less(t, time.Since(start), 5*time.Second, args)
		_ = connection.Close()
		if args[0] == "tail" {
			require.Zero(t, cmd.ProcessState.ExitCode(), "a tail ends when it is interrupted")
			require.Empty(t, out.String())
			continue
		}
		require.Equal(t, 1, cmd.ProcessState.ExitCode(), args)
		require.Equal(t, "backplane "+args[0]+": interrupted\n", out.String())
	}
}

// Who is interrupted while others answer says goodbye.
func TestInterruptedMemberSaysGoodbye(t *testing.T) {
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
	require.Eventually(t, func() bool { return len(w.ours.Peers()) == 1 }, 5*time.Second, pause, "sooner than by silence")
}

// Nothing that is no terminal gets colours.
func TestNoColoursInPipes(t *testing.T) {
	t.Parallel()
	r := run(t, "doctor", nowhere)
	require.NotContains(t, r.stdout+r.stderr, "\x1b")
	require.Contains(t, r.stdout, "fail  connection")
}
