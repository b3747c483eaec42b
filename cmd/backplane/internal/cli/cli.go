// Package cli is the frame of the backplane command: it finds the subcommand, reads its flags, and turns what comes
// back into an exit code.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Command is one subcommand.
type Command struct {
	Name    string
	Summary string // one line, for the list of commands
	Help    string // what its own help says after the usage line
	// Bind declares the command's flags and returns what runs it once they are read.
	Bind func(*flag.FlagSet) Run
}

// Run does what a command is for. ctx ends when the user interrupts it.
type Run func(ctx context.Context, t *Terminal) error

// UsageError is returned by a command that was called in a way that cannot work.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// Program is a set of commands.
type Program struct {
	Name     string
	Summary  string
	Commands []Command
}

// Run runs the command that args name and returns the exit code: 0 when it did what it is for, 1 when it failed, 2
// when it was called wrongly. Errors are one line on stderr.
func (p *Program) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		p.help(stderr)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if name != "help" || len(args) == 0 {
			p.help(stdout)
			return exitOK
		}
		name, args = args[0], []string{"--help"}
	case "--version", "-version":
		name = "version"
	}
	for _, c := range p.Commands {
		if c.Name == name {
			return p.run(ctx, c, args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "%s: there is no command %q: run %q for the list\n", p.Name, name, p.Name+" help")
	return exitUsage
}

func (p *Program) run(ctx context.Context, c Command, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	run := c.Bind(flags)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.commandHelp(stdout, c, flags)
		return exitOK
	case err != nil:
		err = &UsageError{strings.ReplaceAll(err.Error(), " -", " --")}
	case flags.NArg() > 0:
		err = &UsageError{fmt.Sprintf("the argument %q is one too many", flags.Arg(0))}
	default:
		err = run(ctx, newTerminal(stdout))
	}
	if err == nil {
		return exitOK
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		command := p.Name + " " + c.Name
		fmt.Fprintf(stderr, "%s: %s (see %q)\n", command, oneLine(err), command+" --help")
		return exitUsage
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(stderr, "%s %s: %s\n", p.Name, c.Name, oneLine(err))
	return exitFailed
}

// oneLine is the text of err, in which databases like to write several lines.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
