package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// output returns what go test prints for tests with these names and outcomes.
func output(tests ...string) *strings.Reader {
	var lines strings.Builder
	for i := 0; i < len(tests); i += 2 {
		fmt.Fprintf(&lines, "{\"Action\":%q,\"Test\":%q}\n", tests[i+1], tests[i])
	}
	return strings.NewReader(lines.String())
}

// everything returns one scenario that passed of each package.
func everything() (tests []string) {
	for _, c := range columns {
		tests = append(tests, c.prefixes[0]+"x/NodeToGo/type03_BROADCAST/unicode", "pass")
	}
	return tests
}

func TestScenariosAreCounted(t *testing.T) {
	first := columns[0].prefixes[0]
	r, err := readResults(output(append(everything(),
		first+"pgx/NodeToGo/type03_BROADCAST/binary", "pass",
		first+"pgx/NodeToGo/type03_BROADCAST/binary", "run",
		first+"pgx/NodeToGo/type03_BROADCAST", "pass", // contains them
		first+"pgx/GoToNode/type03_BROADCAST/binary", "pass",
		first+"pgx/GoToNode/type13_ADAPTER_CLOSE/x", "pass",
		first+"pgx/GoToNode/type13_ADAPTER_CLOSE/y", "skip",
		"TestOther/NodeToGo/type03_BROADCAST/binary", "pass")...))
	require.NoError(t, err)
	versions, err := readVersions("../../interop/node/package.json")
	require.NoError(t, err)
	require.NoError(t, r.check(versions))
	table := r.table(versions)
	lines := strings.Split(strings.TrimSpace(table), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], " postgres-adapter "+versions["@socket.io/postgres-adapter"]+" |")
	require.Contains(t, lines[0], " postgres-adapter "+versions["postgres-adapter-0.3"]+" |")
	require.True(t, strings.HasPrefix(lines[2], "| BROADCAST | 2 / 1 | 1 / 0 |"), lines[2])
	require.True(t, strings.HasPrefix(lines[3], "| ADAPTER_CLOSE | 0 / 1 | |"), lines[3])

	summary := strings.Split(r.summary(versions), "\n")
	require.Equal(t, fmt.Sprintf("| PostgreSQL | postgres-adapter %s, %s, %s; postgres-emitter %s; "+
		"cluster-adapter %s | 2 | 6 / 2 |", versions["@socket.io/postgres-adapter"], versions["postgres-adapter-0.4"],
		versions["postgres-adapter-0.3"], versions["@socket.io/postgres-emitter"],
		versions["@socket.io/cluster-adapter"]), summary[2])

	page, ok := replace("before\n"+begins+"old\n"+ends+"after\n", table)
	require.True(t, ok)
	require.Equal(t, "before\n"+begins+table+ends+"after\n", page)
	_, ok = replace("no marks", table)
	require.False(t, ok)
}

func TestTableOfAFailedOrIncompleteRunIsRefused(t *testing.T) {
	_, err := readResults(output(append(everything(), "TestX/type03_BROADCAST/y", "fail")...))
	require.ErrorContains(t, err, "TestX/type03_BROADCAST/y")
	r, err := readResults(output(everything()[2:]...))
	require.NoError(t, err)
	versions, err := readVersions("../../interop/node/package.json")
	require.NoError(t, err)
	require.ErrorContains(t, r.check(versions), columns[0].name)
	require.ErrorContains(t, r.check(map[string]string{}), "package.json")
	_, err = readResults(strings.NewReader("{no JSON"))
	require.Error(t, err)
}
