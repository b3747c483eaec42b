package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

var version = cli.Command{
	Name:    "version",
	Summary: "print the version of this program",
	Bind: func(*pflag.FlagSet) cli.Run {
		return func(_ context.Context, t *cli.Terminal, _ []string) error {
			_, err := fmt.Fprintln(t.Out, versionLine(debug.ReadBuildInfo()))
			return err
		}
	},
}

// versionLine returns the version of the module, the revision if it is known, and the version of Go.
func versionLine(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "backplane (unknown version)"
	}
	line := "backplane " + info.Main.Version
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		line += " " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			line += "+changes"
		}
	}
	return line + " " + info.GoVersion
}
