// Command flakes runs the tests of each package many times and counts the runs that fail.
//
//	go run ./internal/e2e/cmd/flakes [-runs 300] [-internal 30] [-load 2] [-for 0] [packages]
//	go run ./internal/e2e/cmd/flakes -suites [-runs 300] [-run check] [-load 2] [-for 0] ./conformance
//
// Each run is a process of its own with shuffled tests. Runs with and without the race detector take turns, and so do
// one processor and all of them, beside a load that keeps every processor busy. The exit status is 1 if any run failed.
// The output of the runs that failed is printed, with the command that repeats them.
//
// With -suites it runs the tests of the suites of package conformance, so often with and without the race detector and on 1, 2 and 8 processors,
// and counts for each check the runs on what is right, and how often it caught each of its mutants.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var p plan
	flag.IntVar(&p.runs, "runs", 300, "runs of each package that is not below a folder internal")
	flag.IntVar(&p.internal, "internal", 30, "runs of each package that is")
	flag.IntVar(&p.load, "load", 2, "processes that compute beside the tests; 0: none")
	flag.DurationVar(&p.limit, "for", 0, "stop after this time and print what was found so far; 0: no limit")
	flag.DurationVar(&p.timeout, "timeout", 8*time.Minute, "end a run that takes longer, as a failure")
	flag.StringVar(&p.test, "run", "", "run only the tests that match this regular expression")
	flag.BoolVar(&p.suites, "suites", false, "run the tests of conformance suites and count for each check: -run is then the name of a check or TestBusSuite, and -runs counts for each variant")
	spin := flag.Bool("spin", false, "compute until the standard input ends: used by the command itself for its load")
	flag.Parse()
	if *spin {
		compute()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = []string{"work"}
	}
	failed, err := p.carryOut(ctx, patterns)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flakes:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// plan says how often to run what.
type plan struct {
	runs, internal int
	load           int
	limit, timeout time.Duration
	test           string
	suites         bool
}

// carryOut runs the tests of the packages and returns how many runs have failed.
func (p *plan) carryOut(ctx context.Context, patterns []string) (failed int, err error) {
	if p.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.limit)
		defer cancel()
	}
	folder, err := os.MkdirTemp("", "flakes-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	if p.suites {
		return p.proveSuites(ctx, folder, patterns[0])
	}
	packages, err := list(ctx, patterns)
	if err != nil {
		return 0, err
	}
	stopLoad, err := startLoad(p.load)
	if err != nil {
		return 0, err
	}
	defer stopLoad()
	var results []result
	for i, pkg := range packages {
		fmt.Printf("[%d/%d] %s\n", i+1, len(packages), pkg.ImportPath)
		r, err := p.run(ctx, filepath.Join(folder, fmt.Sprint(i)), pkg)
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		failed += r.failed
		results = append(results, r)
		if ctx.Err() != nil {
			fmt.Println("stopped before all was run:", context.Cause(ctx))
			break
		}
	}
	print(os.Stdout, results)
	return failed, nil
}
