// Command chaos injects faults into a cluster of three Go nodes and one Node.js node and follows every message; see
// package chaos. The exit status is 1 if a promise was broken.
//
//	make chaos [CHAOS=10m] [SEED=7]
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

func main() {
	chaos.MaybeNode()
	length := flag.Duration("for", 2*time.Minute, "how long the nodes send messages")
	seed := flag.Uint64("seed", 0, "seed of the random faults; 0: choose one")
	rate := flag.Int("rate", 60, "messages per second of each of the two streams of a Go node")
	only := flag.String("only", "", "inject only these kinds of faults, separated by commas: "+strings.Join(
		chaos.Kinds(), ", "))
	secret := flag.String("secret", "", "secret of at least 16 bytes that the nodes sign their messages with; the "+
		"cluster then has no Node.js node")
	log := flag.String("log", "", "write the log to this file too")
	events := flag.String("events", "", "write every event of every node to this file")
	flag.Parse()
	var kinds []string
	if *only != "" {
		kinds = strings.Split(*only, ",")
	}
	for _, kind := range kinds {
		if !slices.Contains(chaos.Kinds(), kind) {
			fmt.Fprintf(os.Stderr, "chaos: unknown fault %q; known: %s\n", kind, strings.Join(chaos.Kinds(), ", "))
			os.Exit(2)
		}
	}
	ok, err := inject(*length, *seed, kinds, *rate, *secret, *log, *events)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func inject(length time.Duration, seed uint64, kinds []string, rate int, secret, log, events string) (ok bool,
	err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var out io.Writer = os.Stdout
	if log != "" {
		file, createErr := os.Create(log)
		if createErr != nil {
			return false, createErr
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = io.MultiWriter(os.Stdout, file)
	}
	options := chaos.Options{Secret: secret, Length: length, Rate: rate, Modules: os.Getenv(nodejs.EnvModules),
		Log: out}
	if events != "" {
		file, createErr := os.Create(events)
		if createErr != nil {
			return false, createErr
		}
		buffer := bufio.NewWriter(file)
		defer func() { err = errors.Join(err, buffer.Flush(), file.Close()) }()
		options.Events = buffer
	}
	if seed == 0 {
		seed = 1 + rand.Uint64N(1_000_000)
	}
	options.Plan = chaos.NewPlan(seed, length, kinds...)
	fmt.Fprintf(out, "seed %d, %v, %d faults:\n%s\n", seed, length, len(options.Plan.Steps), options.Plan)
	result, err := chaos.Run(ctx, options)
	if err != nil {
		return false, err
	}
	ok = result.Print(out)
	fmt.Fprintf(out, "\nseed %d\n", seed)
	return ok, nil
}
