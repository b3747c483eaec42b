package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// report converts the events of go test -json to the usual output of go test. At the end it lists the skipped tests
// by reason and repeats the output of the failed tests, because people and CI services look at the end of a long log
// first.
type report struct {
	out     io.Writer
	pending map[testName]*strings.Builder // output of running tests and packages
	skipped map[string][]testName         // by reason
	failed  []failure
}

// failure is a test, a package or a build that failed.
type failure struct {
	name   string
	output string
}

// testName names a test, or a package if Test is empty.
type testName struct{ Package, Test string }

// event is an event of go test -json; see go doc test2json.
type event struct {
	testName
	Action     string
	Output     string
	ImportPath string // of build events
}

func (r *report) read(events io.Reader) {
	r.pending = make(map[testName]*strings.Builder)
	r.skipped = make(map[string][]testName)
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.event(e)
			} else {
				fmt.Fprintf(r.out, "%s", line)
			}
		}
		if err != nil {
			return
		}
	}
}

// verdict matches the result lines of packages, which go test always prints.
var verdict = regexp.MustCompile(`^(ok  |\?   |FAIL|---)\s`)

// progress matches lines that go test prints only with -v.
var progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME|ATTR)\s`)

func (r *report) event(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
		r.buffer(testName{Package: e.ImportPath}).WriteString(e.Output)
	case "build-fail":
		r.failed = append(r.failed, failure{e.ImportPath, r.take(testName{Package: e.ImportPath})})
	case "output":
		switch {
		case e.Test == "" && verdict.MatchString(e.Output):
			fmt.Fprint(r.out, e.Output)
		case !progress.MatchString(e.Output):
			r.buffer(e.testName).WriteString(e.Output)
		}
	case "skip":
		text := r.take(e.testName)
		if e.Test != "" { // a package without tests counts as skipped too
			reason := reasonOf(text)
			r.skipped[reason] = append(r.skipped[reason], e.testName)
		}
	case "fail":
		if e.Test == "" {
			r.unfinished(e.Package)
		}
		r.fail(e.testName)
	case "pass":
		r.take(e.testName)
	}
}

// unfinished reports the tests that were running when their package failed.
func (r *report) unfinished(pkg string) {
	for name := range r.pending {
		if name.Package == pkg && name.Test != "" {
			r.fail(name)
		}
	}
}

// fail prints the output of a failed test or package and keeps it for the end.
func (r *report) fail(name testName) {
	output := r.take(name)
	fmt.Fprint(r.out, output)
	r.failed = append(r.failed, failure{strings.TrimSpace(name.Package + " " + name.Test), output})
}

func (r *report) buffer(name testName) *strings.Builder {
	b := r.pending[name]
	if b == nil {
		b = new(strings.Builder)
		r.pending[name] = b
	}
	return b
}

func (r *report) take(name testName) string {
	text := r.buffer(name).String()
	delete(r.pending, name)
	return text
}

// place matches the source position before the reason of a skip.
var place = regexp.MustCompile(`(?m)^\s*[\w.-]+\.go:\d+: `)

// reasonOf returns the text of Skip from the output of a test, without the source position and the line with the
// test's name.
func reasonOf(output string) string {
	var reason []string
	for line := range strings.Lines(place.ReplaceAllString(output, "")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--- SKIP") {
			reason = append(reason, line)
		}
	}
	if len(reason) == 0 {
		return "no reason given"
	}
	return strings.Join(reason, " ")
}

func (r *report) printSkips() {
	reasons := make([]string, 0, len(r.skipped))
	for reason := range r.skipped {
		reasons = append(reasons, reason)
	}
	if len(reasons) == 0 {
		return
	}
	slices.Sort(reasons)
	fmt.Fprintln(r.out, "\nSkipped tests:")
	for _, reason := range reasons {
		fmt.Fprintf(r.out, "  %s\n", reason)
		for _, name := range r.skipped[reason] {
			fmt.Fprintf(r.out, "    %s %s\n", name.Package, name.Test)
		}
	}
}

// maxRepeated limits how many bytes of each failure are repeated at the end.
const maxRepeated = 4 << 10

func (r *report) printFailures() {
	if len(r.failed) == 0 {
		return
	}
	fmt.Fprintln(r.out, "\nFailed:")
	for _, f := range r.failed {
		fmt.Fprintf(r.out, "  %s\n", f.name)
		output := strings.TrimRight(f.output, "\n")
		if omitted := len(output) - maxRepeated; omitted > 0 {
			fmt.Fprintf(r.out, "    (%d more bytes above)\n", omitted)
			output = output[omitted:]
		}
		for line := range strings.Lines(output) {
			fmt.Fprintf(r.out, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
}
