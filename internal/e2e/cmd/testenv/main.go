// Command testenv runs a command with everything the tests need: a throwaway PostgreSQL, and Node.js with the
// packages of the Node world. What is missing is installed where that is possible; otherwise the tests that need
// it skip, and testenv says in the end what was skipped and why.
//
//	go run ./internal/e2e/cmd/testenv [-summary] [-setup=false] [-set name=value] -- command [arguments]
//
// The command finds these variables, which can also be given to testenv:
//
//   - BACKPLANE_TEST_POSTGRES: URL of the server. If it is given, no server is started.
//   - BACKPLANE_TEST_PGBIN: folder of PostgreSQL's programs.
//   - BACKPLANE_TEST_POSTGRES_OWN: 1 if tests may start servers of their own.
//   - BACKPLANE_TEST_NODE_MODULES: folder with the Node.js packages.
//
// The server ends with testenv, also if that is killed (on Linux). The exit status is the command's.
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
	summary := flag.Bool("summary", false, "the command is go test -json: print what go test prints, and in the end the skipped and the failed tests")
	setup := flag.Bool("setup", true, "install what is missing (scripts/setup.sh)")
	flag.Func("set", "a setting of the throwaway server, as name=value; may be repeated", func(setting string) error {
		settings = append(settings, setting)
		return nil
	})
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	status, err := run(flag.Args(), settings, *setup, *summary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func run(command, settings []string, setup, summary bool) (status int, err error) {
	// An interrupt is the command's business; testenv waits for it to end and cleans up.
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
		_ = child.Process.Signal(syscall.SIGINT) // fails only if it has ended
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
