package streamsdriver_test

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
)

// go test does not check the output of an example that needs a server. This test does.
func TestExample(t *testing.T) {
	t.Setenv("REDIS_URL", "redis://"+redistest.New(t).Address())
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	Example()
	require.NoError(t, w.Close())
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "1 server\n", string(text))
}
