// Command flakes finds flaky tests: it runs the tests of each package many times and counts the runs that fail.
//
//	go run ./internal/e2e/cmd/flakes [-runs 300] [-internal 30] [-load 2] [-for 0] [packages]
//	go run ./internal/e2e/cmd/flakes -suites [-runs 300] [-run check] [-load 2] [-for 0] ./conformance
//
// Each run is a new process with shuffled tests. The runs alternate between builds with and without the race
// detector, and between one processor and all processors. Meanwhile, other processes keep the processors busy.
// The command prints the output of each failed run with a command that repeats it. The exit status is 1 if any
// run failed.
//
// With -suites it runs the tests of the suites of package conformance, with and without the race detector, on 1, 2
// and 8 processors. For each check it counts the runs on correct implementations and how often the check caught each
// of its mutants.
//
// # Files
//
//   - main.go: the flags and the plan
//   - run.go: the runs of a package
//   - suites.go: the flag -suites
//   - load.go: the load on the processors
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
	flag.IntVar(&p.runs, "runs", 300, "runs of each package that is not below a directory internal")
	flag.IntVar(&p.internal, "internal", 30, "runs of each package below a directory internal")
	flag.IntVar(&p.load, "load", 2, "processes that keep processors busy during the tests; 0: none")
	flag.DurationVar(&p.limit, "for", 0, "stop after this time and print the results so far; 0: no limit")
	flag.DurationVar(&p.timeout, "timeout", 8*time.Minute, "kill a run that takes longer and count it as failed")
	flag.StringVar(&p.test, "run", "", "run only the tests that match this regular expression")
	flag.BoolVar(&p.suites, "suites", false, "run the suites of package conformance and count for each check; -run "+
		"is then the name of a check or a suite, such as TestBusSuite, and -runs applies to each variant")
	spin := flag.Bool("spin", false, "internal: keep a processor busy until standard input ends")
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
	failed, err := p.runAll(ctx, patterns)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flakes:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// plan has the settings of the command.
type plan struct {
	runs, internal int
	load           int
	limit, timeout time.Duration
	test           string
	suites         bool
}

// runAll runs the tests of the packages and returns the number of failed runs.
func (p *plan) runAll(ctx context.Context, patterns []string) (failed int, err error) {
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
		r, err := p.runPackage(ctx, filepath.Join(folder, fmt.Sprint(i)), pkg)
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		failed += r.failed
		results = append(results, r)
		if ctx.Err() != nil {
			fmt.Println("stopped before all runs were done:", context.Cause(ctx))
			break
		}
	}
	print(os.Stdout, results)
	return failed, nil
}
