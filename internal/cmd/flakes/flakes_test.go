package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flaky is a package with a test that fails in every other run.
func flaky(t *testing.T) pkg {
	t.Helper()
	folder := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.test/flaky\n\ngo 1.25\n")
	write("flaky_test.go", `package flaky

import (
	"os"
	"testing"
)

func TestEveryOther(t *testing.T) {
	if os.Remove("marker") == nil {
		t.Fatal("the marker was there")
	}
	if err := os.WriteFile("marker", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
`)
	t.Chdir(folder)
	all, err := list(t.Context(), []string{"./..."})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

func TestRunsThatFailAreCounted(t *testing.T) {
	p := plan{runs: 4, timeout: time.Minute}
	r, err := p.run(t.Context(), filepath.Join(t.TempDir(), "tests"), flaky(t))
	require.NoError(t, err)
	require.Equal(t, 4, r.runs)
	require.Equal(t, 2, r.failed)

	var table strings.Builder
	print(&table, []result{{pkg: "good", runs: 4}, r})
	lines := strings.Split(table.String(), "\n")
	require.Contains(t, lines[2], "example.test/flaky", "what failed stands first")
	require.Contains(t, table.String(), "2 of 8 runs failed")
}

func TestTheSeedIsFound(t *testing.T) {
	require.Equal(t, "1234", seed([]byte("-test.shuffle 1234\nPASS\n")))
	require.Equal(t, "on", seed([]byte("killed")))
}

func TestInternalPackages(t *testing.T) {
	require.True(t, isInternal("example.test/m/internal/a"))
	require.True(t, isInternal("example.test/m/internal"))
	require.False(t, isInternal("example.test/m/a"))
}
