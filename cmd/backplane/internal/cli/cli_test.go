package cli_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// program runs a program with one command, which calls run.
func program(run cli.Run, args ...string) (code int, stdout, stderr string) {
	p := &cli.Program{Name: "program", Summary: "is a test", Version: "program 1", Help: "The end."}
	p.Groups = []cli.Group{{
		Title: "Commands", Commands: []cli.Command{{
			Name: "do", Summary: "do it", Args: "WHAT", MaxArgs: 1,
			Bind: func(fs *pflag.FlagSet) cli.Run {
				fs.BoolP("yes", "y", false, "agree")
				return run
			},
		}},
	}}
	var out, err bytes.Buffer
	code = p.Run(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func fails(err error) cli.Run {
	return func(context.Context, *cli.Terminal, []string) error { return err }
}

func TestErrorsAreOneLineWithoutControlCharacters(t *testing.T) {
	code, stdout, stderr := program(fails(errors.New("two\n\tlines \x1b[31m\u202e")), "do")
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Equal(t, "program do: two lines \\x1b[31m\\u202e\n", stderr)
	code, _, stderr = program(fails(&cli.UsageError{Reason: "no"}), "do")
	require.Equal(t, 2, code)
	require.Equal(t, "program do: no (see \"program do --help\")\n", stderr)
	code, _, stderr = program(fails(nil), "do", "-x")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "not defined: -x")
	code, _, stderr = program(fails(nil), "do", "--yes=perhaps")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, `invalid value "perhaps" for flag --yes: it must be true or false`)
	code, _, stderr = program(fails(nil), "do", "---")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "malformed flag: ---")
}

func TestNoArgumentsPrintsTheHelp(t *testing.T) {
	code, stdout, stderr := program(nil)
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Equal(t, "program is a test.\n\n"+
		"Usage: program <command> [arguments] [flags]\n\nCommands:\n  do  do it\n\nThe end.\n", stderr)
}

func terminal(width int) (*cli.Terminal, *bytes.Buffer) {
	var out bytes.Buffer
	return &cli.Terminal{Out: &out, Width: width}, &out
}

func TestTable(t *testing.T) {
	rows := [][]string{{"1", "é", "a\nb"}, {"22", "", "long text at the end"}}
	terminal, out := terminal(0)
	terminal.Table([]string{"A", "BB", "C"}, rows)
	require.Equal(t, "A   BB  C\n1   é   a\\nb\n22      long text at the end\n", out.String())
	out.Reset()
	terminal.Width = 20
	terminal.Table([]string{"A", "BB", "C"}, rows)
	require.Equal(t, "A   BB  C\n1   é   a\\nb\n22      long text a…\n", out.String())
	out.Reset()
	terminal.Table([]string{"A"}, nil)
	require.Empty(t, out.String(), "without rows there must be no header")
	terminal.Color = true
	terminal.Table([]string{"A"}, [][]string{{"1"}})
	require.Equal(t, "\x1b[1mA\x1b[0m\n1\n", out.String())
}

func TestJSONEscapesControlCharactersAndKeepsItsValue(t *testing.T) {
	terminal, out := terminal(0)
	value := "\x1b[31m\u009b\u202e\U0001F469\u200d\U0001F680"
	require.NoError(t, terminal.JSON(map[string]string{"<é>": value}))
	require.Equal(t, `{"<é>":"\u001b[31m\u009b\u202e`+"\U0001F469\u200d\U0001F680"+`"}`+"\n", out.String())
}
