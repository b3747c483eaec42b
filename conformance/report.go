package conformance

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

const modulePath = "github.com/backplane-go/backplane"

// report logs a table of the results and, if all checks have run, one line for a README.
func (s *suite) report(t *testing.T, took time.Duration) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	count := make(map[string]int)
	var b strings.Builder
	fmt.Fprintf(&b, "conformance.%s, %s profile, latency %v\n\n| promise | result | time |\n|---|---|--:|\n", s.name,
		s.profile(), s.latency.Round(10*time.Microsecond))
	for _, r := range s.results {
		count[r.outcome]++
		outcome := r.outcome
		if r.reason != "" {
			outcome += ": " + r.reason
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f s |\n", r.check, outcome, r.took.Seconds())
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped in %.1f s\n", count["ok"], count["FAIL"], count["skipped"],
		took.Seconds())
	if len(s.results) == s.checkCount {
		line := s.readmeLine(count)
		t.Attr("conformance", line)
		b.WriteString(line + "\n")
	}
	t.Log(b.String())
}

func (s *suite) profile() string {
	if s.soak {
		return "soak"
	}
	return "quick"
}

// readmeLine says in one line what was checked, and the versions.
func (s *suite) readmeLine(count map[string]int) string {
	what := fmt.Sprintf("%s %d of %d", s.name, count["ok"], s.checkCount)
	if n := count["skipped"]; n > 0 {
		what += fmt.Sprintf(" (%d skipped)", n)
	}
	parts := []string{"backplane conformance: " + what, s.profile()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path != modulePath {
			parts = append(parts, info.Main.Path+" "+version(info.Main))
		}
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == modulePath {
				parts = append(parts, "backplane "+version(*m))
			}
		}
	}
	return strings.Join(append(parts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), " · ")
}

func version(m debug.Module) string {
	if m.Version == "" {
		return "(devel)"
	}
	return m.Version
}
