package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clusterCommands are the commands that connect to a cluster, with the arguments that they require.
var clusterCommands = [][]string{
	{"emit", "event"}, {"emit", "event", "--ack"}, {"request", "event"}, {"request", "event", "--no-ack"},
	{"join", "room", "--all"}, {"leave", "room", "--all"}, {"disconnect", "--all"}, {"disconnect", "--socket", "id"},
	{"nodes"}, {"sockets"}, {"rooms"}, {"tail"}, {"doctor"},
}

// connectingCommands are those and the bridge command, which connects to two clusters.
var connectingCommands = append(slices.Clone(clusterCommands), []string{"bridge"})

// nowhere is a valid URL with no server behind it.
const nowhere = "--postgres=postgres://u@127.0.0.1:1/x?sslmode=disable"

// requireUsage requires that a call is wrong usage. It runs the program in this process, because starting it takes much
// longer than refusing a flag.
func requireUsage(t *testing.T, want string, args ...string) {
	t.Helper()
	r := runHere(t, args...)
	require.Equal(t, 2, r.code, "%q: %s", args, r.stderr)
	require.Empty(t, r.stdout, args)
	require.Contains(t, r.stderr, want)
	require.Contains(t, r.stderr, `(see "backplane `+args[0]+` --help")`)
	requireOneLine(t, r.stderr)
}

func TestFlagsThatAllCommandsRefuse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 60)
	for _, command := range connectingCommands {
		with := func(flags ...string) []string { return append(append([]string{}, command...), flags...) }
		requireUsage(t, "not defined: --colour", with("--colour")...)
		requireUsage(t, "flag needs a value: --timeout", with("--timeout")...)
		requireUsage(t, `invalid value "soon" for flag --timeout: it must be a duration such as 500ms`,
			with("--timeout", "soon")...)
		requireUsage(t, "--timeout must be more than 0", with(nowhere, "--timeout", "0s")...)
		requireUsage(t, "--driver must be pgx or pq, not mysql", with(nowhere, "--driver", "mysql")...)
		requireUsage(t, "--codec must be json or cbor, not xml", with(nowhere, "--codec", "xml")...)
		requireUsage(t, "--postgres must be a URL", with("--postgres", "localhost")...)
		requireUsage(t, `"a.b.c" has more than one dot`, with(nowhere, "--table", "a.b.c")...)
		requireUsage(t, "is longer than 63 bytes", with(nowhere, "--table", strings.Repeat("t", 64))...)
		requireUsage(t, `has 71 bytes and the bus allows 63: shorten the namespace`,
			with(nowhere, "--nsp", "/"+long)...)
		requireUsage(t, `has 71 bytes and the bus allows 63: shorten the namespace`, with(nowhere, "--nsp", long)...)
	}
}

func TestArgumentsThatACommandRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "huge")
	f, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(300<<20)) // a sparse file, which needs no space on the disk
	require.NoError(t, f.Close())
	for _, c := range []struct {
		want string
		args []string
	}{
		{"EVENT is missing", []string{"emit"}},
		{"EVENT is empty", []string{"emit", ""}},
		{"EVENT is not valid UTF-8", []string{"emit", "\xff"}},
		{`"connect" is a reserved event name`, []string{"emit", "connect"}},
		{`"disconnecting" is a reserved event name`, []string{"emit", "disconnecting", "--ack"}},
		{`"newListener" is a reserved event name`, []string{"request", "newListener"}},
		{`argument 2: "{a:1}" is not JSON`, []string{"emit", "e", "1", "{a:1}", "--strict"}},
		{`argument 1: "" is not JSON`, []string{"request", "e", "", "--strict"}},
		{"argument 1: its arrays and objects are nested too deeply",
			[]string{"emit", "e", strings.Repeat("[", 120) + strings.Repeat("]", 120)}},
		{"argument 1: it is not valid UTF-8: send bytes with --binary", []string{"emit", "e", "\xff"}},
		{"(put -- before arguments that start with a dash)", []string{"emit", "e", "-5"}},
		{"--binary: open missing: no such file or directory", []string{"emit", "e", "--binary", "missing"}},
		{"--binary: read .: is a directory", []string{"emit", "e", "--binary", "."}},
		{"the files have more than 256 MiB: send a link", []string{"emit", "e", "--binary", file}},
		{"there is one standard input", []string{"emit", "e", "--binary", "-", "--binary", "-"}},
		{"--room is empty", []string{"emit", "e", "--room", ""}},
		{"--except is not valid UTF-8", []string{"emit", "e", "--except", "\xff"}},
		{"--prefix is empty", []string{"emit", "e", "--prefix", ""}},
		{"--table is empty", []string{"emit", "e", "--table", ""}},
		{"at most 61 leave room for a namespace", []string{"emit", "e", "--prefix", strings.Repeat("p", 62)}},
		{"--nodes requires --ack", []string{"emit", "e", "--nodes", "2"}},
		{"--settle must be more than 0", []string{"emit", "e", "--ack", "--settle", "0"}},
		{"--nodes must not be negative", []string{"sockets", "--nodes", "-1"}},
		{`invalid value "two" for flag --nodes: it must be a number`, []string{"nodes", "--nodes", "two"}},
		{`unexpected argument "x"`, []string{"nodes", "x"}},
		{"ROOM... is missing", []string{"join", "--all"}},
		{"ROOM is empty", []string{"leave", "", "--all"}},
		{"no clients selected: give --room, --except, --socket or --all", []string{"join", "room"}},
		{"no clients selected", []string{"disconnect"}},
		{"--all selects all clients: omit --room", []string{"disconnect", "--all", "--room", "r"}},
		{"--socket selects one client: omit --room", []string{"disconnect", "--socket", "id", "--room", "r"}},
		{"--socket is empty", []string{"disconnect", "--socket", ""}},
		{"--socket is empty", []string{"rooms", "--socket", ""}},
		{"--socket selects one client", []string{"rooms", "--socket", "id", "--except", "r"}},
		{"--nodes requires --socket", []string{"join", "room", "--all", "--nodes", "1"}},
		{"--custom takes exactly one argument", []string{"request", "--custom", "1", "2"}},
		{"--nodes requires answers", []string{"request", "e", "--no-ack", "--nodes", "1"}},
		{"there is no --type X: it must be one of INITIAL_HEARTBEAT, HEARTBEAT, BROADCAST",
			[]string{"tail", "--type", "X"}},
		{"--count must not be negative", []string{"tail", "--count", "-1"}},
		{"--report must not be negative", []string{"bridge", "--report", "-1s"}},
		{"--legacy-prefix is empty", []string{"bridge", "--legacy-prefix", ""}},
		{"--legacy-postgres must be a URL", []string{"bridge", "--legacy-postgres", "localhost"}},
	} {
		requireUsage(t, c.want, append(c.args, nowhere)...)
	}
}

func TestCommandsWithoutADatabase(t *testing.T) {
	t.Parallel()
	dead := closedPort(t)
	for _, args := range connectingCommands {
		cmd := command(t.Context(), args...)
		cmd.Env = append(cmd.Env, "DATABASE_URL=")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 2, cmd.ProcessState.ExitCode())
		require.Contains(t, string(out), "no database: give --postgres URL or set DATABASE_URL")
		requireOneLine(t, string(out))

		for _, driver := range drivers {
			r := run(t, append(args, "--postgres", "postgres://u:secret@"+dead+"/x?sslmode=disable", "--driver",
				driver)...)
			require.Equal(t, 1, r.code)
			requireOneLine(t, r.stderr)
			require.NotContains(t, r.stdout+r.stderr, "secret")
			require.Contains(t, r.stdout+r.stderr, "connection refused: check that the server runs", args)
		}
	}
}

func TestAnUnknownCommandSuggestsASimilarOne(t *testing.T) {
	r := run(t, "emot", "x")
	require.Equal(t, 2, r.code)
	require.Equal(t,
		`backplane: there is no command "emot" (did you mean "emit"?): run "backplane help" for the list`+"\n",
		r.stderr)
}
