package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// helpWidth is the length of the longest line of a help text.
const helpWidth = 80

// help writes the program's help, which lists the commands.
func (p *Program) help(w io.Writer) {
	fmt.Fprintf(w, "%s %s.\n\nUsage: %s <command> [arguments] [flags]\n", p.Name, p.Summary, p.Name)
	width := 0
	for _, c := range p.commands() {
		width = max(width, len(c.Name))
	}
	for _, g := range p.Groups {
		fmt.Fprintf(w, "\n%s:\n", g.Title)
		for _, c := range g.Commands {
			fmt.Fprintf(w, "  %-*s  %s\n", width, c.Name, c.Summary)
		}
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(p.Help))
}

// commandHelp writes the help of one command.
func (p *Program) commandHelp(w io.Writer, c Command, flags *pflag.FlagSet) {
	fmt.Fprintf(w, "%s %s: %s.\n\n", p.Name, c.Name, c.Summary)
	usage := strings.TrimSpace(p.Name + " " + c.Name + " " + c.Args)
	groups := groupsOf(flags)
	if len(groups) > 0 {
		usage += " [flags]"
	}
	fmt.Fprintf(w, "Usage: %s\n", usage)
	if c.Help != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.Help))
	}
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s:\n", g.title)
		for i, f := range g.flags {
			writeFlag(w, g.names[i], g.width(), f)
		}
	}
	if c.Examples != "" {
		fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(c.Examples), "\n", "\n  "))
	}
}

// flagsGroup is a list of flags under a title.
type flagsGroup struct {
	title string
	flags []*pflag.Flag
	names []string // with dashes and the name of the value
}

// groupsOf groups flags by title. The flags of the command itself come first. The order is that of the declarations.
func groupsOf(flags *pflag.FlagSet) []*flagsGroup {
	groups := []*flagsGroup{{title: "Flags"}}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		title := "Flags"
		if a := f.Annotations[flagGroup]; a != nil {
			title = a[0]
		}
		var group *flagsGroup
		for _, g := range groups {
			if g.title == title {
				group = g
			}
		}
		if group == nil {
			group = &flagsGroup{title: title}
			groups = append(groups, group)
		}
		value, _ := pflag.UnquoteUsage(f)
		group.flags = append(group.flags, f)
		group.names = append(group.names, strings.TrimSpace("--"+f.Name+" "+value))
	})
	if len(groups[0].flags) == 0 {
		groups = groups[1:]
	}
	return groups
}

func (g *flagsGroup) width() int {
	width := 0
	for _, name := range g.names {
		width = max(width, len(name))
	}
	return width
}

// writeFlag writes a flag, and its description wrapped beside it.
func writeFlag(w io.Writer, name string, width int, f *pflag.Flag) {
	_, usage := pflag.UnquoteUsage(f)
	switch f.Value.Type() {
	case "bool", "stringArray":
	default:
		if f.DefValue != "" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
	}
	margin := strings.Repeat(" ", 2+width+2)
	fmt.Fprintf(w, "  %-*s  %s\n", width, name, strings.Join(Wrap(usage, helpWidth-len(margin)), "\n"+margin))
}

// Wrap breaks text at spaces into lines of at most width bytes. A width of 0 or less means no limit.
func Wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case width <= 0 || len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
