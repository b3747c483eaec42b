// Package scaffold writes the skeleton of a transport, from which its author goes on.
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

// Command writes the skeleton.
var Command = cli.Command{
	Name:    "new-transport",
	Summary: "write the skeleton of a transport of your own",
	Args:    "NAME", MinArgs: 1, MaxArgs: 1,
	Help: `
Writes a Go module with a bus that compiles and does nothing yet, its proof with
all hooks, a README and a workflow for GitHub. NAME is the name of the package.

Run its tests: they fail, and the first failure says which step is next. When
nothing fails any more the transport is finished. It uses two packages: broker,
which queues, waits and interrupts, and proxy, which makes the tests' outages.
docs/howto/write-a-transport.md explains both.

Nothing is overwritten. At the end it runs "go mod tidy" in the folder, which
may download modules.`,
	Examples: `
backplane new-transport mybus
backplane new-transport mybus --module example.com/team/mybus --dir bus`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		s := &scaffold{}
		fs.StringVar(&s.dir, "dir", "", "write to `DIR`, which must be empty or not exist (default: NAME)")
		fs.StringVar(&s.module, "module", "", "`PATH` of the module (default: example.com/NAME)")
		fs.StringVar(&s.replace, "replace", "", "use the backplane in this `CHECKOUT` (default: a released version, or the checkout that this program was built from)")
		return s.run
	},
}

type scaffold struct {
	dir, module, replace string
}

// packageName is how packages are named by convention.
var packageName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

var modulePaths = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~/-]*$`)

// taken are the names that the files of the skeleton use for something else, and those of which Go makes something special.
var taken = []string{"broker", "conformance", "context", "fmt", "internal", "main", "os", "proxy", "testing", "transport", "vendor"}

func (s *scaffold) run(ctx context.Context, t *cli.Terminal, args []string) error {
	name := args[0]
	switch {
	case !packageName.MatchString(name) || token.IsKeyword(name):
		return &cli.UsageError{Reason: fmt.Sprintf("NAME is the name of a Go package, in lower case, such as mybus, not %q", name)}
	case slices.Contains(taken, name):
		return &cli.UsageError{Reason: fmt.Sprintf("NAME must not be %q, which the skeleton uses itself: take one such as mybus", name)}
	case s.module != "" && !modulePaths.MatchString(s.module):
		return &cli.UsageError{Reason: fmt.Sprintf("--module is the path of a module, such as example.com/mybus, not %q", s.module)}
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
	files, err := write(s.dir, skeleton{Name: name, Upper: strings.ToUpper(name), Module: s.module, Version: version, Replace: replace})
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
	_, err = fmt.Fprintf(t.Out, "next: cd %s && go test -failfast, and do what the failure says\n", s.dir)
	return err
}

// requireEmpty refuses a folder that there is something in.
func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty (it holds %s): nothing is overwritten", dir, filepath.Base(entries[0].Name()))
	}
	return nil
}
