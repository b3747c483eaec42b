// Command chaos injects faults into a cluster of three Go nodes and one Node.js node and follows every message; see
// package chaos. With -logged, the cluster has three Go nodes with a log, and official clients; see package logged. The
// exit status is 1 if a promise was broken.
//
//	make chaos [CHAOS=10m] [SEED=7] [LOG=1 [ENGINE=redis]]
package main

import (
	"bufio"
	"cmp"
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
	"github.com/backplane-go/backplane/internal/e2e/chaos/logged"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

func main() {
	chaos.MaybeNode()
	logged.MaybeNode()
	withLog := flag.Bool("logged", false, "inject faults into a cluster with a log")
	length := flag.Duration("for", 0, "how long messages are sent; 0: 2m, with -logged 10m")
	seed := flag.Uint64("seed", 0, "seed of the random faults; 0: choose one")
	rate := flag.Int("rate", 0, "messages per second of each of the two streams of a Go node; with -logged, events "+
		"per second of all nodes and clients together; 0: 60, with -logged 2000")
	engine := flag.String("engine", "postgres", "with -logged: what keeps the messages, postgres or redis")
	help := "inject only these kinds of faults, separated by commas: " + strings.Join(chaos.Kinds(), ", ")
	for _, e := range logged.Engines {
		help += "; with -logged -engine " + e.Name + ": " + strings.Join(e.Kinds(), ", ")
	}
	only := flag.String("only", "", help)
	secret := flag.String("secret", "", "secret of at least 16 bytes that the nodes sign their messages with; the "+
		"cluster then has no Node.js node")
	out := flag.String("out", "", "write what is printed to this file too")
	events := flag.String("events", "", "write every event of every node to this file")
	flag.Parse()
	o := options{length: *length, seed: *seed, rate: *rate, secret: *secret, out: *out, events: *events,
		logged: *withLog}
	i := slices.IndexFunc(logged.Engines, func(e logged.Engine) bool { return e.Name == *engine })
	if i < 0 || i > 0 && !*withLog {
		fmt.Fprintln(os.Stderr, "chaos: -engine is postgres, or with -logged also redis")
		os.Exit(2)
	}
	o.engine = logged.Engines[i]
	known := chaos.Kinds()
	if *withLog {
		known = o.engine.Kinds()
	}
	if *only != "" {
		o.kinds = strings.Split(*only, ",")
	}
	for _, kind := range o.kinds {
		if !slices.Contains(known, kind) {
			fmt.Fprintf(os.Stderr, "chaos: unknown fault %q; known: %s\n", kind, strings.Join(known, ", "))
			os.Exit(2)
		}
	}
	ok, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	length              time.Duration
	seed                uint64
	kinds               []string
	rate                int
	secret, out, events string
	logged              bool
	engine              logged.Engine // of a cluster with a log
}

// run makes the run. It reports whether no promise was broken.
func (o options) run() (ok bool, err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var out io.Writer = os.Stdout
	if o.out != "" {
		file, err := os.Create(o.out)
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = io.MultiWriter(os.Stdout, file)
	}
	var events io.Writer
	if o.events != "" {
		file, err := os.Create(o.events)
		if err != nil {
			return false, err
		}
		buffer := bufio.NewWriter(file)
		defer func() { err = errors.Join(err, buffer.Flush(), file.Close()) }()
		events = buffer
	}
	if o.seed == 0 {
		o.seed = 1 + rand.Uint64N(1_000_000)
	}
	var result interface{ Print(io.Writer) bool }
	if o.logged {
		result, err = o.injectLogged(ctx, out, events)
	} else {
		result, err = o.inject(ctx, out, events)
	}
	if err != nil {
		return false, err
	}
	ok = result.Print(out)
	fmt.Fprintf(out, "\nseed %d\n", o.seed)
	return ok, nil
}

func (o options) inject(ctx context.Context, out, events io.Writer) (*chaos.Result, error) {
	length := cmp.Or(o.length, 2*time.Minute)
	plan := chaos.NewPlan(o.seed, length, o.kinds...)
	fmt.Fprintf(out, "seed %d, %v, %d faults:\n%s\n", o.seed, length, len(plan.Steps), plan)
	return chaos.Run(ctx, chaos.Options{Plan: plan, Length: length, Rate: cmp.Or(o.rate, 60), Secret: o.secret,
		Modules: os.Getenv(nodejs.EnvModules), Log: out, Events: events})
}

func (o options) injectLogged(ctx context.Context, out, events io.Writer) (*logged.Result, error) {
	modules := os.Getenv(nodejs.EnvModules)
	if modules == "" {
		return nil, errors.New("the official clients are missing: set " + nodejs.EnvModules)
	}
	length := cmp.Or(o.length, 10*time.Minute)
	plan := o.engine.NewPlan(o.seed, length, o.kinds...)
	fmt.Fprintf(out, "seed %d, %v, %d faults:\n%s\n", o.seed, length, len(plan.Steps), plan)
	return logged.Run(ctx, logged.Options{Plan: plan, Length: length, Rate: cmp.Or(o.rate, 2000), Modules: modules,
		Log: out, Events: events})
}
