package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Completion returns the command that prints a completion script for p.
func (p *Program) Completion() Command {
	return Command{
		Name: "completion", Summary: "print a completion script for your shell",
		Args: "SHELL", MinArgs: 1, MaxArgs: 1, Values: shells,
		Help: `
Prints a script that completes the names of commands and flags, and the values
of flags that have a fixed set of them. SHELL is bash, zsh, fish or powershell.`,
		Examples: strings.ReplaceAll(`
source <(backplane completion bash)                  # this shell
backplane completion bash > /etc/bash_completion.d/backplane
backplane completion zsh > "${fpath[1]}/_backplane"
backplane completion fish > ~/.config/fish/completions/backplane.fish`, "backplane", p.Name),
		Bind: func(*pflag.FlagSet) Run {
			return func(_ context.Context, t *Terminal, args []string) error {
				root := p.root(Streams{In: t.In, Out: io.Discard, Err: io.Discard})
				switch args[0] {
				case "bash":
					return root.GenBashCompletionV2(t.Out, true)
				case "zsh":
					return root.GenZshCompletion(t.Out)
				case "fish":
					return root.GenFishCompletion(t.Out, true)
				case "powershell":
					return root.GenPowerShellCompletionWithDesc(t.Out)
				}
				return &UsageError{fmt.Sprintf("there is no completion for %q: SHELL is one of %s", args[0],
					strings.Join(shells, ", "))}
			}
		},
	}
}

var shells = []string{"bash", "zsh", "fish", "powershell"}
