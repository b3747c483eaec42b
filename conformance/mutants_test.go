package conformance_test

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/testparallel"
)

func TestMain(m *testing.M) {
	testparallel.Set("16")
	goleak.VerifyTestMain(m)
}

// mutantPatience is how long checks wait for something that a mutant does not do.
const mutantPatience = 150 * time.Millisecond

// recordingTB is a testing.TB that records a failure instead of failing the test.
type recordingTB struct {
	testing.TB

	mu      sync.Mutex // guards the following fields
	failed  bool
	skipped bool
	text    string
}

// record runs f on a new goroutine, which Fatal and Skip end, and returns what f reported.
func record(tb testing.TB, f func(testing.TB)) *recordingTB {
	r := &recordingTB{TB: tb}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func (r *recordingTB) note(failed, skipped bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	r.skipped = r.skipped || skipped
	r.text += text
}

func (r *recordingTB) Helper()         {}
func (r *recordingTB) Log(args ...any) { r.note(false, false, fmt.Sprintln(args...)) }
func (r *recordingTB) Logf(format string, args ...any) {
	r.note(false, false, fmt.Sprintf(format, args...))
}
func (r *recordingTB) Error(args ...any) { r.note(true, false, fmt.Sprintln(args...)) }
func (r *recordingTB) Errorf(format string, args ...any) {
	r.note(true, false, fmt.Sprintf(format, args...))
}
func (r *recordingTB) Fail()                             { r.note(true, false, "") }
func (r *recordingTB) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recordingTB) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recordingTB) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recordingTB) SkipNow()                          { r.note(false, true, ""); runtime.Goexit() }
func (r *recordingTB) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *recordingTB) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }

func (r *recordingTB) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// mutant is an implementation with exactly one bug, which the check must catch.
type mutant[H any] struct {
	check, bug string
	harness    func(t *testing.T) H
}

// suiteTest tests a suite: each check passes a correct implementation and catches its mutants.
type suiteTest[H any] struct {
	checks  []string
	why     func(tb testing.TB, check string) string
	run     func(tb testing.TB, check string, h H)
	good    func(t *testing.T) H
	mutants []mutant[H]
	// virtualClock runs the checks on the virtual clock of package synctest: waiting for something that a
	// mutant does not do takes no time, and a busy machine delays nothing. The implementation may wait on
	// channels and timers only, not on mutexes or for I/O.
	virtualClock bool
	// computes is set if ConcurrentUse is the only check with several goroutines. The others take up to ten times
	// longer with the race detector, and do not run with it.
	computes bool
}

var (
	realClock = flag.Bool("realclock", false, "run all checks of mutants on the real clock")
	// All mutants take many minutes with the race detector, which finds nothing in most of them, and on 32-bit systems,
	// where the correct implementations show what differs.
	fewMutants = flag.Bool("few", raceEnabled || strconv.IntSize == 32,
		"run the first mutant of each check only, or none on a 32-bit system")
)

func (s suiteTest[H]) test(t *testing.T) {
	t.Run("EachCheckHasAMutant", func(t *testing.T) {
		caught := make(map[string]bool)
		for _, m := range s.mutants {
			caught[m.check] = true
		}
		for _, check := range s.checks {
			require.True(t, caught[check], "no mutant tests %s: add one", check)
			require.True(t, strings.ToUpper(check[:1]) == check[:1], check)
		}
	})
	for _, check := range s.checks {
		if s.leavesOut(check) {
			continue
		}
		t.Run("Good/"+check, func(t *testing.T) { s.onClock(t, func(t *testing.T) { s.passes(t, check) }) })
	}
	seen, most := make(map[string]int), 1
	if strconv.IntSize == 32 {
		most = 0
	}
	for _, m := range s.mutants {
		seen[m.check]++
		if *fewMutants && seen[m.check] > most || s.leavesOut(m.check) {
			continue
		}
		t.Run(m.check+"/"+strings.ReplaceAll(m.bug, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s.onClock(t, func(t *testing.T) { s.catches(t, m) })
		})
	}
}

// concurrentUse is the check of codecs and dialects that has several goroutines.
const concurrentUse = "ConcurrentUse"

// leavesOut reports whether a check does not run with the race detector, see computes.
func (s suiteTest[H]) leavesOut(check string) bool {
	return s.computes && raceEnabled && check != concurrentUse
}

// onClock runs f on the clock of the suite.
func (s suiteTest[H]) onClock(t *testing.T, f func(t *testing.T)) {
	if s.virtualClock && !*realClock {
		synctest.Test(t, f)
	} else {
		f(t)
	}
}

func (s suiteTest[H]) passes(t *testing.T, check string) {
	r := record(t, func(tb testing.TB) { s.run(tb, check, s.good(t)) })
	require.False(t, r.failed, "the check fails a correct implementation: %s", r.text)
	require.False(t, r.skipped, "the correct implementation supports everything, so nothing may be skipped: %s", r.text)
}

func (s suiteTest[H]) catches(t *testing.T, m mutant[H]) {
	r := record(t, func(tb testing.TB) { s.run(tb, m.check, m.harness(t)) })
	require.True(t, r.failed, "%s did not notice that the mutant %s", m.check, m.bug)
	for _, part := range []string{"called: ", "wanted: ", "got: ", "rule: ", "why: " + s.why(t, m.check)} {
		require.Contains(t, r.text, part)
	}
	t.Log(r.text)
}
