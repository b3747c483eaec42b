// Command backplane reaches a cluster from a terminal, and shows one at work. Run "backplane help".
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/command"
	"github.com/backplane-go/backplane/cmd/backplane/internal/demo"
	"github.com/backplane-go/backplane/cmd/backplane/internal/doctor"
	"github.com/backplane-go/backplane/cmd/backplane/internal/scaffold"
	"github.com/backplane-go/backplane/cmd/backplane/internal/serve"
	"github.com/backplane-go/backplane/cmd/backplane/internal/watch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := program().Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

func program() *cli.Program {
	p := &cli.Program{
		Name:    "backplane",
		Summary: "connects the servers of a realtime cluster",
		Version: versionLine(debug.ReadBuildInfo()),
		Help: `
Run "backplane help <command>" for what a command does and its flags. The exit
status is 0 when a command did what it is for, 1 when it failed or not all
nodes answered, 2 when it was called wrongly. The database is --postgres URL, or
what the variable DATABASE_URL says.`,
		Groups: []cli.Group{
			{Title: "Reach clients", Commands: []cli.Command{command.Emit, command.Join, command.Leave, command.Disconnect}},
			{Title: "Look at a cluster", Commands: []cli.Command{watch.Nodes, command.Sockets, command.Rooms, command.Request, watch.Tail}},
			{Title: "Set up a database", Commands: []cli.Command{command.Schema, doctor.Command}},
			{Title: "Run servers", Commands: []cli.Command{demo.Command, serve.Command}},
			{Title: "Extend it", Commands: []cli.Command{scaffold.Command}},
			{Title: "This program", Commands: []cli.Command{version}},
		},
	}
	last := &p.Groups[len(p.Groups)-1]
	last.Commands = append(last.Commands, p.Completion())
	return p
}
