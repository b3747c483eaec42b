package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// FuzzCommandLine runs the program with arbitrary arguments, one per line. The context has ended, so it connects to
// nothing.
func FuzzCommandLine(f *testing.F) {
	f.Setenv("DATABASE_URL", "postgres://u@127.0.0.1:1/x?sslmode=disable")
	for _, line := range []string{
		"", "help", "help\nemit", "-h", "--version", "version", "emi", "\x00", "\xff",
		"emit\nevent\n[1]\n--room\na", "emit\n--nsp\n/x\ne\n{}", "emit\n--timeout\n-1s", "__complete\nemit\n--",
		"join\nroom\n--all", "leave\nroom\n--socket\nid", "disconnect\n--all\n--close",
		"nodes\n--json", "sockets\n--room=a", "rooms", "request\nevent\n--no-ack", "tail\n--nsp=/a",
		"schema\ndown\n--table\na.b", "schema\n--functions\n--role\nr", "doctor\n--postgres\nx", "completion\nbash",
		"serve\n--addr\n:0", "demo\n--postgres\nx",
		"tail\n--dialect\nlegacy\n--type\n101", "nodes\n--dialect=legacy", "serve\n--dialect=x",
		"doctor\n--dialect=legacy\n--prefix=p",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var out, errs bytes.Buffer
		code := program().Run(ctx, strings.Split(line, "\n"),
			cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		switch code {
		case 0:
		case 1, 2:
			require.NotEmpty(t, errs.String(), "exit status %d, but no reason on stderr", code)
		default:
			t.Fatalf("exit status %d", code)
		}
	})
}
