package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// pkg is a package with tests.
type pkg struct {
	ImportPath, Dir           string
	TestGoFiles, XTestGoFiles []string
}

// list returns the packages with tests.
func list(ctx context.Context, patterns []string) ([]pkg, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"},
		patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		if len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 {
			all = append(all, p)
		}
	}
}

// isInternal reports whether a package is below a directory "internal". Many of those packages test with servers and
// browsers, which takes long.
func isInternal(importPath string) bool { return strings.Contains(importPath+"/", "/internal/") }

// variant is a way to run tests.
type variant struct {
	race       bool
	processors string // GOMAXPROCS; empty: all processors
}

// variants are used in turn.
var variants = []variant{{true, "1"}, {false, "1"}, {true, ""}, {false, ""}}

func (v variant) String() string {
	s := ""
	if v.processors != "" {
		s = "GOMAXPROCS=" + v.processors + " "
	}
	s += "go test"
	if v.race {
		s += " -race"
	}
	return s
}

// result counts the runs of a package.
type result struct {
	pkg          string
	runs, failed int
	took         time.Duration
}

// runPackage builds the tests of a package and runs them as often as planned, one run after the other: only startLoad
// adds to the load of the machine.
func (p *plan) runPackage(ctx context.Context, binary string, pkg pkg) (result, error) {
	r := result{pkg: pkg.ImportPath}
	if err := build(ctx, binary, pkg.ImportPath); err != nil {
		return r, err
	}
	defer os.Remove(name(binary, true))
	defer os.Remove(name(binary, false))
	runs := p.runs
	if isInternal(pkg.ImportPath) {
		runs = p.internal
	}
	start := time.Now()
	for n := range runs {
		v := variants[n%len(variants)]
		out, err := p.runBinary(ctx, name(binary, v.race), pkg.Dir, v)
		if ctx.Err() != nil {
			break // the command was interrupted
		}
		r.runs++
		if err != nil {
			r.failed++
			fmt.Printf("--- run %d of %s failed: %v\n%s\n--- to repeat: %s -shuffle=%s %s\n", n+1, pkg.ImportPath, err,
				out, v, seed(out), pkg.ImportPath)
		}
	}
	r.took = time.Since(start)
	fmt.Printf("  %d runs, %d failed, %.1f s each\n", r.runs, r.failed, r.took.Seconds()/float64(max(r.runs, 1)))
	return r, nil
}

// build builds the tests of a package, with and without the race detector.
func build(ctx context.Context, binary, importPath string) error {
	for _, race := range []bool{true, false} {
		args := []string{"test", "-c", "-o", name(binary, race)}
		if race {
			args = append(args, "-race")
		}
		cmd := exec.CommandContext(ctx, "go", append(args, importPath)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

func name(binary string, race bool) string {
	if race {
		return binary + "-race.test"
	}
	return binary + ".test"
}

// runBinary runs a test binary once, in the directory of its package.
func (p *plan) runBinary(ctx context.Context, binary, dir string, v variant) (output []byte, err error) {
	args := []string{"-test.shuffle=on", "-test.timeout=" + p.timeout.String()}
	if p.test != "" {
		args = append(args, "-test.run="+p.test)
	}
	absolute, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, absolute, args...)
	cmd.Dir = dir
	cmd.Env = os.Environ()
	if v.processors != "" {
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+v.processors)
	}
	return cmd.CombinedOutput()
}

var shuffled = regexp.MustCompile(`(?m)^-test\.shuffle (\d+)$`)

// seed returns the shuffle seed from the output of a run.
func seed(output []byte) string {
	if m := shuffled.FindSubmatch(output); m != nil {
		return string(m[1])
	}
	return "on"
}

// print writes a table of all packages, those with failures first.
func print(w io.Writer, results []result) {
	failed, runs := 0, 0
	var bad, good strings.Builder
	for _, r := range results {
		line := &good
		if r.failed > 0 {
			line = &bad
		}
		fmt.Fprintf(line, "%8d %8d %8.1f  %s\n", r.failed, r.runs, r.took.Seconds(), r.pkg)
		failed, runs = failed+r.failed, runs+r.runs
	}
	fmt.Fprintf(w, "\n%8s %8s %8s\n%s%s\n%d of %d runs failed\n", "failed", "runs", "seconds", bad.String(),
		good.String(), failed, runs)
}
