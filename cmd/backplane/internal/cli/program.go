package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Streams are the standard streams of a program.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs the command in args and returns the exit code: 0 for success, 1 for failure, 2 for wrong usage. It writes an
// error as one line to Streams.Err.
func (p *Program) Run(ctx context.Context, args []string, streams Streams) int {
	root := p.root(streams)
	if args == nil {
		args = []string{} // with nil, cobra uses the arguments of the process
	}
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var usage *UsageError
	name := called.CommandPath()
	switch {
	case errors.Is(err, errNoCommand):
		p.help(streams.Err)
		return exitUsage
	case errors.As(err, &usage) && called == root:
		fmt.Fprintf(streams.Err, "%s: %s\n", name, oneLine(err))
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintf(streams.Err, "%s: %s (see %q)\n", name, oneLine(err), name+" --help")
		return exitUsage
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	}
	fmt.Fprintf(streams.Err, "%s: %s\n", name, oneLine(err))
	return exitFailed
}

// errNoCommand is returned when the program is called without arguments.
var errNoCommand = errors.New("no command")

// root returns the program as a cobra command.
func (p *Program) root(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use: p.Name, Version: p.Version, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              func(root *cobra.Command, args []string) error { return p.unknown(root, args) },
		RunE:              func(*cobra.Command, []string) error { return errNoCommand },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetHelpFunc(func(called *cobra.Command, _ []string) {
		for _, c := range p.commands() {
			if c.Name == called.Name() {
				p.commandHelp(streams.Out, c, called.LocalFlags())
				return
			}
		}
		p.help(streams.Out)
	})
	for _, c := range p.commands() {
		root.AddCommand(c.cobra(streams))
	}
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]", Short: "describe a command and its flags",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range p.commands() {
				names = append(names, c.Name+"\t"+c.Summary)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(help *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "help" {
				return root.Help()
			}
			c, _, err := root.Find(args[:1])
			if err != nil || c == root {
				return p.unknown(root, args)
			}
			return c.Help()
		},
	})
	return root
}

// unknown returns an error for a command that does not exist.
func (p *Program) unknown(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	root.SuggestionsMinimumDistance = 2
	if similar := root.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", similar[0])
	}
	return &UsageError{fmt.Sprintf("there is no command %q%s: run %q for the list", args[0], hint, p.Name+" help")}
}

func (p *Program) commands() []Command {
	var all []Command
	for _, g := range p.Groups {
		all = append(all, g.Commands...)
	}
	return all
}

// cobra returns the command as a cobra command.
func (c Command) cobra(streams Streams) *cobra.Command {
	command := &cobra.Command{Use: strings.TrimSpace(c.Name + " " + c.Args), Short: c.Summary, ValidArgs: c.Values}
	command.Args = func(_ *cobra.Command, args []string) error { return c.checkArgs(args) }
	if c.Values == nil {
		command.ValidArgsFunction = cobra.NoFileCompletions
	}
	command.Flags().SortFlags = false
	run := c.Bind(command.Flags())
	command.RunE = func(command *cobra.Command, args []string) error {
		return run(command.Context(), newTerminal(streams), args)
	}
	completeFlags(command)
	return command
}

func (c Command) checkArgs(args []string) error {
	switch {
	case c.MaxArgs >= 0 && len(args) > c.MaxArgs:
		return &UsageError{fmt.Sprintf("unexpected argument %q", args[c.MaxArgs])}
	case len(args) < c.MinArgs:
		return &UsageError{fmt.Sprintf("%s is missing", strings.Fields(c.Args)[len(args)])}
	}
	return nil
}

// oneLine returns the text of an error on one line. Errors of databases can have several lines.
func oneLine(err error) string { return Printable(strings.Join(strings.Fields(err.Error()), " ")) }
