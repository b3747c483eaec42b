package main_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	main "github.com/backplane-go/backplane/cmd/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/internal/testparallel"
)

// binary is the path of the backplane command, which TestMain builds.
var (
	binary     string
	buildFlags []string
)

func TestMain(m *testing.M) {
	testparallel.Set("5")
	_ = os.Setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
	dir, err := os.MkdirTemp("", "backplane")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "backplane")
	code := 1
	args := append(append([]string{"build"}, buildFlags...), "-o", binary, ".")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// result is the exit code and the output of a command.
type result struct {
	code           int
	stdout, stderr string
}

// command returns a command with an environment that does not change its output.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "NO_COLOR=", "TERM=xterm")
	return cmd
}

func run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "backplane %s did not end\n%s%s", strings.Join(args, " "), stdout.String(),
		stderr.String())
	if _, exited := err.(*exec.ExitError); !exited {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// runHere runs the program in this process.
func runHere(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := main.Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return result{code, stdout.String(), stderr.String()}
}

func TestHelpGoesToStdoutAndSucceeds(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"help", "demo"}, {"demo", "--help"}, {"demo", "-h"},
		{"version", "--help"}} {
		r := run(t, args...)
		require.Zero(t, r.code, args)
		require.Empty(t, r.stderr, args)
		require.Contains(t, r.stdout, "Usage: backplane", args)
		for line := range strings.Lines(r.stdout) {
			require.LessOrEqual(t, len(line)-1, 80, "a line of help must fit a terminal: %s", line)
		}
	}
	require.Contains(t, run(t, "demo", "--help").stdout, "--nodes N")
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		r := run(t, arg)
		require.Zero(t, r.code)
		require.Regexp(t, `^backplane \S+.* go1\.\S+\n$`, r.stdout)
	}
}

func TestWrongUsageIsExitCode2AndOneLine(t *testing.T) {
	r := run(t)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "Usage: backplane <command>", "without arguments the program must print the help")

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dance"}, `there is no command "dance": run "backplane help"`},
		{[]string{"help", "dance"}, `there is no command "dance"`},
		{[]string{"demo", "more"}, `unexpected argument "more"`},
		{[]string{"demo", "--colour"}, "not defined: --colour"},
		{[]string{"demo", "--nodes", "many"}, `invalid value "many" for flag --nodes`},
		{[]string{"demo", "--nodes", "0"}, "--nodes must be from 1 to 20, not 0"},
		{[]string{"demo", "--nodes", "21"}, "--nodes must be from 1 to 20, not 21"},
		{[]string{"demo", "--addr", "3000"}, `--addr must be HOST:PORT, such as 127.0.0.1:3000, not "3000"`},
		{[]string{"demo", "--addr", "127.0.0.1:http"}, `the port of --addr must be a number up to 65535, not "http"`},
		{[]string{"demo", "--prefix", ""}, "--prefix is empty"},
		{[]string{"serve", "--addr", "127.0.0.1:65536"}, "a number up to 65535"},
		{[]string{"serve", "--path", "/"}, "--path must be a path such as /socket.io/"},
		{[]string{"serve", "--max-payload", "0"}, "must be more than 0"},
		{[]string{"serve", "--origin", "example.com"}, `--origin: "example.com" is not an origin`},
		{[]string{"serve", "--trusted-proxy", "10.0.0.0/40"}, `--trusted-proxy: "10.0.0.0/40" is not an address`},
		{[]string{"demo", "--driver", "pq"}, "--driver needs --postgres URL"},
		{[]string{"demo", "--table", "t"}, "--table needs --postgres URL"},
		{[]string{"demo", "--postgres", "postgres://localhost/x", "--driver", "mysql"},
			"--driver must be pgx or pq, not mysql"},
		{[]string{"demo", "--postgres", "localhost"}, "--postgres must be a URL like postgres://"},
		{[]string{"demo", "--postgres", "localhost", "--driver", "pq"}, "--postgres must be a URL like postgres://"},
		{[]string{"demo", "--postgres", "postgres://localhost/x?sslmode=perhaps"}, "sslmode"},
		{[]string{"demo", "--postgres", "postgres://localhost/x?sslmode=perhaps", "--driver", "pq"}, "sslmode"},
		{[]string{"demo", "--postgres", "postgres://localhost/x", "--table", "a.b.c"}, `"a.b.c" has more than one dot`},
	} {
		r := run(t, c.args...)
		require.Equal(t, 2, r.code, c.args)
		require.Empty(t, r.stdout, c.args)
		require.Contains(t, r.stderr, c.want)
		requireOneLine(t, r.stderr)
	}
}

func TestAPasswordIsNeverShown(t *testing.T) {
	for _, driver := range []string{"pgx", "pq"} {
		for _, url := range []string{
			"postgres://u:secret@127.0.0.1:1/x", "postgres://u:secret%zz@127.0.0.1:1/x", "u:secret@127.0.0.1",
			"host=127.0.0.1 password=secret nonsense", "postgres://u:secret/x@127.0.0.1/x",
			"postgres://u:secret@127.0.0.1/x?sslmode=secret",
		} {
			for _, command := range []string{"demo", "sockets", "doctor", "tail"} {
				r := run(t, command, "--postgres", url, "--driver", driver)
				require.NotZero(t, r.code)
				require.NotContains(t, r.stdout+r.stderr, "secret", "%s with %s", driver, url)
			}
		}
	}
}

func requireOneLine(t *testing.T, text string) {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, "\n"), "an error must be one line: %s", text)
	require.True(t, strings.HasSuffix(text, "\n"))
}
