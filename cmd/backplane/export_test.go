package main

import (
	"context"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// Run runs the program in this process.
func Run(ctx context.Context, args []string, streams cli.Streams) (code int) {
	return program().Run(ctx, args, streams)
}
