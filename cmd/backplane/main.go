// Command backplane works with a cluster from the command line, and runs demo clusters. Run "backplane help" for a
// list of its commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/backplane-go/backplane/cmd/backplane/internal/bridge"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/command"
	"github.com/backplane-go/backplane/cmd/backplane/internal/demo"
	"github.com/backplane-go/backplane/cmd/backplane/internal/doctor"
	"github.com/backplane-go/backplane/cmd/backplane/internal/history"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/cmd/backplane/internal/scaffold"
	"github.com/backplane-go/backplane/cmd/backplane/internal/serve"
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
Run "backplane help <command>" for the description and the flags of a command.

The database is --postgres URL, or the environment variable DATABASE_URL. A
Redis server is --redis URL, and a NATS server is --nats URL. Servers with
@socket.io/redis-adapter need --dialect classic or sharded, those with
@socket.io/redis-streams-adapter --dialect streams, and those of Socket.IO 2
with socket.io-adapter-postgres --dialect legacy.

The exit status is 0 for success, 1 if the command failed or not all nodes
answered, and 2 for wrong usage.`,
		Groups: []cli.Group{
			{Title: "Send to clients", Commands: []cli.Command{
				command.Emit, command.Join, command.Leave, command.Disconnect,
			}},
			{Title: "Inspect a cluster", Commands: []cli.Command{
				listen.Nodes, command.Sockets, command.Rooms, command.Request, listen.Tail,
			}},
			{Title: "Read the log", Commands: []cli.Command{history.Command, command.Log}},
			{Title: "Set up a server", Commands: []cli.Command{command.Schema, doctor.Command}},
			{Title: "Run servers", Commands: []cli.Command{demo.Command, serve.Command, bridge.Command}},
			{Title: "Extend backplane", Commands: []cli.Command{scaffold.Command}},
			{Title: "This program", Commands: []cli.Command{version}},
		},
	}
	last := &p.Groups[len(p.Groups)-1]
	last.Commands = append(last.Commands, p.Completion())
	return p
}
