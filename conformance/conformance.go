// Package conformance proves that a bus, a store or a codec keeps the promises of its interface.
//
//	func TestConformance(t *testing.T) {
//		conformance.Bus(t, conformance.Harness{NewBus: newBus, Sever: killSessions})
//	}
//
// Every check is a subtest whose name is the promise it proves: run one with
//
//	go test -run 'TestConformance/EachMessageArrivesOnceInOrder$'
//
// A failure says what was called, what was wanted, what came instead, and why that matters. A harness is a
// struct of funcs: a nil optional one skips its checks, each saying so by name. What else a bus can do is read
// from its Limits and from the optional interfaces it implements.
//
// The checks wait for events, never for time to pass: their deadline (Patience) only costs time when something
// is wrong, and that nothing arrives is proven by publishing something that must arrive next. A panic or a hang of the
// implementation fails its check, and the others still run; only a panic on a goroutine that the implementation has started ends the process.
//
// # Profiles
//
// Bus, Store, Codec and Cluster are quick: seconds, for every commit. Soak runs the same checks with more messages, larger ones, more
// faults and more time: minutes, for every night.
//
// # Reports
//
// At its end a suite logs a table of the promises, their results and times in Markdown, and one line for a README (go test -v shows them). With
// go test -json each check has its own events, as every subtest has, and the line is the attribute "conformance".
//
// The suites themselves are tested with mutants: for each check there is at least one bus, store or codec with
// exactly one bug that this check catches.
package conformance

import (
	"testing"
	"time"
)

// check proves one promise to a C, which is the suite's case.
type check[C any] struct {
	// name is the promise, in CamelCase.
	name string
	// why cites the promise, and tells what goes wrong for users of a cluster if it is broken.
	why    string
	verify func(C)
}

// Soak is Bus, Store, Codec or Cluster, whichever the harness is for, with more messages, faults and time. It takes minutes.
func Soak[H Harness | StoreHarness | CodecHarness | ClusterHarness](t *testing.T, h H) {
	t.Helper()
	switch h := any(h).(type) {
	case Harness:
		h.runSuite(t, true)
	case StoreHarness:
		h.runSuite(t, true)
	case CodecHarness:
		h.runSuite(t, true)
	case ClusterHarness:
		h.runSuite(t, true)
	}
}

// runChecks runs all checks as subtests and reports on them.
func runChecks[C any](t *testing.T, s *suite, checks []check[C], wrap func(*checker) C) {
	t.Helper()
	s.checkCount = len(checks)
	start := time.Now()
	s.measureLatency(t)
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			c := newChecker(t, s, check.why)
			t.Cleanup(func() { s.addResult(t, check.name, c) })
			c.runWatched(func() { check.verify(wrap(c)) })
		})
	}
	s.report(t, time.Since(start))
}
