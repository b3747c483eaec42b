package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// help writes the list of commands.
func (p *Program) help(w io.Writer) {
	fmt.Fprintf(w, "%s %s.\n\nUsage: %s <command> [flags]\n\nCommands:\n", p.Name, p.Summary, p.Name)
	for _, c := range p.Commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.Name, c.Summary)
	}
	fmt.Fprintf(w, "\nRun \"%s help <command>\" for the flags of a command.\n", p.Name)
}

// commandHelp writes what a command does and its flags.
func (p *Program) commandHelp(w io.Writer, c Command, flags *flag.FlagSet) {
	var list strings.Builder
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + value)
		if f.DefValue != "" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&list, "  %-16s %s\n", name, strings.ReplaceAll(usage, "\n", "\n"+strings.Repeat(" ", 19)))
	})
	usage := "Usage: " + p.Name + " " + c.Name
	if list.Len() > 0 {
		usage += " [flags]"
	}
	fmt.Fprintf(w, "%s %s: %s.\n\n%s\n", p.Name, c.Name, c.Summary, usage)
	if list.Len() > 0 {
		fmt.Fprintf(w, "\nFlags:\n%s", list.String())
	}
	if c.Help != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.Help))
	}
}
