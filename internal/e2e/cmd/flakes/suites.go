package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// runsPerProcess is the number of runs of one process before the next variant is used. With a time limit it is one,
// so that all variants are used.
const runsPerProcess = 10

// suiteVariants are used in turn.
var suiteVariants = []variant{{false, "1"}, {true, "1"}, {false, "2"}, {true, "2"}, {false, "8"}, {true, "8"}}

// tally counts the results of the checks of all suites and of their mutants. The tests of a suite are
//
//	TestBusSuite/Good/OrderIsKept           the check passes on a correct implementation
//	TestBusSuite/OrderIsKept/loses_messages the check catches a mutant
type tally struct {
	checks map[string]*count // by suite and name of the check
	// processes that ended without the result of a test, for example by a panic or at the time limit
	processes count
}

// count has the results of one check.
type count struct {
	runs, failed  int
	took          time.Duration
	mutants       map[string]bool // their names
	tried, missed int             // runs with mutants, and runs that missed the mutant
}

// event is an event of "go tool test2json".
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

// proveSuites runs the tests of all suites of a package in all variants, with the load.
func (p *plan) proveSuites(ctx context.Context, folder, pattern string) (failed int, err error) {
	packages, err := list(ctx, []string{pattern})
	if err != nil {
		return 0, err
	}
	if len(packages) != 1 {
		return 0, fmt.Errorf("%s must be exactly one package with tests", pattern)
	}
	binary := filepath.Join(folder, "suites")
	if err := build(ctx, binary, packages[0].ImportPath); err != nil {
		return 0, err
	}
	converter, err := exec.CommandContext(ctx, "go", "tool", "-n", "test2json").Output()
	if err != nil {
		return 0, fmt.Errorf("go tool -n test2json: %w", err)
	}
	stopLoad, err := startLoad(p.load)
	if err != nil {
		return 0, err
	}
	defer stopLoad()
	t := tally{checks: make(map[string]*count)}
	done := make(map[variant]int)
	most := runsPerProcess
	if p.limit > 0 {
		most = 1
	}
	for n := 0; n < p.runs && ctx.Err() == nil; n += most {
		runs := min(most, p.runs-n)
		for _, v := range suiteVariants {
			if ctx.Err() != nil {
				break
			}
			started := time.Now()
			cmd := exec.CommandContext(ctx, strings.TrimSpace(string(converter)), name(binary, v.race),
				"-test.v=test2json", "-test.shuffle=on",
				fmt.Sprint("-test.count=", runs), "-test.timeout="+p.timeout.String(), "-test.run="+suiteTests(p.test),
				"-few=false")
			cmd.Dir = packages[0].Dir
			cmd.Env = append(os.Environ(), "GOMAXPROCS="+v.processors)
			if err := t.follow(ctx, cmd, v); err != nil {
				return 0, err
			}
			if ctx.Err() == nil {
				done[v] += runs
				fmt.Printf("%s: %d runs in %.1f s\n", v, runs, time.Since(started).Seconds())
			}
		}
	}
	for _, v := range suiteVariants {
		fmt.Printf("%6d complete runs of %s\n", done[v], v)
	}
	return t.print(os.Stdout), nil
}

// suiteTests returns the -run pattern for the checks that match checks, in all suites. checks may also be the name of
// a suite.
func suiteTests(checks string) string {
	switch {
	case checks == "":
		return "Suite$"
	case strings.Contains(checks, "Suite"):
		return checks
	}
	return fmt.Sprintf("Suite$/^Good$/(%s)|Suite$/(%s)", checks, checks)
}

// follow runs a command, counts the results of its tests and prints the output of those that fail.
func (t *tally) follow(ctx context.Context, cmd *exec.Cmd, v variant) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	output := make(map[string]*bytes.Buffer)
	failed, crashed := false, false
	for d := json.NewDecoder(out); ; {
		var e event
		if err := d.Decode(&e); err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				return fmt.Errorf("reading from test2json: %w", err)
			}
			break
		}
		switch e.Action {
		case "start", "run":
			delete(output, e.Test)
		case "output":
			if output[e.Test] == nil {
				output[e.Test] = new(bytes.Buffer)
			}
			output[e.Test].WriteString(e.Output)
		case "pass", "skip":
			t.note(e, false)
			delete(output, e.Test)
		case "fail":
			if ctx.Err() != nil {
				break // the command was interrupted
			}
			crashed = crashed || e.Test == ""
			if t.note(e, true) {
				failed = true
				fmt.Printf("--- %s failed: %s\n%s", e.Test, v, output[e.Test])
			}
		}
	}
	if cmd.Wait(); crashed && !failed && ctx.Err() == nil {
		t.processes.failed++
		fmt.Printf("--- a process failed: %s\n", v)
		for test, text := range output {
			fmt.Printf("%s\n%s", test, text)
		}
	}
	return nil
}

// note counts the result of a test and reports whether the test belongs to a check.
func (t *tally) note(e event, failed bool) bool {
	parts := strings.SplitN(e.Test, "/", 3)
	if len(parts) < 3 || strings.Contains(parts[2], "/") && parts[1] == "Good" {
		return false
	}
	suite := strings.TrimSuffix(strings.TrimPrefix(parts[0], "Test"), "Suite")
	good := parts[1] == "Good"
	check := suite + " " + parts[1]
	if good {
		check = suite + " " + parts[2]
	}
	c := t.checks[check]
	if c == nil {
		c = &count{mutants: make(map[string]bool)}
		t.checks[check] = c
	}
	c.took += time.Duration(e.Elapsed * float64(time.Second))
	n := 0
	if failed {
		n = 1
	}
	if good {
		c.runs, c.failed = c.runs+1, c.failed+n
	} else {
		c.mutants[parts[2]] = true
		c.tried, c.missed = c.tried+1, c.missed+n
	}
	return true
}

// print writes a table of the checks and a table of their mutants. It returns the number of failed runs.
func (t *tally) print(w io.Writer) (failed int) {
	names := slices.Sorted(maps.Keys(t.checks))
	sum := count{failed: t.processes.failed}
	mutants := 0
	fmt.Fprintf(w, "\n%8s %8s %8s  %s\n", "runs", "failed", "seconds", "check, with its mutants")
	for _, name := range names {
		c := t.checks[name]
		fmt.Fprintf(w, "%8d %8d %8.1f  %s\n", c.runs+c.tried, c.failed+c.missed, c.took.Seconds(), name)
		sum.runs, sum.failed = sum.runs+c.runs, sum.failed+c.failed
		sum.tried, sum.missed, mutants = sum.tried+c.tried, sum.missed+c.missed, mutants+len(c.mutants)
	}
	fmt.Fprintf(w, "\n%8s %10s %10s  %s\n", "mutants", "runs", "caught", "kind")
	for _, name := range names {
		c := t.checks[name]
		fmt.Fprintf(w, "%8d %10d %10d  %s\n", len(c.mutants), c.tried, c.tried-c.missed, name)
	}
	fmt.Fprintf(w, "%8d %10d %10d  all\n\n%d of %d runs on correct implementations failed, %d processes ended "+
		"without a result, %d of %d mutants were missed\n",
		mutants, sum.tried, sum.tried-sum.missed, sum.failed-t.processes.failed, sum.runs, t.processes.failed,
		sum.missed, sum.tried)
	return sum.failed + sum.missed
}
