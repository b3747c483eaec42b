package interop_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// patient returns a context for a test that is not a scenario.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// opened opens the namespace "/" on the openers in order and waits until all know each other.
func opened(t *testing.T, ctx context.Context, openers ...opener) []side {
	t.Helper()
	var sides []side
	nodes := 0
	for _, o := range openers {
		s, err := o.open(ctx, "/")
		require.NoError(t, err)
		sides = append(sides, s)
		nodes += o.nodes()
	}
	for _, s := range sides {
		require.NoError(t, s.AwaitServerCount(ctx, nodes))
	}
	return sides
}

// TestInteropKilledNode: a killed node expires, and pending requests then complete without it.
func TestInteropKilledNode(t *testing.T) {
	for _, adapter := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03} {
		t.Run("Node-"+adapter+"DiesForGo", func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newWorld(t)
			node := w.start(t, adapter).(nodeOpener)
			sides := opened(t, ctx, node, w.startGo(t, pgxDriver))
			ours := sides[1]
			near, err := ours.connect(ctx, interop.ClientSpec{})
			require.NoError(t, err)

			node.k.peer.Kill()
			start := time.Now()
			sockets, err := ours.FetchSockets(ctx, interop.Target{TimeoutMS: patience.Milliseconds()})
			require.ErrorContains(t, err, "1 nodes left")
			require.Less(t, time.Since(start), patience-5*time.Second,
				"the request must complete when the node expires, not at its timeout")
			require.Empty(t, sockets)
			require.NoError(t, ours.AwaitServerCount(ctx, 1))

			answer, err := ours.EmitWithAck(ctx, interop.Target{}.Timeout(ackTimeout), "ask", 1)
			require.NoError(t, err)
			require.Equal(t, []any{[]any{1.0}}, answer.Values, "want the answer of the only remaining client, %s",
				near.ID())
		})
	}
	t.Run("AWorkerDiesForGo", func(t *testing.T) {
		t.Parallel()
		ctx := patient(t)
		w := newWorld(t)
		workers := w.start(t, interop.Cluster).(clusterOpener)
		ours := opened(t, ctx, workers, w.startGo(t, pgxDriver))[1]
		require.NoError(t, workers.k.peer.KillWorker(ctx, 2))
		require.NoError(t, ours.AwaitServerCount(ctx, 2))
	})
	for _, adapter := range []string{interop.Adapter05, interop.Adapter03} {
		t.Run("GoDiesForNode-"+adapter, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newWorld(t)
			sides := opened(t, ctx, w.start(t, adapter), w.startGo(t, pgxDriver))
			dying := startHelper(t, w.url)
			for _, s := range sides {
				require.NoError(t, s.AwaitServerCount(ctx, 3))
			}
			require.NoError(t, dying.Process.Kill())
			for _, s := range sides {
				require.NoError(t, s.AwaitServerCount(ctx, 2))
			}
			sockets, err := sides[0].FetchSockets(ctx, interop.Target{})
			require.NoError(t, err)
			require.Empty(t, sockets)
		})
	}
}

// helperURL is the environment variable that makes the test binary a Go node in its own process, which can be killed.
const helperURL = "INTEROP_HELPER_DATABASE"

// startHelper starts this test binary as a node and waits until it has opened "/".
func startHelper(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperNode$", "-test.v")
	cmd.Env = append(os.Environ(), helperURL+"="+url)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if lines.Text() == "open" {
			return cmd
		}
	}
	t.Fatal("the helper ended before it was ready")
	return nil
}

// TestHelperNode is the node that startHelper starts. It is not a test.
func TestHelperNode(t *testing.T) {
	url := os.Getenv(helperURL)
	if url == "" {
		t.Skip("not a test: a process of other tests")
	}
	w := &world{url: url, prefix: "interop"}
	_, err := w.startGo(t, pgxDriver).open(patient(t), "/")
	require.NoError(t, err)
	_, _ = os.Stdout.WriteString("\nopen\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed or its parent ends
}
