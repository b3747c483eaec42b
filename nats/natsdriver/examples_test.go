package natsdriver_test

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/internal/natstest"
)

// go test does not check the output of the examples that need a server. This test does.
func TestExamples(t *testing.T) {
	t.Setenv("NATS_URL", natstest.New(t, natstest.JetStream(t)).URL())
	require.Equal(t, "1 server\n", output(t, Example))
	require.Equal(t, "1 event: said\n", output(t, Example_log))
	require.Equal(t, "sent\n", output(t, Example_largeMessages))
	require.Equal(t, "hello on news\n", output(t, ExampleDriver))
}

// output returns what f prints.
func output(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	printed := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		printed <- string(all)
	}()
	f()
	require.NoError(t, w.Close())
	return <-printed
}
