// Package cli runs a program with subcommands. It parses flags, prints help, sets the exit code, and writes output for
// people (tables, colors) and for programs (JSON). It uses cobra.
//
// # Files
//
//   - cli.go: what a program and its commands consist of
//   - program.go: runs a command
//   - flags.go: annotations of flags and errors about them
//   - help.go: the help texts
//   - completion.go: completion scripts for shells
//   - terminal.go: colors, and characters that are safe to print
//   - width_unix.go, width_other.go: the width of a terminal
//   - table.go: tables
//   - json.go: JSON on one line
package cli

import (
	"context"

	"github.com/spf13/pflag"
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

	// Args describes the arguments in the usage line. The command takes between MinArgs and MaxArgs arguments. A
	// negative MaxArgs means any number.
	Args             string
	MinArgs, MaxArgs int
	Values           []string // possible arguments, for completion in the shell

	Help     string // the description in the command's help, after the usage line
	Examples string // command lines at the end of the help, one per line

	// Bind declares the command's flags and returns the function that runs the command after the flags are parsed.
	Bind func(*pflag.FlagSet) Run
}

// Run runs a command. ctx ends when the user interrupts it.
type Run func(ctx context.Context, t *Terminal, args []string) error

// UsageError is the error of a command with wrong flags or arguments. The exit code is 2.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// Group lists commands under a title in the help.
type Group struct {
	Title    string
	Commands []Command
}

// Program is a set of commands.
type Program struct {
	Name    string
	Summary string
	Version string // printed by --version
	Help    string // printed after the list of commands
	Groups  []Group
}
