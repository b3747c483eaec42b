package backplane_test

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// go test does not check the output of the examples that need PostgreSQL. This test does.
func TestPostgresExamples(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.Database(t))
	const both = `["hello","everybody"] ["hello","everybody"]` + "\n"
	require.Equal(t, both+both, output(t, Example_pgx))
	require.Equal(t, `["hello","from lib/pq"]`+"\n", output(t, Example_libpq))
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
