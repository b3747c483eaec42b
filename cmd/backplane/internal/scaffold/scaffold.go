// Package scaffold implements the new-transport command: it writes the skeleton of a transport.
package scaffold

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// Command is the new-transport command.
var Command = cli.Command{
	Name:    "new-transport",
	Summary: "write the skeleton of a new transport",
	Args:    "NAME", MinArgs: 1, MaxArgs: 1,
	Help: `
Writes a Go module with a bus that compiles and does nothing yet, the complete
conformance tests, a README and a GitHub workflow. NAME is the package name.

The tests fail, and the first failure tells you the next step. When all tests
pass, the transport is finished. The module uses two packages of backplane:
broker handles queues, waiting and interruption, and proxy simulates outages in
the tests. docs/howto/write-a-transport.md explains both.

The command overwrites no files. At the end it runs "go mod tidy" in the folder,
which may download modules.`,
	Examples: `
backplane new-transport mybus
backplane new-transport mybus --module example.com/team/mybus --dir bus`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := &scaffold{}
		fs.StringVar(&s.dir, "dir", "", "write to the folder `DIR`, which must be empty or not exist (default: NAME)")
		fs.StringVar(&s.module, "module", "", "`PATH` of the module (default: example.com/NAME)")
		fs.StringVar(&s.replace, "replace", "", "use the backplane in this `CHECKOUT` "+
			"(default: the released version or the checkout that this program was built from)")
		return s.run
	},
}

type scaffold struct {
	dir, module, replace string
}

// packageName matches the conventional names of packages.
var packageName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

var modulePaths = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~/-]*$`)

// taken lists names that the skeleton uses, and names with a meaning for the go command.
var taken = []string{
	"broker", "conformance", "context", "fmt", "internal", "main", "os", "proxy", "testing", "transport", "vendor",
}

func (s *scaffold) run(ctx context.Context, t *cli.Terminal, args []string) error {
	name := args[0]
	switch {
	case !packageName.MatchString(name) || token.IsKeyword(name):
		return &cli.UsageError{
			Reason: fmt.Sprintf("NAME must be a Go package name in lower case, such as mybus, not %q", name),
		}
	case slices.Contains(taken, name):
		return &cli.UsageError{
			Reason: fmt.Sprintf("NAME must not be %q, which is in use: choose another, such as mybus", name),
		}
	case s.module != "" && !modulePaths.MatchString(s.module):
		return &cli.UsageError{Reason: fmt.Sprintf("--module must be a module path, such as example.com/mybus, not %q",
			s.module)}
	}
	if s.dir == "" {
		s.dir = name
	}
	if s.module == "" {
		s.module = "example.com/" + name
	}
	version, replace, err := source(s.replace)
	if err != nil {
		return err
	}
	if err := requireEmpty(s.dir); err != nil {
		return err
	}
	files, err := write(s.dir, skeleton{
		Name: name, Upper: strings.ToUpper(name), Module: s.module, Version: version, Replace: replace,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "wrote %s: %s\n", s.dir, strings.Join(files, ", "))
	if replace != "" {
		fmt.Fprintf(t.Out, "it uses the backplane in %s: see the replace line in its go.mod\n", replace)
	}
	if err := tidy(ctx, s.dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "next: run this, and do what the first failure says: cd %s && go test -failfast\n",
		s.dir)
	return err
}

// requireEmpty returns an error if the folder contains anything.
func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty (it contains %s): choose another folder, because no files are overwritten",
			dir, filepath.Base(entries[0].Name()))
	}
	return nil
}
