// Command testenv runs a command with everything the tests need: a temporary PostgreSQL server, and Node.js with the
// npm packages. It installs what is missing if it can. Otherwise the tests that need it are skipped, and testenv
// prints at the end which tests were skipped and why.
//
//	go run ./internal/e2e/cmd/testenv [-summary] [-setup=false] [-set name=value] -- command [arguments]
//
// testenv sets these environment variables for the command. Variables that are set already are kept:
//
//   - BACKPLANE_TEST_POSTGRES: URL of the server. If it is set, testenv starts no server.
//   - BACKPLANE_TEST_PGBIN: folder of PostgreSQL's programs.
//   - BACKPLANE_TEST_POSTGRES_OWN: 1 if tests may start their own servers.
//   - BACKPLANE_TEST_NODE_MODULES: folder with the Node.js packages.
//
// On Linux the server ends with testenv even if testenv is killed. The exit status is the status of the command.
//
// # Files
//
//   - main.go: the flags, and running the command
//   - environment.go: what the tests need
//   - report.go: the output of go test -json, and the lists of skipped and failed tests
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	var settings []string
	summary := flag.Bool("summary", false, "the command is go test -json: print the usual output of go test, and at "+
		"the end the skipped and failed tests")
	setup := flag.Bool("setup", true, "install what is missing (scripts/setup.sh)")
	flag.Func("set", "setting of the temporary server, name=value; may be repeated", func(setting string) error {
		settings = append(settings, setting)
		return nil
	})
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	status, err := runCommand(flag.Args(), settings, *setup, *summary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func runCommand(command, settings []string, setup, summary bool) (status int, err error) {
	// The command handles an interrupt. testenv waits until it has ended and cleans up.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env, err := prepare(ctx, settings, setup)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, env.stop()) }()

	child := exec.Command(command[0], command[1:]...)
	child.Env = append(os.Environ(), env.variables...)
	child.Stdin, child.Stderr = os.Stdin, os.Stderr
	results := &report{out: os.Stdout}
	var pipe io.Reader
	if !summary {
		child.Stdout = os.Stdout
	} else if pipe, err = child.StdoutPipe(); err != nil {
		return 1, err
	}
	if err := child.Start(); err != nil {
		return 1, err
	}
	go func() {
		<-ctx.Done()
		_ = child.Process.Signal(syscall.SIGINT) // fails only if the process has ended
	}()
	if summary {
		results.read(pipe)
	}
	err = child.Wait()
	results.printSkips()
	results.printFailures()
	for _, reason := range env.missing {
		fmt.Println("testenv: missing:", reason)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
