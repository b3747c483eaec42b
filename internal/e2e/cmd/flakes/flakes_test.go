package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flaky returns a package with a test that fails in every second run.
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

func TestEverySecond(t *testing.T) {
	if os.Remove("marker") == nil {
		t.Fatal("the marker exists")
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

func TestFailedRunsAreCounted(t *testing.T) {
	p := plan{runs: 4, timeout: time.Minute}
	r, err := p.runPackage(t.Context(), filepath.Join(t.TempDir(), "tests"), flaky(t))
	require.NoError(t, err)
	require.Equal(t, 4, r.runs)
	require.Equal(t, 2, r.failed)

	var table strings.Builder
	print(&table, []result{{pkg: "good", runs: 4}, r})
	lines := strings.Split(table.String(), "\n")
	require.Contains(t, lines[2], "example.test/flaky", "packages with failures must come first")
	require.Contains(t, table.String(), "2 of 8 runs failed")
}

func TestSeedIsFound(t *testing.T) {
	require.Equal(t, "1234", seed([]byte("-test.shuffle 1234\nPASS\n")))
	require.Equal(t, "on", seed([]byte("killed")))
}

// suite has a check that in every second run fails on a correct implementation and misses one of its two mutants.
const suite = `package suite

import (
	"flag"
	"testing"
)

var n int

var _ = flag.Bool("few", true, "a flag of the tests of conformance")

func TestBusSuite(t *testing.T) {
	n++
	t.Run("Good/OrderIsKept", func(t *testing.T) { even(t) })
	t.Run("OrderIsKept/caught", func(t *testing.T) {})
	t.Run("OrderIsKept/missed", func(t *testing.T) { even(t) })
	t.Run("Good/Other", func(t *testing.T) {})
}

func even(t *testing.T) {
	if n%2 == 0 {
		t.Error("text of the failure")
	}
}
`

func TestChecksAndMutantsAreCounted(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module example.test/suite\n\ngo 1.25\n"),
		0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "suite_test.go"), []byte(suite), 0o600))
	t.Chdir(folder)
	p := plan{runs: 4, timeout: time.Minute, test: "Order"}
	failed, err := p.proveSuites(t.Context(), t.TempDir(), ".")
	require.NoError(t, err)
	require.Equal(t, 6*2*2, failed, "in each of six variants, two of four runs must fail, for one check and one mutant")
}

func TestTablesOfChecksAndMutants(t *testing.T) {
	c := tally{checks: make(map[string]*count)}
	c.note(event{Test: "TestBusSuite/Good/OrderIsKept", Elapsed: 1}, false)
	c.note(event{Test: "TestBusSuite/OrderIsKept/a"}, false)
	c.note(event{Test: "TestBusSuite/OrderIsKept/b"}, true)
	c.note(event{Test: "TestBusSuite/OrderIsKept/b"}, false)
	c.note(event{Test: "TestBusSuite/OrderIsKept"}, true) // only its subtests are counted
	var text strings.Builder
	require.Equal(t, 1, c.print(&text))
	require.Regexp(t, `4 +1 +1\.0  Bus OrderIsKept`, text.String())
	require.Regexp(t, `2 +3 +2  Bus OrderIsKept`, text.String())
	require.Contains(t, text.String(), "0 of 1 runs on correct implementations failed, 0 processes ended without a "+
		"result, 1 of 3 mutants were missed")
}

func TestInternalPackages(t *testing.T) {
	require.True(t, isInternal("example.test/m/internal/a"))
	require.True(t, isInternal("example.test/m/internal"))
	require.False(t, isInternal("example.test/m/a"))
}
