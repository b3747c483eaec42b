// Package cli is the frame of the backplane command: its commands and their flags, help, exit codes, and how they write
// for people and for programs. It stands on cobra.
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

	// Args is how the arguments are written in the usage line. There may be from MinArgs to MaxArgs of them, any number
	// if MaxArgs is negative.
	Args             string
	MinArgs, MaxArgs int
	Values           []string // what the arguments can be, for the shell's completion

	Help     string // what its own help says after the usage line
	Examples string // command lines, at the end of the help

	// Bind declares the command's flags and returns what runs it once they are read.
	Bind func(*pflag.FlagSet) Run
}

// Run does what a command is for. ctx ends when the user interrupts it.
type Run func(ctx context.Context, t *Terminal, args []string) error

// UsageError is returned by a command that was called in a way that cannot work.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// Group is a group of commands, under a title in the help.
type Group struct {
	Title    string
	Commands []Command
}

// Program is a set of commands.
type Program struct {
	Name    string
	Summary string
	Version string // what --version prints
	Help    string // what the help says after the list of commands
	Groups  []Group
}
