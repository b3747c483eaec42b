// Command backplane shows a cluster at work. Run "backplane help".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	program := cli.Program{
		Name:    "backplane",
		Summary: "connects the servers of a realtime cluster",
		Commands: []cli.Command{
			demo.Command,
			version,
		},
	}
	code := program.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
